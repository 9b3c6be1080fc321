"""Differences read as people speak: names for ids, lines for scripts, options without their definition."""

from __future__ import annotations

import base64

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.policies.diff import Setting, differences
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.web.differing import Readable, names_in, readable, readable_settings, words
from tests.simulated import World, catalog_body, group_target

PILOT, NARROW = stable_id("pilot"), stable_id("narrow")
NAMES = {PILOT: "Pilot devices", NARROW: "Windows 11 only"}
CATALOG = "configurationPolicies"
SCRIPT = "deviceManagementScripts"


def script(*lines: str) -> str:
    return base64.b64encode("\r\n".join(lines).encode()).decode()


def told(one: dict, other: dict, *, of: str = CATALOG) -> list[Readable]:
    return readable(differences(get_type(of), one, other), NAMES)


def test_an_assignment_is_said_by_the_names_of_group_and_filter():
    target = group_target(PILOT)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": NARROW,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    body = catalog_body("Edge")

    (row,) = told({**body, "assignments": []}, {**body, "assignments": [target]})

    assert (row.kind, row.label) == ("added", "Assignments / group Pilot devices")
    assert row.after == "included: Pilot devices; filter: include Windows 11 only"
    assert PILOT not in row.label + row.after


def test_what_an_assignment_holds_besides_is_said_too():
    target = {**group_target(PILOT, excluded=True), "runRemediationScript": True}
    assert words("assignments[0]", target, NAMES) == "excluded: Pilot devices; runRemediationScript: yes"


def test_of_a_changed_script_the_lines_that_differ_are_shown():
    body = {
        "@odata.type": "#microsoft.graph.deviceManagementScript",
        "id": stable_id("s"),
        "displayName": "S",
    }
    before = script("# Map drives", "net use P:", "exit 0")
    after = script("# Map drives", "net use Q:", "exit 0", "# end")

    (row,) = told({**body, "scriptContent": before}, {**body, "scriptContent": after}, of=SCRIPT)

    assert (row.before, row.after) == ("2: net use P:", "2: net use Q:\n4: # end")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (script("one"), script("one", "two"), ("(no such lines)", "2: two")),
        (script("one", "two"), base64.b64encode(b"one\ntwo").decode(), ("(only line ends differ)",) * 2),
        ("not base64!", script("one"), ("not base64!", "one")),
    ],
)
def test_scripts_that_say_less(before: str, after: str, expected: tuple[str, str]):
    one = {"path": "scriptContent", "label": "", "kind": "changed", "before": before, "after": after}
    (row,) = readable([one], {})
    assert (row.before, row.after, row.label) == (*expected, "scriptContent")


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("a", None, "not set"),
        ("a", True, "yes"),
        ("a", "", "empty"),
        ("a", [], "none"),
        ("a", ["0", "1"], "0, 1"),
        ("a", [PILOT], "Pilot devices"),
        ("a", PILOT.upper(), "Pilot devices"),
        ("a", 5, "5"),
        ("a", {"groups": [PILOT]}, '{"groups":["Pilot devices"]}'),
        (
            "settings[device_edge_autofill].settingInstance.choiceSettingValue.value",
            "device_edge_autofill_off",
            "off",
        ),
    ],
)
def test_values(path: str, value: object, expected: str):
    assert words(path, value, NAMES) == expected


def test_settings_do_not_repeat_their_definition():
    rows = readable_settings(
        [
            Setting(
                path="settings[a_b].settingInstance.settingDefinitionId", label="Settings / B", value="a_b"
            ),
            Setting(
                path="settings[a_b].settingInstance.choiceSettingValue.value",
                label="Settings / B",
                value="a_b_1",
            ),
        ],
        {},
    )
    assert [(row.label, row.after) for row in rows] == [("Settings / B", "1")]


def test_names_are_those_that_the_tenant_in_scope_knows(world: World):
    known = world.catalog_policy("Trusted places")
    world.work("inventory.sync", types=[CATALOG])
    stranger = stable_id("elsewhere")
    row = {"path": "p", "label": known, "kind": "changed", "before": [stranger], "after": None}

    assert names_in([row])[known] == "Trusted places"
    with tenant_scope(world.cast.fabrikam):
        assert names_in([row])[known] == known
    (shown,) = readable([row], names_in([row]))
    assert (shown.label, shown.before) == ("Trusted places", stranger)


def test_where_no_id_is_nothing_is_asked(world: World, django_assert_num_queries):
    assert world
    with django_assert_num_queries(0):
        assert names_in([{"path": "p", "label": "L", "kind": "added", "before": None, "after": "x"}]) == {}
