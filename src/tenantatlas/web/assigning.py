"""Whom a policy is for, in words: names from the cached directory and inventory, plain ids where unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantatlas.core.json import Json
from tenantatlas.directory.queries import group_names
from tenantatlas.inventory.models import Policy
from tenantatlas.policies.model import NO_FILTER

_FILTER = "deviceAndAppManagementAssignmentFilterId"


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """One assignment. `known` is False where only the id can be shown."""

    name: str
    excluded: bool
    known: bool = True
    filter: str = ""


def assignments_in(body: Json) -> list[Assigned]:
    """The assignments of a composed body. Two queries."""
    rows = body.get("assignments") if isinstance(body, dict) else None
    targets = [
        row["target"] for row in rows or () if isinstance(row, dict) and isinstance(row.get("target"), dict)
    ]
    groups = group_names([str(target["groupId"]) for target in targets if target.get("groupId")])
    filters = {str(target[_FILTER]) for target in targets if target.get(_FILTER) not in (None, NO_FILTER)}
    known = Policy.objects.filter(type_key="assignmentFilters", graph_id__in=filters) if filters else ()
    names = {policy.graph_id: policy.name for policy in known}
    return [assigned(target, groups, names) for target in targets]


def assigned(target: Mapping[str, Json], groups: Mapping[str, str], filters: Mapping[str, str]) -> Assigned:
    """One assignment by its target, with the names of groups and filters by id."""
    kind = str(target.get("@odata.type", ""))
    group = str(target.get("groupId") or "")
    name = _audience(kind) or groups.get(group, group) or kind.rpartition(".")[2]
    narrowed = str(target.get(_FILTER) or "")
    how = str(target.get("deviceAndAppManagementAssignmentFilterType") or "")
    words = f"{how} {filters.get(narrowed, narrowed)}" if narrowed and narrowed != NO_FILTER else ""
    return Assigned(
        name=name,
        excluded="exclusion" in kind,
        known=not group or name != group,
        filter=words.strip(),
    )


def _audience(kind: str) -> str:
    if "allDevices" in kind:
        return "All devices"
    return "All users" if "allLicensedUsers" in kind else ""
