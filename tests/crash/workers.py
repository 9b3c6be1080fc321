"""What the processes of these tests do. Module-level functions: they are sent by name."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from tenantatlas.accounts.capabilities import Role
from tenantatlas.accounts.models import User
from tenantatlas.backups.models import BackupSet, SetType, StagedRow
from tenantatlas.core import clock
from tenantatlas.core.ids import stable_id
from tenantatlas.restore.journal import Journal
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.restore.stored import load_plan
from tenantatlas.runs import engine, registry, services
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.lifecycle import OPEN_STATUSES, Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.simulator.serve import serve
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import current_tenant_id, tenant_scope
from tests.conformance.writes_equal_plan import assert_writes_equal_plan
from tests.factories import CLIENT_SECRET, ConnectionFactory, MembershipFactory, TenantFactory
from tests.processes import PATIENCE_SECONDS

from . import policies, tenantstate

SCALE = 30.0
#: W in these tests: what nobody sees after a minute is not there.
_SETTLE_SECONDS = 60.0
#: How often one that shall die looks for runs that ended meanwhile (real seconds).
_LOOK_EVERY = 0.1
#: Where Linux lists every thread, Python's or not.
_THREADS = Path("/proc/self/task")

Seen = dict[str, Any]


def prepare_process() -> None:
    """Time runs faster here, for both sides alike."""
    clock.install_clock(clock.SystemClock(SCALE))
    settings.ATLAS_TIME_SCALE = SCALE
    settings.ATLAS_GRAPH_SHARE = 1.0
    settings.ATLAS_SETTLE_INTUNE = settings.ATLAS_SETTLE_ENTRA = _SETTLE_SECONDS


def be_graph(port: int, control_port: int, state: str) -> None:
    """Be the simulated Graph until SIGTERM."""
    serve(port=port, control_port=control_port, state=Path(state), seed=7)


def look_around() -> Seen:
    """What a child of the fork server finds when it begins."""
    return {
        "threads": len(list(_THREADS.iterdir())) if _THREADS.is_dir() else threading.active_count(),
        "imported": {"aiohttp", "dbos", "pytest"} <= sys.modules.keys(),
        "engine": engine.launched(),
        "connections": sum(one.connection is not None for one in connections.all(initialized_only=True)),
    }


# ── Before the accident ───────────────────────────────────────────────────────────────────────────────────


def connect(slugs: list[str], graph_url: str) -> None:
    """Tenants of ours, each connected to its tenant in the simulator."""
    ca_pem = (_state() / "ca.pem").read_text()
    for slug in slugs:
        tenant = TenantFactory(
            slug=slug, cloud="custom", graph_url=graph_url, login_url=graph_url, ca_pem=ca_pem
        )
        ConnectionFactory(tenant=tenant)
        MembershipFactory(tenant=tenant, user=_otto(), role=Role.OWNER)


def fill_simulator(slugs: dict[str, list[tuple[str, int]]]) -> None:
    """For each tenant: what policies name, and so many policies of each type. Saved into the home."""
    simulator = Simulator(seed=7)
    for slug, wanted in slugs.items():
        sim = simulator.tenant(stable_id("tenant", slug))
        sim.profile.autopatch = True
        sim.app(stable_id("app", slug, "reader"), secret=CLIENT_SECRET)
        for collection, body in policies.NAMED:
            sim.put(collection, body)
        for key, number in wanted:
            sample = policies.sample(key, guid=sim.guid, number=number)
            if not sample.built_in:
                sim.put(sample.collection, sample.body)
    simulator.save(_state())


def lose(slugs: dict[str, list[tuple[str, int]]]) -> None:
    """The accident: these policies are deleted, or changed where nobody can delete them."""
    simulator = _simulator()
    for slug, wanted in slugs.items():
        sim = simulator.tenant(stable_id("tenant", slug))
        for key, number in wanted:
            lost = policies.sample(key, guid=sim.guid, number=number)
            if lost.accident is None:
                sim.remove(lost.collection, lost.body["id"])
            else:
                sim.mutate(lost.body["id"], partial(_spoil, lost.accident), collection=lost.collection)
    simulator.save(_state())


def _spoil(changes: Any, body: Any) -> None:
    body.update(changes)


def capture(slugs: dict[str, list[tuple[str, int]]]) -> dict[str, int]:
    """A complete backup set of these types of each tenant; their numbers."""
    made = {}
    for slug, wanted in slugs.items():
        run = run_inline(_start(slug, "backup_set.capture", types=sorted({key for key, _ in wanted})))
        assert run.outcome == "succeeded", (run.failures, run.error)
        made[slug] = int(run.context["set"])
    return made


def preview(sets: dict[str, int], wanted: dict[str, list[list[str]]]) -> dict[str, list[int]]:
    """Previewed restores of each tenant's set, one for each list of types; their numbers."""
    made: dict[str, list[int]] = {}
    for slug, number in sets.items():
        for types in wanted[slug]:
            run = run_inline(_start(slug, "restore.preview", set=number, types=types))
            assert run.outcome == "succeeded", (run.failures, run.error)
            made.setdefault(slug, []).append(int(run.context["restore"]))
    return made


# ── Work, and death ───────────────────────────────────────────────────────────────────────────────────────


def begin_restores(numbers: dict[str, int]) -> dict[str, int]:
    """Start the execution of one previewed restore in each tenant; the runs by tenant."""
    return {slug: _begin_restore(slug, number) for slug, number in numbers.items()}


def _begin_restore(slug: str, number: int) -> int:
    restore = Restore.all_tenants.get(pk=number)
    run = _start(slug, "restore.execute", restore=number, plan=restore.plan_sha256, confirm=slug)
    return int(run.pk)


def begin_captures(wanted: dict[str, list[tuple[str, int]]]) -> dict[str, int]:
    """Start a capture of the types of these policies in each tenant; the runs by tenant."""
    return {
        slug: int(_start(slug, "backup_set.capture", types=sorted({key for key, _ in kinds})).pk)
        for slug, kinds in wanted.items()
    }


def work(runs: dict[str, int]) -> dict[str, Counter[str]]:
    """Be a worker until the runs are completed; how often each passed each crash point."""
    passed: dict[int | None, Counter[str]] = {}
    lock = threading.Lock()

    def note(name: str) -> None:
        with lock:
            passed.setdefault(current_tenant_id(), Counter())[name] += 1

    registry.install_crash_hook(note)
    _mark_handed_over()
    _work(runs)
    tenants = dict(Tenant.objects.values_list("pk", "slug"))
    return {tenants[key]: counted for key, counted in passed.items() if key is not None}


def work_and_die(runs: dict[str, int], point: str, nth: dict[str, int]) -> None:
    """Be a worker, and die by SIGKILL when each of these tenants' runs is at its nth passing of the point.

    A run that is there waits for the others, so that one death hits all of them; one that ends without having
    been there is not waited for. The file `hit` then names those that were.
    """
    slugs = dict(Tenant.objects.values_list("pk", "slug"))
    passed: Counter[str] = Counter()
    hit: set[str] = set()
    ended: set[str] = set()
    lock = threading.Lock()
    never = threading.Event()

    def look() -> None:
        if hit and hit | ended >= nth.keys():
            _hit_file().write_text(" ".join(sorted(hit)))
            os.kill(os.getpid(), signal.SIGKILL)

    def die(name: str) -> None:
        slug = slugs.get(current_tenant_id(), "")
        if name != point or slug not in nth:
            return
        with lock:
            passed[slug] += 1
            if passed[slug] != nth[slug]:
                return
            hit.add(slug)
            look()
        never.wait(PATIENCE_SECONDS)

    registry.install_crash_hook(die)
    _mark_handed_over()
    services.launch_worker(embedded=True)
    while len(ended) < len(runs) and not never.wait(_LOOK_EVERY):
        open_runs = OperationRun.all_tenants.filter(status__in=OPEN_STATUSES).values_list("pk", flat=True)
        left = set(open_runs)
        with lock:
            ended |= {slug for slug, run_id in runs.items() if run_id not in left}
            look()


def tell_hit() -> list[str]:
    """The tenants whose runs were at their boundary when the worker died."""
    return _hit_file().read_text().split()


def _hit_file() -> Path:
    return Path(settings.ATLAS_HOME) / "hit"


def _mark_handed_over() -> None:
    """A boundary of these tests' own: the journal says sent, and Graph has heard nothing."""
    marked = Journal.mark_sent

    def mark_sent(journal: Journal, record: WriteRecord) -> None:
        marked(journal, record)
        registry.crash_point("marked")

    Journal.mark_sent = mark_sent  # type: ignore[method-assign]


def _work(runs: dict[str, int]) -> None:
    services.launch_worker(embedded=True)
    for run_id in runs.values():
        services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=PATIENCE_SECONDS / 2)
    services.stop_worker()


# ── What became of it ─────────────────────────────────────────────────────────────────────────────────────


def resume_restores(runs: dict[str, int]) -> dict[str, Seen]:
    """Be the next worker."""
    _work(runs)
    return {slug: _tell_run(run_id) for slug, run_id in runs.items()}


def _tell_run(run_id: int) -> Seen:
    run = OperationRun.all_tenants.get(pk=run_id)
    items = RunItem.all_tenants.filter(run=run).order_by("position")
    return {
        "status": run.status,
        "outcome": run.outcome,
        "counts": run.counts,
        "failures": run.failures,
        "error": run.error,
        "items": {item.key: _tell_item(item) for item in items},
    }


def _tell_item(item: RunItem) -> Seen:
    details = {name: value for name, value in (item.details or {}).items() if name not in ("id", "preimage")}
    return {
        "state": item.state,
        "action": item.action,
        "reason": item.reason,
        "message": item.message,
        "before": item.before_digest,
        "details": details,
    }


def judge_restores(numbers: dict[str, int]) -> dict[str, Seen]:
    """What the simulator has and saw, for each tenant: its state without ids, and how often each write took
    effect. Raises where a write was not planned, or went out of order.
    """
    simulator = _simulator()
    seen = {}
    for slug, number in numbers.items():
        tenant = Tenant.objects.get(slug=slug)
        with tenant_scope(tenant):
            restore = Restore.objects.get(pk=number)
            assert_writes_equal_plan(simulator, restore, over_network=True)
            made = dict(restore.items.exclude(created_id="").values_list("created_id", "key"))
            seen[slug] = {
                "state": tenantstate.without_ids(simulator.tenant(tenant.tenant_guid), made),
                "writes": _effects(simulator, restore),
                "late_twins": restore.late_twins,
            }
    return seen


def _effects(simulator: Simulator, restore: Restore) -> dict[int, Seen]:
    records = WriteRecord.objects.filter(restore=restore).order_by("pk")
    by_request = {record.client_request_id: record.n for record in records}
    last = {record.n: record for record in records}
    applied = Counter(
        by_request[entry.client_request_id]
        for entry in simulator.journal
        if entry.is_write and entry.applied and entry.client_request_id in by_request
    )
    return {
        write.n: {
            "what": f"{write.kind} {write.item}",
            "applied": applied[write.n],
            "once": not write.repeatable,
            "done": write.n in last and last[write.n].is_done,
            "needless": write.n in last and last[write.n].result == "needless",
        }
        for write in load_plan(restore).writes
    }


def resume_captures(runs: dict[str, int]) -> dict[str, Seen]:
    """Be the next worker; what people then see of the sets."""
    _work(runs)
    seen = {}
    for slug, run_id in runs.items():
        made = BackupSet.all_tenants.get(run_id=run_id)
        types = SetType.all_tenants.filter(backup_set=made).order_by("type_key")
        told = _tell_run(run_id)
        seen[slug] = {
            **{name: told[name] for name in ("status", "outcome", "counts", "failures", "error")},
            "items": dict(RunItem.all_tenants.filter(run_id=run_id).values_list("key", "after_digest")),
            "set": made.status,
            "fingerprint": made.fingerprint,
            "policies": made.counts["policies"],
            "types": list(types.values_list("type_key", "status", "listed", "captured", "failed")),
            "staged": StagedRow.all_tenants.filter(tenant=made.tenant).count(),
        }
    return seen


def requests_of(slugs: list[str]) -> dict[str, tuple[int, int]]:
    """How many requests came for each tenant: over the network, and with those inside batches."""
    guids = {stable_id("tenant", slug): slug for slug in slugs}
    alone: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for entry in _simulator().journal:
        slug = guids.get(entry.tenant, "")
        every[slug] += not entry.path.endswith("/$batch")
        alone[slug] += not entry.in_batch
    return {slug: (alone[slug], every[slug]) for slug in slugs}


def _simulator() -> Simulator:
    simulator = Simulator(seed=7)
    simulator.load(_state())
    return simulator


def _state() -> Path:
    return Path(settings.ATLAS_HOME) / "simulator"


def _otto() -> User:
    return User.objects.get(email="otto@contoso.example")


def _start(slug: str, key: str, **params: Any) -> OperationRun:
    """Otto starts it; for the last tenants as a schedule would: a process works so many of a kind at once."""
    tenant = Tenant.objects.get(slug=slug)
    bulk = slug in bulk_slots(Tenant.objects.values_list("slug", flat=True))
    trigger = Trigger.SCHEDULE if bulk else Trigger.PERSON
    run, created = services.start_run(key, tenant=tenant, params=params, actor=_otto(), trigger=trigger)
    assert created
    return run


def bulk_slots(slugs: Iterable[str]) -> list[str]:
    """The tenants whose runs go through the second queue."""
    return sorted(slug for slug in slugs if slug.startswith("slot"))[4:]
