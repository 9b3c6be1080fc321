"""What a policy names in its tenant, and putting other ids in their place.

    find      each id with its kind and place
    rewrite   the same body with the ids of another tenant

For each id somebody decides: another id, `KEEP`, or `DROP`. Dropping follows one rule, *targeting is never
widened*:

    a group or filter of an including assignment   the whole assignment goes
    a group or filter of an excluding one          refused
    a group or user in a list                      leaves the list; refused where the name begins with exclude
    a scope tag                                    leaves the list; the last one leaves Default
    anything else                                  refused

Nor may a group become everybody, or a filter none.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from tenantatlas.core.errors import Conflict
from tenantatlas.core.json import Json

from . import paths
from .assignments import FILTER_ID, has_filter, is_direct, is_exclusion
from .model import ALL_DEVICES_GROUP, ALL_USERS_GROUP, NO_FILTER, PolicyType, Reference
from .paths import Place


class Decision(enum.Enum):
    """What to do with an id instead of replacing it."""

    KEEP = "keep"
    DROP = "drop"


KEEP: Final = Decision.KEEP
DROP: Final = Decision.DROP

Answer = str | Literal[Decision.KEEP, Decision.DROP]
Decide = Callable[[str, str], Answer]

DEFAULT_TAG = "0"

_IN_ASSIGNMENTS = frozenset({"groups", "assignmentFilters"})
_IN_LISTS = frozenset({"groups", "users", "roleScopeTags"})
_NOT_A_TARGET = {
    "groups": {"", ALL_USERS_GROUP, ALL_DEVICES_GROUP},
    "assignmentFilters": {"", NO_FILTER},
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """One id that a body names: of what kind, and where (`assignments[0].target.groupId`)."""

    kind: str
    id: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """A body with other ids, what was left out of it, and what could not be done (then do not use it)."""

    body: Json
    dropped: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spot:
    """A reference in a body, the id in it, and the assignment around it."""

    reference: Reference
    place: Place
    id: str
    assignment: Any = None

    @property
    def said(self) -> str:
        return f"{self.reference.kind} {self.id} at {self.place.path}"

    @property
    def in_list(self) -> str:
        """The name of the list that the id is an element of, or ""."""
        return str(self.place.where[-2]) if isinstance(self.place.key, int) else ""

    def put(self, new: str) -> None:
        """Write the new id where the old one is."""
        value = self.place.value
        found = re.search(self.reference.pick, value) if self.reference.pick else None
        self.place.holder[self.place.key] = (
            f"{value[: found.start(1)]}{new}{value[found.end(1) :]}" if found else new
        )


def find(policy_type: PolicyType, composed: Json) -> tuple[Found, ...]:
    """Every id that the policy names, in the order of the type's rules; those that mean the same in every
    tenant and those of assignments that are never sent are left out.
    """
    return tuple(
        Found(kind=spot.reference.kind, id=spot.id, path=spot.place.path)
        for spot in _spots(policy_type, composed)
    )


def rewrite(policy_type: PolicyType, composed: Json, decide: Decide) -> Json:
    """The body with the decided ids. Raises `Conflict` where that would widen the targeting."""
    result = rewritten(policy_type, composed, decide)
    if result.refused:
        raise Conflict(" ".join(result.refused))
    return result.body


def rewritten(policy_type: PolicyType, composed: Json, decide: Decide) -> Rewritten:
    """The body with the decided ids, and what became of the rest."""
    body = paths.copied(composed)
    decided = [(spot, decide(spot.reference.kind, spot.id)) for spot in _spots(policy_type, body)]
    refused = [objection for spot, answer in decided if (objection := _objection(spot, answer))]
    for spot, answer in decided:
        if isinstance(answer, str):
            spot.put(answer)
    dropped = [spot for spot, answer in decided if answer is DROP]
    if not refused:
        _take_out(body, dropped)
    return Rewritten(body=body, dropped=tuple(spot.said for spot in dropped), refused=tuple(refused))


def _spots(policy_type: PolicyType, body: Json) -> Iterator[_Spot]:
    for reference in policy_type.references:
        for place in paths.find(body, reference.path):
            found = _id_at(reference, place)
            row = _assignment_around(body, place)
            if found and found not in reference.portable and _is_sent(place, row):
                yield _Spot(reference, place, found, row)


def _id_at(reference: Reference, place: Place) -> str:
    value = place.value
    if not isinstance(value, str) or (reference.when is not None and not reference.when(place.owner)):
        return ""
    if not reference.pick:
        return value
    found = re.search(reference.pick, value)
    return found[1] if found else ""


def _assignment_around(body: Json, place: Place) -> Any:
    return body["assignments"][place.where[1]] if place.where[0] == "assignments" else None


def _is_sent(place: Place, assignment: Any) -> bool:
    """Not in an inherited assignment, and not a filter that is none."""
    if assignment is None:
        return True
    return is_direct(assignment) and (place.key != FILTER_ID or has_filter(place.owner))


def _objection(spot: _Spot, answer: Answer) -> str:
    if answer is DROP and not _may_be_dropped(spot):
        return f"{spot.said} cannot be left out: it would change whom or what the policy reaches."
    if answer in _NOT_A_TARGET.get(spot.reference.kind, {""}):
        return f"{spot.said} cannot become everybody or nothing."
    return ""


def _may_be_dropped(spot: _Spot) -> bool:
    kind = spot.reference.kind
    if spot.assignment is not None:
        return kind in _IN_ASSIGNMENTS and not is_exclusion(spot.assignment)
    return kind in _IN_LISTS and bool(spot.in_list) and not spot.in_list.startswith("exclude")


def _take_out(body: Json, dropped: list[_Spot]) -> None:
    gone = [spot.assignment for spot in dropped if spot.assignment is not None]
    if gone:
        body["assignments"] = [row for row in body["assignments"] if not any(row is each for each in gone)]
    for spot in reversed([spot for spot in dropped if spot.assignment is None]):
        del spot.place.holder[spot.place.key]
        if spot.reference.kind == "roleScopeTags" and not spot.place.holder:
            spot.place.holder.append(DEFAULT_TAG)
