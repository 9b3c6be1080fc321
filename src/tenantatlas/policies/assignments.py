"""Who gets a policy: what an assignment means, and what may be sent.

    row       {"id", "source", "sourceId", "target": {"@odata.type", "groupId", filter…}, …}
    inherited rows (`source` is not direct) belong to something else: no difference, never sent
    no filter = id null or all zeros, or type none

Targeting is never widened: what cannot be sent as it is gives a reason to refuse the policy, and no row is
left out to make the rest fit.
"""

from __future__ import annotations

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .bodies import cleaned, type_name
from .model import ALL_DEVICES_GROUP, ALL_USERS_GROUP, NO_FILTER, AssignmentRule

FILTER_ID = "deviceAndAppManagementAssignmentFilterId"
FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType"
EXCLUSION = "exclusionGroupAssignmentTarget"

_PREFIX = "#microsoft.graph."
_VIRTUAL = {
    "allLicensedUsersAssignmentTarget": ALL_USERS_GROUP,
    "allDevicesAssignmentTarget": ALL_DEVICES_GROUP,
}


def is_direct(row: Json) -> bool:
    """Whether the assignment was made on the policy itself."""
    return row.get("source") in (None, "direct")


def is_exclusion(row: Json) -> bool:
    """Whether the assignment keeps a group out."""
    return type_name(row.get("target")) == EXCLUSION


def has_filter(target: Json) -> bool:
    """Whether the target is narrowed by an assignment filter."""
    filter_id = target.get(FILTER_ID)
    return filter_id not in (None, "", NO_FILTER) and target.get(FILTER_TYPE) != "none"


def normalised(rule: AssignmentRule, rows: Json) -> list[Json]:
    """What the rows mean: direct ones only, what is ours of each, each once, in one order."""
    meanings = [_meaning(rule, row) for row in rows or () if is_direct(row)]
    by_bytes = {json.dumps_sorted(meaning): meaning for meaning in meanings}
    return [by_bytes[key] for key in sorted(by_bytes)]


def _meaning(rule: AssignmentRule, row: Json) -> Json:
    kept = {name: row[name] for name in rule.keep if name in row}
    return cleaned({**kept, "target": _target(rule, row.get("target") or {})})


def _target(rule: AssignmentRule, target: Json) -> Json:
    left_out = {"targetType"} if has_filter(target) else {"targetType", FILTER_ID, FILTER_TYPE}
    result = {name: value for name, value in target.items() if name not in left_out}
    group_id = _VIRTUAL.get(type_name(target)) if rule.virtual_groups else None
    if group_id is not None and type_name(target) not in rule.targets:
        result |= {"@odata.type": f"{_PREFIX}groupAssignmentTarget", "groupId": group_id}
    return result


def sendable(rule: AssignmentRule, rows: Json) -> list[Json]:
    """The rows to send. What `refusals` objects to must not be sent at all."""
    typed = {"@odata.type": rule.odata_type} if rule.odata_type else {}
    return [{**typed, **row} for row in normalised(rule, rows)]


def refusals(rule: AssignmentRule, rows: Json) -> tuple[str, ...]:
    """Why these assignments cannot be sent as they are; each reason once."""
    reasons = [reason for row in normalised(rule, rows) for reason in _objections(rule, row["target"])]
    return tuple(dict.fromkeys(reasons))


def _objections(rule: AssignmentRule, target: Json) -> list[str]:
    kind = type_name(target)
    if kind == EXCLUSION and rule.exclusions_stored_as_inclusions:
        return [f"Excluding group {target.get('groupId')} would be stored as including it."]
    if kind not in rule.targets:
        return [f"An assignment of the kind {kind or 'unknown'} is not possible for this policy type."]
    if kind.endswith("roupAssignmentTarget") and not target.get("groupId"):
        return ["An assignment to a group does not name the group."]
    if has_filter(target) and (kind == EXCLUSION or not rule.filters):
        return [f"Filter {target.get(FILTER_ID)} is not possible on this assignment."]
    return []
