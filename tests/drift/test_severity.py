"""How much a drift matters, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.drift.models import FindingKind, Severity
from tenantatlas.drift.severity import severity_of_change, severity_of_presence, widened
from tenantatlas.policies.diff import differences
from tenantatlas.policies.registry import get_type

ALL = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}


def group(name: str, *, excluded: bool = False, filtered: str = "") -> dict[str, Any]:
    kind = "exclusionGroupAssignmentTarget" if excluded else "groupAssignmentTarget"
    target = {"@odata.type": f"#microsoft.graph.{kind}", "groupId": name}
    if filtered:
        target["deviceAndAppManagementAssignmentFilterId"] = filtered
        target["deviceAndAppManagementAssignmentFilterType"] = "include"
    return {"target": target}


@pytest.mark.parametrize(
    ("before", "after", "grew"),
    [
        ([], [], False),
        (None, [group("a")], True),
        ([group("a")], [group("a"), group("b")], True),
        ([group("a")], [{"target": ALL}], True),
        ([group("a"), group("b")], [group("a")], False),
        ([group("a"), group("x", excluded=True)], [group("a")], True),
        ([group("a")], [group("a"), group("x", excluded=True)], False),
        ([group("a", filtered="f")], [group("a")], True),
        ([group("a", filtered="f")], [group("a", filtered="g")], True),
        ([group("a")], [group("a", filtered="f")], False),
        ([group("a", filtered="f")], [group("a", filtered="f")], False),
    ],
)
def test_targeting_that_grew_is_seen(before: Any, after: Any, *, grew: bool) -> None:
    assert widened(before, after) is grew


def change(type_key: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[Severity, str]:
    policy_type = get_type(type_key)
    return severity_of_change(policy_type, before, after, differences(policy_type, before, after))


def test_changes_are_weighed() -> None:
    catalog = "configurationPolicies"
    base = {"name": "A", "description": "x", "platforms": "windows10", "assignments": []}

    assert change(catalog, base, base | {"description": "y"})[0] == Severity.LOW
    assert change(catalog, base, base | {"technologies": "mdm"})[0] == Severity.MEDIUM
    assert change(catalog, base, base | {"assignments": [group("a")]})[0] == Severity.HIGH


def test_conditional_access_is_always_high_and_says_whom() -> None:
    key = "conditionalAccess.policies"
    base = {"displayName": "A", "conditions": {"users": {"includeUsers": ["All"]}}, "state": "enabled"}
    let_past = base | {"conditions": {"users": {"includeUsers": ["All"], "excludeUsers": ["x"]}}}

    severity, summary = change(key, base, let_past)

    assert (severity, summary) == (Severity.HIGH, "Who it applies to was changed.")
    assert change(key, base, base | {"state": "disabled"})[0] == Severity.HIGH


@pytest.mark.parametrize(
    ("type_key", "kind", "severity"),
    [
        ("conditionalAccess.policies", FindingKind.REMOVED, Severity.HIGH),
        ("configurationPolicies", FindingKind.REMOVED, Severity.MEDIUM),
        ("configurationPolicies", FindingKind.ADDED, Severity.MEDIUM),
        ("conditionalAccess.policies", FindingKind.UNKNOWN, Severity.LOW),
    ],
)
def test_presence_is_weighed(type_key: str, kind: FindingKind, severity: Severity) -> None:
    assert severity_of_presence(get_type(type_key), kind) == severity
