"""What a person can ask of a restore: choose, preview, execute. And where its plan is kept.

A plan is kept item by item, sealed, since bodies may hold secrets. `load_plan` gives it back only if it is,
byte for byte, the plan whose hash was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from tenantatlas.backups.payloads import pack, unpack
from tenantatlas.backups.queries import find_set
from tenantatlas.core import clock, json
from tenantatlas.core.errors import Conflict, InputError, StorageFailed
from tenantatlas.core.json import Json
from tenantatlas.policies.diff import differences
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.writer import require_writes_allowed

from .mapping import Candidate, Decision, MappingAction, Need, read_mapping, write_mapping
from .models import OPEN_STATUSES, Restore, RestoreItem, RestoreStatus
from .planned import Action, Plan, PlannedItem, PlannedWrite
from .world import Existing

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

#: How long a preview may be executed.
VALID_FOR = timedelta(minutes=30)

_SEAL = "restore item"
_HASH_LENGTH = 64
_STALE_HINT = "Preview it again: `tenantatlas restore preview`."


@dataclass(frozen=True, kw_only=True)
class PreviewParams:
    """What to preview; nothing named means all of the set. `restore` is the draft that it is for, if any."""

    set: int
    types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    version: int = 0
    existing: Existing = Existing.UPDATE
    mapping: dict[str, Any] = field(default_factory=dict)
    restore: int = 0

    def __post_init__(self) -> None:
        for key in self.types:
            get_type(key)
        object.__setattr__(self, "types", tuple(sorted(set(self.types))))
        object.__setattr__(self, "policies", tuple(sorted(set(self.policies))))
        if self.mapping:
            read_mapping(self.mapping)


@dataclass(frozen=True, kw_only=True)
class ExecuteParams:
    """Which restore, the hash of the plan as confirmed, and the tenant's name as typed."""

    restore: int
    plan: str
    confirm: str


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """What a preview found out besides the plan itself."""

    reads: int
    bound_seconds: float
    warnings: tuple[str, ...] = ()


def save_draft(
    tenant: Tenant,
    *,
    backup_set: int,
    actor: User | None,
    restore: Restore | None = None,
    types: Iterable[str] = (),
    policies: Iterable[str] = (),
    existing: Existing = Existing.UPDATE,
    mapping: Mapping[str, Json] | None = None,
) -> Restore:
    """A restore that can be chosen step by step: made, or changed. What was previewed before is void."""
    params = PreviewParams(
        set=find_set(backup_set).pk,
        types=tuple(types),
        policies=tuple(policies),
        version=restore.version_id or 0 if restore else 0,
        existing=existing,
        mapping=dict(mapping or {}),
    )
    draft = restore or Restore(tenant=tenant, created_by=actor, created_at=clock.now())
    if draft.status not in OPEN_STATUSES:
        raise Conflict(f"Restore {draft.pk} has been executed.", hint="Begin another restore.")
    _choose(draft, params)
    scoped = params.types or params.policies
    draft.status = RestoreStatus.SCOPED if scoped else RestoreStatus.DRAFT
    draft.plan_sha256, draft.expires_at = "", None
    draft.save()
    return draft


def start_preview(
    tenant: Tenant, params: PreviewParams, *, actor: User | None, trigger: Trigger
) -> tuple[OperationRun, bool]:
    """Start the run that computes the plan, and writes nothing."""
    return start_run("restore.preview", tenant=tenant, params=params, actor=actor, trigger=trigger)


def preview_draft(restore: Restore, *, actor: User | None, trigger: Trigger) -> tuple[OperationRun, bool]:
    """Start the preview of a draft as it was chosen."""
    params = PreviewParams(
        set=restore.backup_set_id,
        types=tuple(restore.types),
        policies=tuple(restore.policies),
        version=restore.version_id or 0,
        existing=Existing(restore.existing),
        mapping=restore.mapping,
        restore=restore.pk,
    )
    return start_preview(restore.tenant, params, actor=actor, trigger=trigger)


def execute_restore(
    restore: Restore, *, plan_sha256: str, confirm: str, actor: User | None, trigger: Trigger
) -> tuple[OperationRun, bool]:
    """Start the run that writes exactly the confirmed plan."""
    params = ExecuteParams(restore=restore.pk, plan=plan_sha256, confirm=confirm)
    return start_run("restore.execute", tenant=restore.tenant, params=params, actor=actor, trigger=trigger)


def check_executable(restore: Restore, params: ExecuteParams) -> None:
    """Refuse what must not be executed: other plan, other tenant, stale, held, or with nothing left to do."""
    _check_hash(restore, params.plan)
    if params.confirm != restore.tenant.slug:
        raise InputError(
            f"The name typed is not that of the tenant: it is {restore.tenant.slug}.",
            hint=f"Confirm with {restore.tenant.slug}.",
            details={"field": "confirm"},
        )
    require_writes_allowed(restore.tenant)
    if restore.status not in (RestoreStatus.PREVIEWED, RestoreStatus.QUEUED, RestoreStatus.RUNNING):
        raise Conflict(f"Restore {restore.pk} has been executed already.", hint=_STALE_HINT)
    if restore.status == RestoreStatus.PREVIEWED:
        check_fresh(restore, at=clock.now())
    check_deletes(restore)
    counts = restore.counts
    if not counts.get("writes") and counts.get(Action.UNDECIDED.value):
        raise Conflict(
            "Every policy that is left needs a decision first.",
            hint=f"See what to decide with `tenantatlas restore mapping {restore.pk}`.",
        )


def check_fresh(restore: Restore, *, at: Any) -> None:
    """Refuse a preview that is older than half an hour."""
    if restore.expires_at is None or at > restore.expires_at:
        raise Conflict(f"The preview of restore {restore.pk} is too old to be executed.", hint=_STALE_HINT)


def check_deletes(restore: Restore) -> None:
    """Refuse a plan that deletes where the tenant does not allow that any more."""
    if restore.counts.get(Action.RECREATE.value) and not restore.tenant.allow_deletes:
        raise Conflict(f"{restore.tenant.slug} does not allow deletes any more.", hint=_STALE_HINT)


def _check_hash(restore: Restore, given: str) -> None:
    if len(given) != _HASH_LENGTH or set(given) - set("0123456789abcdef"):
        raise InputError(
            "The plan's hash must be 64 hexadecimal characters.",
            hint="It is `plan_sha256` of the preview.",
            details={"field": "plan"},
        )
    if not restore.plan_sha256:
        raise Conflict(f"Restore {restore.pk} has not been previewed.", hint=_STALE_HINT)
    if given != restore.plan_sha256:
        raise Conflict("This is not the plan that the restore has now.", hint=_STALE_HINT)


# ── The plan at rest ──────────────────────────────────────────────────────────────────────────────────────


def begin_preview(run: OperationRun, params: PreviewParams) -> Restore:
    """The restore of this preview run: its draft, or one made for it. Repeatable."""
    found = Restore.objects.filter(preview_run=run).first()
    if found is not None:
        return found
    with transaction.atomic():
        draft = Restore.objects.filter(pk=params.restore).first() or Restore(
            created_by=run.initiator, created_at=clock.now()
        )
        if draft.status not in OPEN_STATUSES:
            raise Conflict(f"Restore {draft.pk} has been executed.", hint="Begin another restore.")
        _choose(draft, params)
        draft.preview_run, draft.status = run, RestoreStatus.CHECKED
        draft.plan_sha256, draft.expires_at = "", None
        draft.save()
    return draft


def _choose(draft: Restore, params: PreviewParams) -> None:
    draft.backup_set_id = params.set
    draft.types, draft.policies = list(params.types), list(params.policies)
    draft.version_id = params.version or None
    draft.existing, draft.mapping = params.existing.value, params.mapping


def store_plan(restore: Restore, plan: Plan, facts: PlanFacts) -> None:
    """Keep the plan, all of it or nothing; from now on it may be executed for half an hour."""
    writes: dict[str, list[PlannedWrite]] = {}
    for write in plan.writes:
        writes.setdefault(write.item, []).append(write)
    rows = [
        _row(restore, position, item, writes.get(item.key, [])) for position, item in enumerate(plan.items)
    ]
    now = clock.now()
    with transaction.atomic():
        restore.items.all().delete()
        RestoreItem.objects.bulk_create(rows, batch_size=200)
        restore.plan_sha256, restore.head = plan.sha256, plan.head()
        restore.counts = {**plan.counts(), "reads": facts.reads}
        restore.bound_seconds, restore.warnings = facts.bound_seconds, list(facts.warnings)
        restore.previewed_at, restore.expires_at = now, now + VALID_FOR
        restore.status = RestoreStatus.PREVIEWED
        restore.save()


def _row(restore: Restore, position: int, item: PlannedItem, writes: list[PlannedWrite]) -> RestoreItem:
    plain = json.dumps_sorted(
        {
            "item": item.facts(),
            "writes": [write.facts() for write in writes],
            "needs": [_need_facts(need) for need in item.needs],
            "differences": _differences(item),
        }
    )
    return RestoreItem(
        restore=restore,
        position=position,
        key=item.key,
        type_key=item.type_key,
        source_id=item.source_id,
        name=item.name,
        version_id=item.version,
        action=item.action.value,
        reasons=[{"code": reason.code, "message": reason.message} for reason in item.reasons],
        notes=list(item.notes),
        live_id=item.live_id,
        writes=len(writes),
        sealed=pack(restore.tenant, purpose=_SEAL, record=_record(restore, item.key), plain=plain),
    )


def _differences(item: PlannedItem) -> list[Json]:
    """What an update changes, secrets replaced; empty for everything else."""
    if item.action not in (Action.UPDATE, Action.RECREATE):
        return []
    found = differences(get_type(item.type_key), item.live, item.wanted)
    return [
        {
            "path": each.path,
            "label": each.label,
            "kind": str(each.kind),
            "before": None if each.secret else each.before,
            "after": None if each.secret else each.after,
            "secret": each.secret,
        }
        for each in found
    ]


def _record(restore: Restore, key: str) -> str:
    return f"{restore.pk}:{key}"


def open_item(row: RestoreItem) -> Json:
    """What is sealed in a row: `item`, `writes`, `needs`, `differences`."""
    sealed = bytes(row.sealed)
    plain = unpack(row.restore.tenant, purpose=_SEAL, record=_record(row.restore, row.key), sealed=sealed)
    return json.loads(plain)


def load_plan(restore: Restore) -> Plan:
    """The plan as it was shown. Raises `StorageFailed` where what is stored is not that plan."""
    opened = [open_item(row) for row in restore.items.select_related("restore__tenant").order_by("position")]
    head = restore.head
    plan = Plan(
        tenant_guid=head.get("tenant", ""),
        existing=Existing(head.get("existing", Existing.UPDATE.value)),
        allow_deletes=bool(head.get("allow_deletes")),
        items=tuple(PlannedItem.from_facts(each["item"]) for each in opened),
        writes=tuple(
            sorted(
                (PlannedWrite.from_facts(write) for each in opened for write in each["writes"]),
                key=lambda write: write.n,
            )
        ),
    )
    if plan.sha256 != restore.plan_sha256 or plan.tenant_guid != restore.tenant.tenant_guid:
        raise StorageFailed(
            f"The stored plan of restore {restore.pk} is not the one that was shown.", hint=_STALE_HINT
        )
    return plan


def mapping_of(restore: Restore) -> dict[str, Json]:
    """The mapping file of a previewed restore: everything that is not the same id, decided or not."""
    needs = {}
    for row in restore.items.select_related("restore__tenant").order_by("position"):
        for facts in open_item(row)["needs"]:
            need = _need_from_facts(facts)
            needs[need.kind, need.id] = need
    return write_mapping(needs.values())


def _need_facts(need: Need) -> Json:
    decision = need.decision
    return {
        "kind": need.kind,
        "id": need.id,
        "action": decision.action.value if decision.action else None,
        "target": decision.target,
        "name": decision.name,
        "candidates": [[each.id, each.name] for each in decision.candidates],
    }


def _need_from_facts(facts: Json) -> Need:
    return Need(
        kind=facts["kind"],
        id=facts["id"],
        decision=Decision(
            action=MappingAction(facts["action"]) if facts["action"] else None,
            target=facts["target"],
            name=facts["name"],
            candidates=tuple(Candidate(id=id_, name=name) for id_, name in facts["candidates"]),
        ),
    )


# ── The restore and its runs ──────────────────────────────────────────────────────────────────────────────


def mark_preview_failed(run: OperationRun) -> None:
    """A preview that did not get to a plan leaves its restore as it was chosen."""
    Restore.objects.filter(preview_run=run, status=RestoreStatus.CHECKED).update(status=RestoreStatus.SCOPED)


def mark_executing(restore: Restore, run: OperationRun) -> None:
    """The run has begun to work."""
    Restore.objects.filter(pk=restore.pk).update(execute_run=run, status=RestoreStatus.RUNNING)


def mark_executed(run: OperationRun) -> None:
    """The run has ended. One that wrote nothing leaves the preview as it was."""
    number = run.params.get("restore")
    started = Restore.objects.filter(pk=number, records__isnull=False).exists()
    ended = started or run.outcome == Outcome.SUCCEEDED
    status = RestoreStatus.COMPLETED if ended else RestoreStatus.PREVIEWED
    Restore.objects.filter(pk=number).update(status=status, execute_run=run)
