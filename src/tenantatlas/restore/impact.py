"""Who gains and who loses a policy by a plan: its assignments before and after, side by side. Pure.

    gains            the target did not have the policy and will have it
    loses            it has the policy and will not any more
    exclusions_lost  it was kept out and will not be any more: the targeting widens
    exclusions_made  it is kept out from now on
    filter_changed   the same target, narrowed by another filter or none

A policy that is made has nothing before. Conditional access names its users in its conditions; they count
like assignments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tenantatlas.core.json import Json
from tenantatlas.policies.assignments import FILTER_ID, has_filter, is_direct, is_exclusion
from tenantatlas.policies.bodies import type_name
from tenantatlas.policies.model import ALL_DEVICES_GROUP, ALL_USERS_GROUP

from .planned import TOUCHING, WRITING, Action, PlannedItem
from .softening import CONDITIONAL_ACCESS

ALL_DEVICES, ALL_USERS = "all devices", "all users"
EVERYBODY = frozenset({ALL_DEVICES, ALL_USERS})
CHANGES = ("gains", "loses", "exclusions_lost", "exclusions_made", "filter_changed")

_WHOLE = {
    "allDevicesAssignmentTarget": ALL_DEVICES,
    "allLicensedUsersAssignmentTarget": ALL_USERS,
    ALL_DEVICES_GROUP: ALL_DEVICES,
    ALL_USERS_GROUP: ALL_USERS,
}
_ACCESS_LISTS = (
    ("includeUsers", "user", False),
    ("includeGroups", "group", False),
    ("includeRoles", "role", False),
    ("excludeUsers", "user", True),
    ("excludeGroups", "group", True),
    ("excludeRoles", "role", True),
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """Who is meant: everybody (`all devices`, `all users`) or one group, user or role."""

    kind: str
    id: str = ""


@dataclass
class TargetImpact:
    """What changes for one target: the names of the policies, by change."""

    target: Target
    changes: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CHANGES})

    def names(self, change: str) -> tuple[str, ...]:
        """The policies for which this happens, by name."""
        return tuple(sorted(self.changes[change]))


#: target → (kept out?, the filter on it)
_Targeting = Mapping[tuple[Target, bool], str]


def impact_of(items: Iterable[PlannedItem]) -> tuple[TargetImpact, ...]:
    """What the plan changes for each target, everybody first."""
    found: dict[Target, TargetImpact] = {}
    for item in items:
        if item.action not in WRITING:
            continue
        before = item.live if item.action in TOUCHING else None
        for target, change in _changes(_targeting(item, before), _targeting(item, item.wanted)):
            if item.action is Action.REMOVE and change == "exclusions_lost":
                continue  # a policy that is gone reaches nobody
            impact = found.setdefault(target, TargetImpact(target=target))
            impact.changes[change].append(item.name)
    return tuple(found[target] for target in sorted(found, key=_everybody_first))


def _everybody_first(target: Target) -> tuple[bool, str, str]:
    return target.kind not in EVERYBODY, target.kind, target.id


def _changes(before: _Targeting, after: _Targeting) -> Iterator[tuple[Target, str]]:
    for target, excluded in after.keys() - before.keys():
        yield target, "exclusions_made" if excluded else "gains"
    for target, excluded in before.keys() - after.keys():
        yield target, "exclusions_lost" if excluded else "loses"
    for target, excluded in before.keys() & after.keys():
        if before[target, excluded] != after[target, excluded]:
            yield target, "filter_changed"


def _targeting(item: PlannedItem, body: Json) -> _Targeting:
    if not isinstance(body, dict):
        return {}
    if item.type_key == CONDITIONAL_ACCESS:
        return dict.fromkeys(_of_access(body), "")
    return dict(_of_assignments(body.get("assignments") or ()))


def _of_access(body: Json) -> Iterator[tuple[Target, bool]]:
    users = (body.get("conditions") or {}).get("users") or {}
    for name, kind, excluded in _ACCESS_LISTS:
        for each in users.get(name) or ():
            if each == "All":
                yield Target(kind=ALL_USERS), excluded
            elif each != "None":
                yield Target(kind=kind, id=str(each)), excluded


def _of_assignments(rows: Json) -> Iterator[tuple[tuple[Target, bool], str]]:
    for row in rows:
        target = row.get("target") or {}
        if not is_direct(row):
            continue
        group = str(target.get("groupId") or "")
        whole = _WHOLE.get(group) or _WHOLE.get(type_name(target))
        narrowed = str(target.get(FILTER_ID)) if has_filter(target) else ""
        meant = Target(kind=whole) if whole else Target(kind="group", id=group)
        yield (meant, is_exclusion(row)), narrowed
