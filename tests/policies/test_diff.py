from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.policies.diff import Difference, Kind, differences
from tenantatlas.policies.model import Secret, SecretKind
from tenantatlas.policies.redact import REDACTED

from .builders import a_target, a_type, to_group
from .test_canonical import BODIES, SETS, shuffled

CATALOG = a_type(
    name_field="name",
    unordered={"settings": ("settingInstance.settingDefinitionId",), "words": ("",)},
    secrets=(Secret(path="rows[].value", kind=SecretKind.RECOVERABLE, when=lambda row: row["secret"]),),
)


def lines(before, after):
    return [(one.path, str(one.kind), one.before, one.after) for one in differences(CATALOG, before, after)]


def a_setting(name, value):
    return {
        "settingInstance": {"settingDefinitionId": name, "simpleSettingValue": {"value": value}},
    }


def test_properties_added_removed_and_changed():
    after = {"b": 2, "c": {"d": "x", "e": None}, "f": [3], "g": []}
    assert lines({"a": 1, "b": 1, "c": {"d": "x"}}, after) == [
        ("a", "removed", 1, None),
        ("b", "changed", 1, 2),
        ("f", "added", None, [3]),
    ]


def test_one_is_not_true():
    assert lines({"a": 1}, {"a": True}) == [("a", "changed", 1, True)]


def test_another_shape_is_one_change():
    assert lines({"a": [1]}, {"a": {"b": 1}}) == [("a", "changed", [1], {"b": 1})]


def test_rows_of_sets_are_matched_by_key():
    before = {"settings": [a_setting("device_vendor_msft_policy_config_defender_cpu", 1), a_setting("x", 1)]}
    after = {"settings": [a_setting("x", 1), a_setting("device_vendor_msft_policy_config_defender_cpu", 2)]}
    (found,) = differences(CATALOG, before, after)
    assert found == Difference(
        path="settings[device_vendor_msft_policy_config_defender_cpu]"
        ".settingInstance.simpleSettingValue.value",
        label="Settings / Defender cpu",
        kind=Kind.CHANGED,
        before=1,
        after=2,
    )


def test_rows_with_the_same_key_are_numbered():
    before = {"settings": [a_setting("x", 1), a_setting("x", 2)]}
    after = {"settings": [a_setting("x", 1), a_setting("x", 2), a_setting("x", 3)]}
    assert [one.path for one in differences(CATALOG, before, after)] == ["settings[x#3]"]


def test_words_of_a_set_come_and_go():
    assert lines({"words": ["a", "b", 3]}, {"words": ["b", "c", 3]}) == [
        ("words[a]", "removed", "a", None),
        ("words[c]", "added", None, "c"),
    ]


def test_ordered_rows_by_position():
    (found,) = differences(CATALOG, {"steps": [{"a": 1}, {"a": 2}]}, {"steps": [{"a": 1}, {"a": 3}]})
    assert (found.path, found.label) == ("steps[1].a", "Steps / 2 / A")


def test_assignments_by_whom_they_reach():
    filtered = {"deviceAndAppManagementAssignmentFilterId": "f", "deviceAndAppManagementAssignmentFilterType": "include"}  # fmt: skip  # noqa: E501 - one table
    before = {"assignments": [to_group("g1"), to_group("g2", kind="exclusionGroupAssignmentTarget")]}
    after = {
        "assignments": [
            {"target": a_target(groupId="g1", **filtered)},
            {"target": a_target("allDevicesAssignmentTarget")},
            {"target": a_target("futureTarget")},
        ]
    }
    assert [(one.label, str(one.kind)) for one in differences(CATALOG, before, after)] == [
        ("Assignments / all devices", "added"),
        ("Assignments / not group g2", "removed"),
        ("Assignments / futureTarget", "added"),
        ("Assignments / group g1 / Device and app management assignment filter id", "added"),
        ("Assignments / group g1 / Device and app management assignment filter type", "added"),
    ]


def test_a_name_that_says_nothing_is_its_own_label():
    (found,) = differences(CATALOG, {"value": 1}, {"value": 2})
    assert found.label == "value"


def test_labels_of_other_names():
    found = differences(CATALOG, {}, {"./Device/Some_Thing": 1, "policy_": 1, "OSMaximum": 1})
    assert [one.label for one in found] == ["./Device/Some_Thing", "OSMaximum", "Policy_"]


class TestSecrets:
    def test_say_only_that_they_changed(self):
        before = {"rows": [{"secret": True, "value": "old-canary"}, {"secret": False, "value": "a"}]}
        after = {"rows": [{"secret": True, "value": "new-canary"}, {"secret": False, "value": "b"}]}
        found = differences(CATALOG, before, after)
        assert [(one.path, one.before, one.after, one.secret) for one in found] == [
            ("rows[0].value", REDACTED, REDACTED, True),
            ("rows[1].value", "a", "b", False),
        ]
        assert "canary" not in repr(found)

    def test_are_no_difference_where_they_are_the_same(self):
        body = {"rows": [{"secret": True, "value": "canary"}], "password": "canary"}
        assert differences(CATALOG, body, body) == ()

    def test_inside_of_what_is_added(self):
        found = differences(CATALOG, {}, {"rows": [{"secret": True, "value": "canary"}]})
        assert [one.after for one in found] == [[{"secret": True, "value": REDACTED}]]
        assert not found[0].secret

    def test_undeclared_by_name(self):
        (found,) = differences(CATALOG, {"password": "canary"}, {"password": None})
        assert (found.kind, found.before, found.secret) == (Kind.REMOVED, REDACTED, True)

    def test_a_mask_is_no_value(self):
        after = {"rows": [{"secret": True, "value": "****"}]}
        (found,) = differences(CATALOG, {"rows": [{"secret": True, "value": "canary"}]}, after)
        assert found.kind is Kind.REMOVED


@given(BODIES, st.randoms(use_true_random=False))
def test_nothing_differs_from_itself_in_another_order(body, random):
    other = shuffled(body, random)
    if isinstance(other.get("rows"), list):
        random.shuffle(other["rows"])
    assert differences(SETS, body, other) == ()


@given(BODIES, BODIES)
def test_deterministic_and_the_other_way_round(one, other):
    there, back = differences(SETS, one, other), differences(SETS, other, one)
    assert differences(SETS, one, other) == there
    assert sorted(found.path for found in there) == sorted(found.path for found in back)
    assert len({found.path for found in there}) == len(there)
