"""Settings catalog, endpoint security, baselines, enrollment policies, reusable settings groups."""

from __future__ import annotations

import pytest

from tenantatlas.policies import backup_only, references
from tenantatlas.policies.registry import get_type

from .bodies import assigns, composed, creates, key_of, parts_read, refusals, same, updates

PATH = "/beta/deviceManagement/configurationPolicies"
INSTANCE = "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance"
VALUE = "#microsoft.graph.deviceManagementConfiguration{}SettingValue"


def a_setting(name, value=1, *, kind="Integer", **more):
    return {
        "settingInstance": {
            "@odata.type": INSTANCE,
            "settingDefinitionId": name,
            "auditRuleInformation": None,
            "simpleSettingValue": {"@odata.type": VALUE.format(kind), "value": value, **more},
        }
    }


def a_row(*, family="none", technologies="mdm", **more):
    return {
        "id": "p-1",
        "name": "Lock screen",
        "description": None,
        "platforms": "windows10",
        "technologies": technologies,
        "templateReference": {
            "templateId": "abc_1" if family != "none" else "",
            "templateFamily": family,
            "templateDisplayName": "Shown only",
            "templateDisplayVersion": "Version 1",
        },
        "roleScopeTagIds": ["0"],
        "settingCount": 1,
        "creationSource": None,
        "priorityMetaData": None,
        "assignments": [],
        **more,
    }


def a_policy(*, key="configurationPolicies", settings=None, **more):
    rows = [{"id": str(n), **row} for n, row in enumerate(settings or [a_setting("lock")])]
    return composed(key, a_row(**more), parts={"settings": rows})


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (a_row(), "configurationPolicies"),
        (a_row(family="appQuietTime"), "configurationPolicies"),
        ({"id": "1", "name": "Bare"}, "configurationPolicies"),
        (a_row(family="endpointSecurityFirewall"), "configurationPolicies.endpointSecurity"),
        (a_row(family="endpointSecurityAntivirus"), "configurationPolicies.endpointSecurity"),
        (a_row(family="baseline"), "configurationPolicies.baseline"),
        (a_row(family="enrollmentConfiguration"), "configurationPolicies.enrollment"),
        (a_row(technologies="mdm,enrollment"), "configurationPolicies.enrollment"),
    ],
)
def test_the_template_family_tells_the_kinds_apart(row, key):
    assert key_of(PATH, row) == key


class TestReading:
    def test_settings_are_always_read_and_assignments_when_the_list_had_none(self):
        assert parts_read("configurationPolicies", a_row()) == ["{item}/settings"]
        bare = {name: value for name, value in a_row().items() if name != "assignments"}
        assert parts_read("configurationPolicies", bare) == ["{item}/settings", "{item}/assignments"]

    def test_a_page_of_assignments_that_is_not_the_last_is_read_apart(self):
        row = a_row(**{"assignments@odata.nextLink": "https://graph.test/next"})
        assert "{item}/assignments" in parts_read("configurationPolicies", row)

    def test_settings_that_came_with_the_item_are_read_again_only_when_some_are_missing(self):
        whole = a_row(settings=[a_setting("lock")])
        assert parts_read("configurationPolicies", whole) == []
        assert parts_read("configurationPolicies", {**whole, "settingCount": 26}) == ["{item}/settings"]
        more = {**whole, "settings@odata.nextLink": "https://graph.test/next"}
        assert parts_read("configurationPolicies", more) == ["{item}/settings"]

    def test_a_policy_without_settings_is_the_same_however_it_was_read(self):
        row = a_row(settingCount=0)
        assert same(
            "configurationPolicies",
            composed("configurationPolicies", row),
            composed("configurationPolicies", {**row, "settings": []}),
        )


class TestComparing:
    def test_order_ids_and_what_the_service_adds_are_no_difference(self):
        one = a_policy(settings=[a_setting("a"), a_setting("b")], settingCount=2)
        other = a_policy(
            settings=[{**a_setting("b"), "settingDefinitions": []}, a_setting("a")],
            settingCount=2,
            creationSource="token",
            isAssigned=True,
            version=7,
        )
        del other["settings"][0]["settingInstance"]["simpleSettingValue"]["@odata.type"]
        other["settings"][0]["settingInstance"]["simpleSettingValue"]["@odata.type"] = VALUE.format("Integer")
        assert same("configurationPolicies", one, other)

    def test_a_value_is_a_difference(self):
        assert not same(
            "configurationPolicies",
            a_policy(settings=[a_setting("a", 1)]),
            a_policy(settings=[a_setting("a", 2)]),
        )

    def test_no_children_reads_as_an_empty_list(self):
        choice = {"settingInstance": {"settingDefinitionId": "c", "choiceSettingValue": {"children": None}}}
        body = a_policy(settings=[choice])
        assert body["settings"][0]["settingInstance"]["choiceSettingValue"]["children"] == []


class TestWriting:
    def test_create_sends_settings_inline_and_only_the_id_of_the_template(self):
        body = a_policy(key="configurationPolicies.endpointSecurity", family="endpointSecurityFirewall")
        [(method, path, sent)] = creates("configurationPolicies.endpointSecurity", body)
        assert (method, path) == ("POST", PATH)
        assert sent == {
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationPolicy",
            "name": "Lock screen",
            "platforms": "windows10",
            "technologies": "mdm",
            "templateReference": {"templateId": "abc_1"},
            "roleScopeTagIds": ["0"],
            "settings": [
                {
                    "settingInstance": {
                        "@odata.type": INSTANCE,
                        "settingDefinitionId": "lock",
                        "simpleSettingValue": {"@odata.type": VALUE.format("Integer"), "value": 1},
                    }
                }
            ],
        }

    def test_update_puts_the_whole_policy(self):
        [(method, path, sent)] = updates(
            "configurationPolicies",
            a_policy(settings=[a_setting("lock", 2)]),
            a_policy(settings=[a_setting("lock", 1)]),
        )
        assert (method, path) == ("PUT", "{item}")
        assert sent["settings"][0]["settingInstance"]["simpleSettingValue"]["value"] == 2
        assert "creationSource" not in sent

    def test_an_enrollment_policy_gives_back_the_source_of_the_live_one(self):
        wanted = a_policy(key="configurationPolicies.enrollment", technologies="enrollment")
        live = a_policy(
            key="configurationPolicies.enrollment",
            technologies="enrollment",
            description="Old",
            creationSource="token-of-this-tenant",
        )
        [(_, _, sent)] = updates("configurationPolicies.enrollment", wanted, live)
        assert sent["creationSource"] == "token-of-this-tenant"

    def test_assign_replaces_the_whole_set(self):
        target = {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g-1"}
        body = a_policy(assignments=[{"id": "a", "source": "direct", "sourceId": "p-1", "target": target}])
        [(method, path, sent)] = assigns("configurationPolicies", body, a_policy())
        assert (method, path) == ("POST", "{item}/assign")
        [row] = sent["assignments"]
        assert row["@odata.type"] == "#microsoft.graph.deviceManagementConfigurationPolicyAssignment"
        assert row["target"]["groupId"] == "g-1"

    def test_enrollment_policies_take_no_filters(self):
        target = {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget",
            "groupId": "g-1",
            "deviceAndAppManagementAssignmentFilterId": "f-1",
            "deviceAndAppManagementAssignmentFilterType": "include",
        }
        body = a_policy(assignments=[{"id": "a", "source": "direct", "target": target}])
        assert refusals("configurationPolicies", body) == ()
        assert refusals("configurationPolicies.enrollment", body)


class TestSecretsAndReferences:
    def test_a_secret_at_any_depth_holds_the_policy(self):
        secret = a_setting("pw", "token", kind="Secret", valueState="encryptedValueToken")
        nested = {
            "settingInstance": {
                "settingDefinitionId": "group",
                "groupSettingCollectionValue": [{"children": [secret["settingInstance"]]}],
            }
        }
        body = a_policy(settings=[nested])
        [reason] = backup_only.reasons(get_type("configurationPolicies"), body)
        assert "Graph answers a token instead of the value; enter it in the portal." in reason

    def test_a_secret_in_clear_is_written(self):
        secret = a_setting("pw", "open", kind="Secret", valueState="notEncrypted")
        assert backup_only.reasons(get_type("configurationPolicies"), a_policy(settings=[secret])) == ()

    def test_a_reference_value_names_a_reusable_group(self):
        body = a_policy(settings=[a_setting("ref", "r-1", kind="Reference")])
        found = references.find(get_type("configurationPolicies"), body)
        assert [(each.kind, each.id) for each in found] == [("reusablePolicySettings", "r-1")]


class TestReusableSettings:
    KEY = "reusablePolicySettings"

    def a_group(self, **more):
        row = {"id": "r-1", "displayName": "Ranges", "settingDefinitionId": "ranges", "version": 3}
        item = {**row, "settingInstance": {"settingDefinitionId": "ranges", "children": None}, **more}
        return composed(self.KEY, row, item=item)

    def test_update_is_a_put_and_children_are_a_list(self):
        wanted, live = self.a_group(description="New"), self.a_group()
        [(method, path, sent)] = updates(self.KEY, wanted, live)
        assert (method, path) == ("PUT", "{item}")
        assert sent["settingInstance"] == {"settingDefinitionId": "ranges", "children": []}
        assert "version" not in sent

    def test_what_names_it_is_no_part_of_it(self):
        assert same(self.KEY, self.a_group(), self.a_group(referencingConfigurationPolicyCount=4))

    def test_without_its_settings_it_is_not_written(self):
        body = composed(self.KEY, {"id": "r-1", "displayName": "Ranges"})
        assert refusals(self.KEY, body) == ("Its settings are not in the backup.",)
