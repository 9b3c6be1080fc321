"""A plan at rest: kept item by item, sealed, since bodies may hold secrets.

`load_plan` gives it back only if it is, byte for byte, the plan whose hash was shown.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from tenantatlas.backups.payloads import pack, unpack
from tenantatlas.core import clock, json
from tenantatlas.core.errors import StorageFailed
from tenantatlas.core.json import Json
from tenantatlas.policies.diff import differences
from tenantatlas.policies.registry import get_type

from .facts import PlanFacts
from .impact import CHANGES
from .mapping import Candidate, Decision, MappingAction, Need, write_mapping
from .models import Restore, RestoreItem, RestoreStatus
from .planned import Action, Plan, PlannedItem, PlannedWrite
from .world import Existing

#: How long a preview may be executed.
VALID_FOR = timedelta(minutes=30)
#: What to do about a plan that may not be executed any more.
STALE_HINT = "Preview it again: `tenantatlas restore preview`."

_SEAL = "restore item"
_TARGETS_AT_MOST = 100
_NAMED_AT_MOST = 20
_USUAL_HEAD = frozenset({"format", "tenant", "existing", "allow_deletes"})


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
        restore.impact, restore.risks = _impact(facts), [risk.as_json() for risk in facts.risks]
        restore.needs = write_mapping(plan.needs())
        restore.previewed_at, restore.expires_at = now, now + VALID_FOR
        restore.status = RestoreStatus.PREVIEWED
        restore.save()


def _impact(facts: PlanFacts) -> Json:
    """The impact as it is shown: so many targets, and of each change so many names and their number."""
    return {
        "targets": len(facts.impact),
        "rows": [
            {
                "kind": each.target.kind,
                "id": each.target.id,
                **{
                    change: {"count": len(names), "names": list(names[:_NAMED_AT_MOST])}
                    for change in CHANGES
                    if (names := each.names(change))
                },
            }
            for each in facts.impact[:_TARGETS_AT_MOST]
        ],
    }


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
        choices={name: value for name, value in head.items() if name not in _USUAL_HEAD},
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
            f"The stored plan of restore {restore.pk} is not the one that was shown.", hint=STALE_HINT
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
