from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.core.errors import Conflict
from tenantatlas.policies import assignments, references, writes
from tenantatlas.policies.assignments import FILTER_ID, FILTER_TYPE
from tenantatlas.policies.model import (
    ALL_DEVICES_GROUP,
    ALL_USERS_GROUP,
    ASSIGNED_FILTERS,
    ASSIGNED_GROUPS,
    NO_FILTER,
    SCOPE_TAGS,
    AssignmentRule,
    AssignWrite,
    Reference,
)
from tenantatlas.policies.references import DROP, KEEP, Found

from .builders import a_context, a_target, a_type, to_group

EXCLUSION = "exclusionGroupAssignmentTarget"
POLICY_TYPE = a_type(
    references=(
        SCOPE_TAGS,
        ASSIGNED_GROUPS,
        ASSIGNED_FILTERS,
        Reference(path="users.includeGroups[]", kind="groups"),
        Reference(path="users.excludeGroups[]", kind="groups"),
        Reference(path="template", kind="templates"),
        Reference(path="link", kind="certificates", pick=r"deviceConfigurations\('([^']+)'\)"),
        Reference(path="values[].value", kind="settings", when=lambda row: row.get("kind") == "reference"),
    )
)
BODY = {
    "roleScopeTagIds": ["0", "7"],
    "assignments": [
        to_group("g1"),
        to_group("g2", kind=EXCLUSION),
        {"target": a_target("allDevicesAssignmentTarget", **{FILTER_ID: "f1", FILTER_TYPE: "include"})},
        {"target": a_target(groupId="g4", **{FILTER_ID: NO_FILTER, FILTER_TYPE: "none"})},
        {"target": a_target(groupId="g5", **{FILTER_ID: "f5", FILTER_TYPE: "none"})},
        {"source": "policySets", "target": a_target(groupId="g6", **{FILTER_ID: "f6"})},
        to_group(ALL_USERS_GROUP),
    ],
    "users": {"includeGroups": ["g1", "g7"], "excludeGroups": ["g8"]},
    "template": "t1",
    "link": "https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('c1')",
    "values": [{"kind": "reference", "value": "r1"}, {"kind": "text", "value": "r1"}, {"value": None}],
}


def keeping(**answers):
    return lambda _kind, found: answers.get(found, KEEP)


def test_finds_what_may_be_sent_and_is_not_the_same_everywhere():
    found = references.find(POLICY_TYPE, BODY)
    assert found[0] == Found(kind="roleScopeTags", id="7", path="roleScopeTagIds[1]")
    assert [(one.kind, one.id) for one in found] == [
        ("roleScopeTags", "7"),
        ("groups", "g1"),
        ("groups", "g2"),
        ("groups", "g4"),
        ("groups", "g5"),
        ("assignmentFilters", "f1"),
        ("groups", "g1"),
        ("groups", "g7"),
        ("groups", "g8"),
        ("templates", "t1"),
        ("certificates", "c1"),
        ("settings", "r1"),
    ]


@pytest.mark.parametrize("link", ["", "nowhere", None, 5])
def test_what_names_nothing_is_no_reference(link):
    assert references.find(POLICY_TYPE, {"link": link, "template": ""}) == ()


def test_rewrites_every_place():
    decided = {"7": "8", "g1": "h1", "f1": "e1", "t1": "u1", "c1": "d1", "r1": "s1", "g8": "h8"}
    body = references.rewrite(POLICY_TYPE, BODY, keeping(**decided))
    assert body["roleScopeTagIds"] == ["0", "8"]
    assert body["assignments"][0]["target"]["groupId"] == "h1"
    assert body["assignments"][2]["target"][FILTER_ID] == "e1"
    assert body["users"] == {"includeGroups": ["h1", "g7"], "excludeGroups": ["h8"]}
    assert body["template"] == "u1"
    assert body["link"] == "https://graph.microsoft.com/beta/deviceManagement/deviceConfigurations('d1')"
    assert [row["value"] for row in body["values"]] == ["s1", "r1", None]
    assert BODY["template"] == "t1"


def test_keeping_everything_changes_nothing():
    assert references.rewrite(POLICY_TYPE, BODY, keeping()) == BODY


class TestDropping:
    def test_a_group_takes_its_assignment_along(self):
        result = references.rewritten(POLICY_TYPE, BODY, keeping(g4=DROP, f1=DROP))
        assert len(result.body["assignments"]) == len(BODY["assignments"]) - 2
        assert result.dropped == (
            "groups g4 at assignments[3].target.groupId",
            "assignmentFilters f1 at assignments[2].target.deviceAndAppManagementAssignmentFilterId",
        )
        assert result.refused == ()

    def test_a_group_leaves_a_list(self):
        body = references.rewrite(POLICY_TYPE, BODY, keeping(g1=DROP, g7=DROP))
        assert body["users"]["includeGroups"] == []

    def test_the_last_scope_tag_leaves_default(self):
        body = references.rewrite(POLICY_TYPE, {"roleScopeTagIds": ["7", "8"]}, lambda *_: DROP)
        assert body == {"roleScopeTagIds": ["0"]}
        body = references.rewrite(POLICY_TYPE, {"roleScopeTagIds": ["0", "8"]}, lambda *_: DROP)
        assert body == {"roleScopeTagIds": ["0"]}

    @pytest.mark.parametrize("dropped", ["g2", "g8", "t1", "c1", "r1"])
    def test_what_narrows_or_is_needed_stays(self, dropped):
        with pytest.raises(Conflict, match="cannot be left out"):
            references.rewrite(POLICY_TYPE, BODY, keeping(**{dropped: DROP}))

    def test_a_filter_of_an_exclusion_stays(self):
        target = a_target(EXCLUSION, groupId="g", **{FILTER_ID: "f", FILTER_TYPE: "include"})
        result = references.rewritten(POLICY_TYPE, {"assignments": [{"target": target}]}, keeping(f=DROP))
        assert result.refused


@pytest.mark.parametrize(
    ("found", "target"), [("g1", ALL_USERS_GROUP), ("g1", ""), ("f1", NO_FILTER), ("t1", "")]
)
def test_nothing_becomes_everybody_or_nothing(found, target):
    with pytest.raises(Conflict, match="everybody or nothing"):
        references.rewrite(POLICY_TYPE, BODY, keeping(**{found: target}))


GROUPS = st.sampled_from(["g1", "g2", "g3", ALL_USERS_GROUP])
FILTERS = st.sampled_from([None, NO_FILTER, "f1", "f2"])
KINDS = st.sampled_from(
    ["groupAssignmentTarget", EXCLUSION, "allDevicesAssignmentTarget", "allLicensedUsersAssignmentTarget"]
)
ROWS = st.lists(
    st.builds(
        lambda number, source, kind, group, filter_id, filter_type: {
            "id": str(number),
            "source": source,
            "target": {
                "@odata.type": f"#microsoft.graph.{kind}",
                **({"groupId": group} if kind.endswith("roupAssignmentTarget") else {}),
                FILTER_ID: None if kind == EXCLUSION else filter_id,
                FILTER_TYPE: filter_type,
            },
        },
        st.integers(0, 99),
        st.sampled_from([None, "direct", "policySets"]),
        KINDS,
        GROUPS,
        FILTERS,
        st.sampled_from(["include", "exclude", "none"]),
    ),
    max_size=5,
)
TARGETS = st.sampled_from(["h1", "h2", ALL_DEVICES_GROUP, "", KEEP, DROP])
MAPPINGS = st.fixed_dictionaries(dict.fromkeys(("g1", "g2", "g3", "f1", "f2"), TARGETS))
RULES = st.sampled_from(
    [
        AssignmentRule(),
        AssignmentRule(filters=False),
        AssignmentRule(exclusions_stored_as_inclusions=True),
        AssignmentRule(targets=frozenset({"groupAssignmentTarget"}), virtual_groups=True),
        AssignmentRule(write=AssignWrite.ONE_BY_ONE),
    ]
)


EVERYBODY = {
    "allLicensedUsersAssignmentTarget": ALL_USERS_GROUP,
    "allDevicesAssignmentTarget": ALL_DEVICES_GROUP,
}


def reach(rows, mapping):
    """Whom an assignment reaches: included audiences with their filter, and the groups that are kept out."""
    included, excluded = set(), set()
    for row in rows:
        target = row["target"]
        kind = target["@odata.type"].rpartition(".")[2]
        group = target.get("groupId")
        if kind in EVERYBODY:
            kind, group = "groupAssignmentTarget", EVERYBODY[kind]
        group = mapping.get(group, group)
        if kind == EXCLUSION:
            excluded.add(group)
            continue
        found = target.get(FILTER_ID) if assignments.has_filter(target) else None
        included.add((kind, group, mapping.get(found, found), found and target.get(FILTER_TYPE)))
    return included, excluded


@given(ROWS, ROWS, MAPPINGS, RULES)
def test_targeting_is_never_widened(rows, live_rows, mapping, rule):
    policy_type = a_type(assignments=rule)
    wanted = {"assignments": rows}
    live_rows = [{**row, "id": str(number)} for number, row in enumerate(live_rows)]
    result = references.rewritten(policy_type, wanted, lambda _kind, found: mapping.get(found, KEEP))
    ctx = a_context(policy_type, result.body, {"assignments": live_rows})
    if result.refused or writes.refusals(ctx):
        return
    answers = {name: name if answer is KEEP else answer for name, answer in mapping.items()}
    allowed, kept_out = reach([row for row in rows if assignments.is_direct(row)], answers)
    sent = simulate(writes.assign_steps(ctx), live_rows, rule)
    included, excluded = reach(sent, {})
    assert included <= allowed
    assert excluded == kept_out
    assert not any(DROP in audience for audience in included)


def simulate(steps, live_rows, rule):
    """The direct assignments after the steps."""
    rows = [row for row in live_rows if assignments.is_direct(row)]
    for step in steps:
        if step.path == rule.path:
            rows = step.body[rule.body_key]
        elif step.method == "DELETE":
            rows = [row for row in rows if row.get("id") != step.path.rpartition("/")[2]]
        else:
            rows = [*rows, step.body]
    return assignments.normalised(rule, rows)
