from __future__ import annotations

import pytest

from tenantatlas.policies import assignments
from tenantatlas.policies.assignments import FILTER_ID, FILTER_TYPE
from tenantatlas.policies.model import ALL_USERS_GROUP, NO_FILTER, AssignmentRule

from .builders import a_target, to_group

RULE = AssignmentRule(odata_type="#microsoft.graph.widgetAssignment")
GROUPS_ONLY = AssignmentRule(
    targets=frozenset({"groupAssignmentTarget", "exclusionGroupAssignmentTarget"}),
    filters=False,
    virtual_groups=True,
)
NO_EXCLUSIONS = AssignmentRule(exclusions_stored_as_inclusions=True)


def test_only_what_is_ours_of_direct_rows_in_one_order():
    rows = [
        to_group("g2", **{"@odata.type": "#x", "sourceId": "s", "intent": "apply"}),
        {"id": "i", "source": "policySets", "target": a_target(groupId="inherited")},
        {"target": a_target(groupId="g1", targetType="t")},
        to_group("g1"),
    ]
    expected = [{"target": a_target(groupId="g1")}, {"target": a_target(groupId="g2")}]
    assert assignments.normalised(RULE, rows) == expected
    assert assignments.normalised(RULE, list(reversed(rows))) == expected
    assert assignments.normalised(RULE, None) == []


def test_keeps_what_the_type_says():
    rule = AssignmentRule(keep=("target", "runSchedule"))
    row = to_group("g1", runSchedule={"interval": 1, "time": None}, other=1)
    assert assignments.normalised(rule, [row]) == [
        {"target": a_target(groupId="g1"), "runSchedule": {"interval": 1}}
    ]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {FILTER_ID: None, FILTER_TYPE: "none"},
        {FILTER_ID: NO_FILTER, FILTER_TYPE: "exclude"},
        {FILTER_ID: "f1", FILTER_TYPE: "none"},
        {FILTER_ID: ""},
    ],
)
def test_no_filter_has_many_spellings(said):
    rows = [{"target": a_target(groupId="g1", **said)}]
    assert assignments.normalised(RULE, rows) == [{"target": a_target(groupId="g1")}]


def test_a_filter_is_kept():
    target = a_target(groupId="g1", **{FILTER_ID: "f1", FILTER_TYPE: "include"})
    assert assignments.normalised(RULE, [{"target": target}]) == [{"target": target}]


def test_everybody_is_a_group_where_the_type_says_so():
    rows = [{"target": a_target("allLicensedUsersAssignmentTarget")}]
    as_group = [{"target": a_target(groupId=ALL_USERS_GROUP)}]
    assert assignments.normalised(GROUPS_ONLY, rows) == as_group
    assert assignments.normalised(GROUPS_ONLY, as_group) == as_group
    assert assignments.normalised(RULE, rows) == rows
    both = AssignmentRule(virtual_groups=True)
    assert assignments.normalised(both, rows) == rows


def test_sends_the_type_of_the_row_where_there_is_one():
    assert assignments.sendable(RULE, [to_group("g1")]) == [
        {"@odata.type": "#microsoft.graph.widgetAssignment", "target": a_target(groupId="g1")}
    ]
    assert assignments.sendable(GROUPS_ONLY, [to_group("g1")]) == [{"target": a_target(groupId="g1")}]


EXCLUSION = "exclusionGroupAssignmentTarget"
FILTERED = {FILTER_ID: "f1", FILTER_TYPE: "include"}


@pytest.mark.parametrize(
    ("rule", "target", "says"),
    [
        (NO_EXCLUSIONS, a_target(EXCLUSION, groupId="g1"), "stored as including"),
        (GROUPS_ONLY, a_target("configurationManagerCollectionAssignmentTarget"), "not possible"),
        (RULE, a_target("futureTarget"), "futureTarget"),
        (RULE, {}, "unknown"),
        (RULE, a_target(), "does not name"),
        (RULE, a_target(EXCLUSION), "does not name"),
        (RULE, a_target(EXCLUSION, groupId="g1", **FILTERED), "Filter f1"),
        (GROUPS_ONLY, a_target(groupId="g1", **FILTERED), "Filter f1"),
    ],
)
def test_refuses_and_never_leaves_out(rule, target, says):
    rows = [{"target": target}, to_group("g9")]
    (reason,) = assignments.refusals(rule, rows)
    assert says in reason
    assert len(assignments.sendable(rule, rows)) == 2


def test_does_not_object_to_what_is_possible_or_not_sent():
    rows = [
        to_group("g1"),
        to_group("g2", kind=EXCLUSION),
        {"target": a_target("allDevicesAssignmentTarget", **FILTERED)},
        {"source": "policySets", "target": a_target("futureTarget")},
        {"target": None, "source": "policySets"},
    ]
    assert assignments.refusals(RULE, rows) == ()


def test_each_reason_once():
    rows = [{"target": a_target("futureTarget", a=1)}, {"target": a_target("futureTarget", a=2)}]
    assert len(assignments.refusals(RULE, rows)) == 1


def test_knows_exclusions():
    assert assignments.is_exclusion(to_group("g", kind=EXCLUSION))
    assert not assignments.is_exclusion({})
