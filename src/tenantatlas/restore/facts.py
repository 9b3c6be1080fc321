"""What a preview tells besides the plan: how long it takes, whom it concerns, what may do harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tenantatlas.graph.limits import bound_seconds
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import get_type

from .impact import TargetImpact, impact_of
from .planned import MAKING, PERMISSION_MISSING, WRITING, Action, Plan, PlannedItem
from .risks import Risk, risks_of
from .settle import read_by_list
from .undoing import DELETES_OFF
from .world import PlanInput, RestoreKind

_IDS_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class PlanFacts:
    """What a preview found out besides the plan itself."""

    reads: int
    bound_seconds: float
    warnings: tuple[str, ...] = ()
    impact: tuple[TargetImpact, ...] = ()
    risks: tuple[Risk, ...] = ()


def plan_facts(plan: Plan, given: PlanInput, *, share: float) -> PlanFacts:
    """How much reading and time the execution takes, and what a person should know first."""
    reads: Counter[str] = Counter()
    looks = Counter(
        (item.type_key, 2 if item.action in MAKING else 3) for item in plan.items if item.action in WRITING
    )
    for (type_key, times), items in looks.items():
        policy_type = get_type(type_key)
        reads[policy_type.family] += times * _reads_of(policy_type, items)
    impact = impact_of(plan.items)
    return PlanFacts(
        reads=sum(reads.values()),
        bound_seconds=_bound(plan, reads, share=share),
        warnings=tuple(_warnings(plan, given)),
        impact=impact,
        risks=risks_of(plan, given, impact),
    )


def _reads_of(policy_type: PolicyType, items: int) -> int:
    """How many requests reading so many policies takes; those that are read with one list take one."""
    if read_by_list(policy_type):
        return 1
    return items * (1 + sum(not part.for_each for part in policy_type.parts))


def _bound(plan: Plan, reads: Counter[str], *, share: float) -> float:
    """Families go side by side, phases one after the other; reading goes on beside the writes."""
    by_phase: dict[int, Counter[str]] = {}
    for write in plan.writes:
        by_phase.setdefault(write.phase, Counter())[write.family] += 1
    writing = sum(bound_seconds({}, writes, share) for writes in by_phase.values())
    return max(writing, bound_seconds(reads, plan.writes_by_family(), share))


def _warnings(plan: Plan, given: PlanInput) -> Iterator[str]:
    for policy_type in {source.policy_type.key: source.policy_type for source in given.sources}.values():
        failed = given.live_of(policy_type.key).failed
        if failed:
            yield f"{policy_type.label} could not be read: {failed}"
    for permissions in sorted(set(given.lacking.values())):
        held = [item for item in plan.items if _is_held_for(item, given, permissions)]
        if held:
            yield (
                f"Missing: {' and '.join(permissions)}. {_policies(len(held))} cannot be written. Grant "
                "it to the app, or connect a writer's app that has it, then preview again."
            )
    staying = sum(reason.code == DELETES_OFF for item in plan.items for reason in item.reasons)
    if staying and given.kind is RestoreKind.UNDO:
        yield f"{_policies(staying)} that the restore made will stay: deleting is off for this tenant."
    if not given.groups and any(need.kind == "groups" for need in plan.needs()):
        yield "No group is known here yet: synchronise the directory."
    yield from _idle_decisions(plan, given)
    if any(item.action is Action.RECREATE for item in plan.items):
        yield "Recreated policies get new ids: scripts run again, certificates are issued again."


def _idle_decisions(plan: Plan, given: PlanInput) -> Iterator[str]:
    """A mistyped id in a mapping must not look applied."""
    idle = sorted({id_ for _, id_ in given.mapping} - {need.id for need in plan.needs()})
    if idle:
        shown = ", ".join(idle[:_IDS_SHOWN]) + (", …" if len(idle) > _IDS_SHOWN else "")
        yield f"The mapping decides what nothing names that this restore writes: {shown}."


def _is_held_for(item: PlannedItem, given: PlanInput, permissions: tuple[str, ...]) -> bool:
    is_held = any(reason.code == PERMISSION_MISSING for reason in item.reasons)
    return is_held and given.lacking[item.type_key] == permissions


def _policies(number: int) -> str:
    return "1 policy" if number == 1 else f"{number} policies"
