"""What of a plan may do harm, and how much a person has to do to confirm it. Pure.

    lock_out     conditional access without a known way around it
    everybody    all devices or all users gain a policy
    unexcluded   somebody who was kept out is not any more
    unassigned   somebody loses a policy
    share        more than 30 % of what the tenant has of a type is written
    again        a new id: scripts run again, certificates are issued again

| friction    | what confirms                           | when                     |
|-------------|-----------------------------------------|--------------------------|
| plain       | the button                              | nothing of the below     |
| acknowledge | a tick beside what will happen          | a risk, or in production |
| type        | the tick, and the tenant's name typed   | a grave risk, or deletes |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from tenantatlas.core.json import Json
from tenantatlas.policies.registry import get_type
from tenantatlas.policies.writes.entra import ENABLED

from .impact import EVERYBODY, TargetImpact
from .planned import MAKING, TOUCHING, WRITING, Action, Plan, PlannedItem
from .softening import CONDITIONAL_ACCESS, excluded
from .world import Existence, PlanInput

#: How many are shown before a person confirms.
SHOWN = 4

_LARGE_SHARE = 0.3
_TOO_FEW = 3
_NAMED_AT_MOST = 3
_DISABLED = "disabled"


class Severity(StrEnum):
    """How grave a risk is."""

    HIGH = "high"
    MEDIUM = "medium"


class Friction(StrEnum):
    """What a person does to confirm; more where more may break."""

    PLAIN = "plain"
    ACKNOWLEDGE = "acknowledge"
    TYPE = "type"


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One thing that may do harm: a stable code, how grave, and the sentence."""

    code: str
    severity: Severity
    message: str

    def as_json(self) -> dict[str, Json]:
        """The risk as it is stored and printed."""
        return asdict(self)


def risks_of(plan: Plan, given: PlanInput, impact: Iterable[TargetImpact]) -> tuple[Risk, ...]:
    """What may do harm, the gravest first."""
    items = [item for item in plan.items if item.action in WRITING]
    found = (
        *_lock_outs(items, given),
        *_targeting(tuple(impact)),
        *_shares(items, given),
        *_again(items),
    )
    order = list(Severity)
    return tuple(sorted(found, key=lambda risk: order.index(risk.severity)))


def friction_of(*, risks: Sequence[Json], production: bool, deletes: bool) -> Friction:
    """What confirms a plan with these (stored) risks in such a tenant."""
    if deletes or any(risk["severity"] == Severity.HIGH for risk in risks):
        return Friction.TYPE
    return Friction.ACKNOWLEDGE if risks or production else Friction.PLAIN


def _lock_outs(items: Iterable[PlannedItem], given: PlanInput) -> Iterator[Risk]:
    for item in items:
        if item.action is Action.REMOVE:
            continue
        state = item.wanted.get("state")
        if item.type_key != CONDITIONAL_ACCESS or state == _DISABLED or has_way_around(item.wanted, given):
            continue
        enforced = state == ENABLED
        nobody = not excluded(item.wanted)
        what = "excludes nobody" if nobody else "excludes only accounts and groups that are not known here"
        then = "once it is enforced" if not enforced else "from now on"
        yield Risk(
            code="lock_out",
            severity=Severity.HIGH if enforced else Severity.MEDIUM,
            message=f"“{item.name}” {what}: it could lock out everybody it is for, {then}.",
        )


def has_way_around(body: Json, given: PlanInput) -> bool:
    """Whether the policy leaves somebody alone who is known to be there: a way in when it goes wrong."""
    found = excluded(body)
    return (
        any(_is_there("users", each, given) for each in found.get("users", ()))
        or any(each in given.groups or _is_there("groups", each, given) for each in found.get("groups", ()))
        or bool(found.get("roles"))
    )


def _is_there(kind: str, graph_id: str, given: PlanInput) -> bool:
    return given.checks.get((kind, graph_id)) is Existence.PRESENT


def _targeting(impact: Sequence[TargetImpact]) -> Iterator[Risk]:
    for each in impact:
        if each.target.kind in EVERYBODY and each.names("gains"):
            yield Risk(
                code="everybody",
                severity=Severity.HIGH,
                message=f"{each.target.kind.capitalize()} gain {_named(each.names('gains'))}.",
            )
    unexcluded = {name for each in impact for name in each.names("exclusions_lost")}
    if unexcluded:
        yield Risk(
            code="unexcluded",
            severity=Severity.HIGH,
            message=f"Exclusions are lost: {_named(unexcluded)} reaches who was kept out.",
        )
    unassigned = {name for each in impact for name in each.names("loses")}
    if unassigned:
        yield Risk(
            code="unassigned",
            severity=Severity.MEDIUM,
            message=f"Assignments are removed: somebody loses {_named(unassigned)}.",
        )


def _shares(items: Iterable[PlannedItem], given: PlanInput) -> Iterator[Risk]:
    """Copies and what is made anew change nothing that is there."""
    changed = Counter(item.type_key for item in items if item.action in TOUCHING)
    for key, number in sorted(changed.items()):
        there = len(given.live_of(key).rows)
        if there > _TOO_FEW and number > there * _LARGE_SHARE:
            yield Risk(
                code="share",
                severity=Severity.MEDIUM,
                message=f"{number} of the {there} policies of {get_type(key).label} are changed.",
            )


def _again(items: Iterable[PlannedItem]) -> Iterator[Risk]:
    by_note: dict[str, list[str]] = {}
    for item in items:
        note = get_type(item.type_key).restore.recreate
        if note and item.action in MAKING:
            by_note.setdefault(note, []).append(item.name)
    for note, names in by_note.items():
        yield Risk(code="again", severity=Severity.MEDIUM, message=f"{note} It concerns {_named(names)}.")


def _named(names: Iterable[str]) -> str:
    known = sorted(names)
    shown = ", ".join(f"“{name}”" for name in known[:_NAMED_AT_MOST])
    more = len(known) - _NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
