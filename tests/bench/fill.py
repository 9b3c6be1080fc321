"""A database as large as the promise: filled in minutes, the same each time.

One real tenant with an object behind every address comes first, worked by our own operations; its rows are
then multiplied by the database itself, one statement for each kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from tenantatlas.accounts.models import User
from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups.models import BackupSet, PolicyVersion, Protection, SetEntry
from tenantatlas.core import clock
from tenantatlas.core.ids import stable_id
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.drift.models import Finding
from tenantatlas.graph import client
from tenantatlas.graph.budget import MemoryBudgets
from tenantatlas.graph.transport import install_transport
from tenantatlas.inventory.models import Policy
from tenantatlas.notifications.models import Notification
from tenantatlas.policies.registry import all_types
from tenantatlas.restore.models import Restore
from tenantatlas.runs.lifecycle import ItemState, Outcome
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.transport import SimulatorTransport
from tenantatlas.tenants import connections
from tenantatlas.tenants.models import Membership, Tenant
from tenantatlas.tenants.scope import tenant_scope
from tests.cast import Cast
from tests.factories import CLIENT_SECRET
from tests.simulated import World
from tests.web.places import Place, every_place, furnish

PEOPLE = ("otto", "ana", "olu")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many there shall be."""

    runs: int = 1_000_000
    items: int = 10_000
    policies: int = 100_000
    tenants: int = 5_000
    audit: int = 200_000
    notifications: int = 100_000
    groups: int = 20_000
    findings: int = 10_000
    sets: int = 2_000
    restores: int = 2_000

    def divided(self, by: int) -> Sizes:
        """So many times fewer of each."""
        return Sizes(**{name: max(number // by, 1) for name, number in vars(self).items()})


def fill(sizes: Sizes) -> list[Place]:
    """Fill this process's database; every address, with something behind it."""
    world = _world()
    with tenant_scope(world.tenant):
        ids = furnish(world)
    _fill_tenants(world, sizes.tenants)
    _fill_runs(world.tenant, ids["run_id"], sizes)
    _fill_policies(ids, sizes.policies)
    _fill_rest(world, ids, sizes)
    if connection.vendor == "postgresql":  # as its own housekeeping does; SQLite has none
        _execute("VACUUM ANALYZE")
    return list(every_place("contoso", ids))


def _world() -> World:
    """Contoso of the template, connected to a simulated tenant."""
    client._process_budgets = MemoryBudgets()
    connections.budget_store = lambda: None  # type: ignore[assignment,return-value]
    people = {name: User.objects.get(email=f"{name}@contoso.example") for name in PEOPLE}
    cast = Cast(
        **people,
        eve=User.objects.get(email="eve@fabrikam.example"),
        contoso=Tenant.objects.get(slug="contoso"),
        fabrikam=Tenant.objects.get(slug="fabrikam"),
    )
    simulator = Simulator(seed=7, clock=clock.current())
    sim = simulator.tenant(cast.contoso.tenant_guid)
    sim.app(stable_id("app", cast.contoso.slug, "reader"), secret=CLIENT_SECRET)
    install_transport(SimulatorTransport(simulator))
    return World(cast=cast, simulator=simulator, sim=sim, clock=clock.current())  # type: ignore[arg-type]


# ── Multiplying ───────────────────────────────────────────────────────────────────────────────────────────


def _execute(statement: str, parameters: Iterable[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters) or None)


def _multiply(model: type[models.Model], pk: Any, number: int, *, over: str = "", **changes: str) -> None:
    """Insert copies of the row: `number` of them as `n.i`, or one for each row of `over`.

    `changes` are SQL by field name.
    """
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(changes.get(field.name, f't."{field.column}"') for field in fields)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})"  # noqa: S608 - a number
    table = f'"{model._meta.db_table}"'
    rows = f"SELECT {values} FROM {table} t, {over or 'n'} WHERE t.id = %s"  # noqa: S608 - names are ours
    start = f"INSERT INTO {table} ({columns})"
    _execute(" ".join((start, "" if over else numbers, rows)), [pk])


def _earlier(column: str, seconds: str) -> str:
    """SQL for the moment in the column, so much earlier."""
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f000', t.\"{column}\", '-' || ({seconds}) || ' seconds')"
    return f"t.\"{column}\" - ({seconds}) * interval '1 second'"


def _one_of(words: Iterable[str]) -> str:
    """SQL that goes through the words in turn."""
    listed = list(words)
    cases = " ".join(f"WHEN {number} THEN '{word}'" for number, word in enumerate(listed))
    return f"CASE n.i %% {len(listed)} {cases} END"


# ── What there is ─────────────────────────────────────────────────────────────────────────────────────────


def _fill_tenants(world: World, number: int) -> None:
    _multiply(
        Tenant,
        world.cast.fabrikam.pk,
        number,
        slug="'customer-' || n.i",
        name="'Customer ' || n.i",
        tenant_guid="'00000000-0000-4000-8000-' || substr('00000000000' || n.i, -12)"
        if connection.vendor == "sqlite"
        else "'00000000-0000-4000-8000-' || lpad(n.i::text, 12, '0')",
    )
    added = "(SELECT id AS tenant FROM tenants_tenant WHERE slug LIKE 'customer-%%') n"
    for person in (world.cast.otto, world.cast.ana):
        own = Membership.objects.get(tenant=world.cast.contoso, user=person)
        _multiply(Membership, own.pk, 0, over=added, tenant="n.tenant")


def _fill_runs(tenant: Tenant, run_id: int, sizes: Sizes) -> None:
    """Seven of ten are Contoso's, over four hundred days; the others everybody's."""
    first = Tenant.objects.filter(slug__startswith="customer-").order_by("pk").values_list("pk", flat=True)[0]
    apart = max(400 * 86400 // sizes.runs, 1)
    moments = {
        name: _earlier(name, f"({sizes.runs} - n.i) * {apart}")
        for name in ("created_at", "started_at", "ended_at", "planned_at")
    }
    _multiply(
        OperationRun,
        run_id,
        sizes.runs,
        tenant=f"CASE WHEN n.i %% 10 < 7 THEN {tenant.pk} ELSE {first} + n.i %% {sizes.tenants} END",
        outcome=_one_of([*[Outcome.SUCCEEDED.value] * 15, *[word.value for word in Outcome]]),
        operation=_one_of(
            ["drift.generate", "inventory.sync", "backup_set.capture", "directory_groups.sync"]
        ),
        **moments,
    )
    item = RunItem.all_tenants.filter(run=run_id).order_by("pk")[0]
    _multiply(
        RunItem,
        item.pk,
        sizes.items,
        key="'item' || n.i",
        label="'Policy ' || n.i",
        position="n.i + 1000",
        state=_one_of([*[ItemState.SUCCEEDED.value] * 8, ItemState.FAILED.value, ItemState.SKIPPED.value]),
    )


def _fill_policies(ids: dict[str, int], number: int) -> None:
    _multiply(
        Policy,
        ids["policy_id"],
        number,
        graph_id="'policy-' || n.i",
        name="'Policy ' || n.i",
        type_key=_one_of(policy_type.key for policy_type in all_types()),
    )
    added = (
        "(SELECT id AS policy, type_key, graph_id, name FROM inventory_policy "
        "WHERE graph_id LIKE 'policy-%%') n"
    )
    same = {"type_key": "n.type_key", "graph_id": "n.graph_id", "name": "n.name"}
    for _ in range(2):
        _multiply(PolicyVersion, ids["version_id"], 0, over=added, policy="n.policy", **same)
    protection = Protection.all_tenants.get(policy=ids["policy_id"])
    versions = (
        "(SELECT max(id) AS version, policy_id AS policy, max(type_key) AS type FROM backups_policyversion "
        "WHERE graph_id LIKE 'policy-%%' GROUP BY policy_id) n"
    )
    _multiply(Protection, protection.pk, 0, over=versions, policy="n.policy", version="n.version")
    entry = SetEntry.all_tenants.filter(backup_set=ids["set_id"]).order_by("pk")[0]
    _multiply(SetEntry, entry.pk, 0, over=versions, policy="n.policy", version="n.version", type_key="n.type")


def _fill_rest(world: World, ids: dict[str, int], sizes: Sizes) -> None:
    newest = AuditEntry.objects.filter(tenant_id=world.tenant.pk).order_by("-sequence")[0]
    _multiply(AuditEntry, newest.pk, sizes.audit, sequence=f"{newest.sequence} + n.i")
    told = Notification.objects.filter(user=world.cast.otto).order_by("pk")[0]
    _multiply(Notification, told.pk, sizes.notifications, subject="'run:bench-' || n.i")
    for model, pk, number, changes in (
        (
            DirectoryGroup,
            ids["group_id"],
            sizes.groups,
            {"graph_id": "'group-' || n.i", "name": "'Group ' || n.i"},
        ),
        (
            Finding,
            ids["finding_id"],
            sizes.findings,
            {"fingerprint": "'finding-' || n.i", "graph_id": "'policy-' || n.i"},
        ),
        (
            BackupSet,
            ids["set_id"],
            sizes.sets,
            {"name": "'Nightly ' || n.i", "run": "NULL", "created_at": _earlier("created_at", "n.i * 3600")},
        ),
        (Restore, ids["restore_id"], sizes.restores, {}),
    ):
        _multiply(model, pk, number, **changes)
