"""Policy types and bodies for tests: valid by default, overridden by name."""

from __future__ import annotations

from typing import Any

from tenantatlas.policies.model import (
    ASSIGNED_FILTERS,
    ASSIGNED_GROUPS,
    SCOPE_TAGS,
    AssignmentRule,
    PolicyType,
    RestoreRule,
    WriteContext,
)

ROOT = "https://graph.test/beta"


def a_type(**overrides: Any) -> PolicyType:
    """A plain type with assignments, scope tags and filters."""
    given: dict[str, Any] = {
        "key": "widgets",
        "label": "Widgets",
        "platforms": ("all",),
        "path": "/beta/widgets",
        "family": "deviceConfiguration",
        "reads": ("Widgets.Read.All", "Widgets.ReadWrite.All"),
        "writes": ("Widgets.ReadWrite.All",),
        "restore": RestoreRule(order=100),
        "odata_type": "#microsoft.graph.widget",
        "assignments": AssignmentRule(odata_type="#microsoft.graph.widgetAssignment"),
        "references": (SCOPE_TAGS, ASSIGNED_GROUPS, ASSIGNED_FILTERS),
    }
    return PolicyType(**{**given, **overrides})


def a_context(policy_type: PolicyType, wanted: Any, live: Any = None) -> WriteContext:
    """What a type is given to say its steps."""
    return WriteContext(policy_type=policy_type, wanted=wanted, live=live, graph_root=ROOT)


def a_target(kind: str = "groupAssignmentTarget", **properties: Any) -> dict[str, Any]:
    """The target of an assignment."""
    return {"@odata.type": f"#microsoft.graph.{kind}", **properties}


def to_group(group_id: str, *, kind: str = "groupAssignmentTarget", **row: Any) -> dict[str, Any]:
    """An assignment to a group."""
    return {"id": f"a-{group_id}", "source": "direct", "target": a_target(kind, groupId=group_id), **row}


def steps_of(steps: Any) -> list[tuple[str, str, str]]:
    """Kind, method and path of each step."""
    return [(str(step.kind), step.method, step.path) for step in steps]
