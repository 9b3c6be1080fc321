"""Scripts: read one by one, never written without their text, assigned by keys of their own."""

from __future__ import annotations

import pytest

from tenantatlas.policies import references
from tenantatlas.policies.registry import get_type

from .bodies import assigns, composed, creates, parts_read, refusals, same, updates

WITH_TEXT = {
    "deviceManagementScripts": "scriptContent",
    "deviceShellScripts": "scriptContent",
    "deviceCustomAttributeShellScripts": "scriptContent",
    "deviceHealthScripts": "detectionScriptContent",
    "deviceComplianceScripts": "detectionScriptContent",
}
every_script = pytest.mark.parametrize("key", WITH_TEXT)


def a_script(key, *rows, **more):
    row = {"id": "s-1", "displayName": "Clean up", "description": "Old files", WITH_TEXT[key]: None}
    item = {**row, WITH_TEXT[key]: "ZWNobyBoaQ==", "runAsAccount": "system", **more}
    if get_type(key).item_query:
        return composed(key, row, item={**item, "assignments": list(rows)})
    parts = {"assignments": list(rows)} if rows else {}
    return composed(key, row, item=item, parts=parts)


@every_script
def test_each_script_is_read_by_itself_under_its_own_permission(key):
    found = get_type(key)
    assert found.reads_item
    assert found.reads[0] == "DeviceManagementScripts.Read.All"
    assert found.writes == ("DeviceManagementScripts.ReadWrite.All",)
    assert found.family == "intuneDevices"


@every_script
def test_create_sends_the_text(key):
    [(method, path, sent)] = creates(key, a_script(key))
    assert (method, path) == ("POST", get_type(key).path)
    assert sent[WITH_TEXT[key]] == "ZWNobyBoaQ=="


@every_script
def test_update_sends_the_text_again(key):
    [(method, _, sent)] = updates(key, a_script(key, description="New"), a_script(key))
    assert method == "PATCH"
    assert sent["description"] == "New"
    assert sent[WITH_TEXT[key]] == "ZWNobyBoaQ=="


@every_script
def test_a_script_without_its_text_is_refused(key):
    [reason] = refusals(key, a_script(key, **{WITH_TEXT[key]: None}))
    assert WITH_TEXT[key] in reason
    assert refusals(key, a_script(key)) == ()


@every_script
def test_runs_are_no_difference(key):
    assert same(key, a_script(key), a_script(key, runSummary={"id": "x"}, version=2))


def test_shell_scripts_are_read_with_their_assignments():
    for key in ("deviceShellScripts", "deviceCustomAttributeShellScripts"):
        assert get_type(key).item_query == "$expand=assignments"
        assert parts_read(key, {"id": "s-1"}) == []


@pytest.mark.parametrize(
    ("key", "body_key", "odata_type"),
    [
        ("deviceManagementScripts", "deviceManagementScriptAssignments", "deviceManagementScriptAssignment"),
        ("deviceShellScripts", "deviceManagementScriptAssignments", "deviceManagementScriptAssignment"),
        ("deviceHealthScripts", "deviceHealthScriptAssignments", "deviceHealthScriptAssignment"),
    ],
)
def test_assignments_have_keys_of_their_own(key, body_key, odata_type):
    row = {
        "id": "a",
        "target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g-1"},
        "runRemediationScript": True,
        "runSchedule": {"@odata.type": "#microsoft.graph.deviceHealthScriptDailySchedule", "interval": 1},
    }
    [(method, path, sent)] = assigns(key, a_script(key, row))
    assert (method, path) == ("POST", "{item}/assign")
    [assignment] = sent[body_key]
    assert assignment["@odata.type"] == f"#microsoft.graph.{odata_type}"
    assert ("runSchedule" in assignment) == (key == "deviceHealthScripts")
    assert ("runRemediationScript" in assignment) == (key == "deviceHealthScripts")


def test_a_changed_schedule_is_a_difference():
    key = "deviceHealthScripts"
    target = {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}
    daily, hourly = ({"target": target, "runSchedule": {"interval": n}} for n in (24, 1))
    assert not same(key, a_script(key, daily), a_script(key, hourly))


def test_a_script_of_microsoft_is_never_written():
    assert creates("deviceHealthScripts", a_script("deviceHealthScripts", isGlobalScript=True)) == []
    assert creates("deviceHealthScripts", a_script("deviceHealthScripts", publisher="Microsoft"))


def test_what_cannot_change_in_a_custom_attribute_is_not_sent():
    key = "deviceCustomAttributeShellScripts"
    mine = {"customAttributeName": "Disk", "customAttributeType": "integer"}
    [(_, _, sent)] = updates(key, a_script(key, runAsAccount="user", **mine), a_script(key, **mine))
    assert not {"displayName", "customAttributeName", "customAttributeType"} & set(sent)


def test_scope_tags_of_scripts_are_mapped():
    body = a_script("deviceComplianceScripts", roleScopeTagIds=["0", "7"])
    found = references.find(get_type("deviceComplianceScripts"), body)
    assert [(each.kind, each.id) for each in found] == [("roleScopeTags", "7")]
