"""App protection and app configuration."""

from __future__ import annotations

import pytest

from tenantatlas.policies import references
from tenantatlas.policies.model import ALL_USERS_GROUP
from tenantatlas.policies.registry import get_type

from .bodies import assigns, composed, creates, parts_read, refusals, same, updates

IOS, ANDROID = "iosManagedAppProtections", "androidManagedAppProtections"
TARGETED, DEVICES = "targetedManagedAppConfigurations", "mobileAppConfigurations"
OUTLOOK = {
    "@odata.type": "#microsoft.graph.iosMobileAppIdentifier",
    "bundleId": "com.microsoft.office.outlook",
}
TEAMS = {"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": "com.microsoft.skype.teams"}
managed = pytest.mark.parametrize("key", [IOS, ANDROID, TARGETED])


def a_policy(key, *apps, targets=(), **more):
    row = {"id": "T_1", "displayName": "Level 2", "appGroupType": "selectedPublicApps"}
    item = {
        **row,
        "apps": [
            {"id": f"app.{n}", "version": "7", "mobileAppIdentifier": app} for n, app in enumerate(apps)
        ],
        "assignments": [{"id": str(n), "source": "direct", "target": each} for n, each in enumerate(targets)],
        **more,
    }
    return composed(key, row, item=item)


def to_group(group_id):
    return {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group_id}


@managed
def test_the_item_gives_apps_and_assignments(key):
    found = get_type(key)
    assert found.reads_item
    assert {"apps", "assignments"} <= set(found.item_query.removeprefix("$expand=").split(","))
    assert parts_read(key, {}) == []


@managed
def test_create_targets_the_apps_afterwards(key):
    first, second = creates(key, a_policy(key, OUTLOOK, TEAMS, deployedAppCount=2))
    assert first[:2] == ("POST", get_type(key).path)
    assert not {"apps", "assignments", "deployedAppCount"} & set(first[2])
    assert first[2]["@odata.type"] == get_type(key).odata_type
    assert second == (
        "POST",
        "{item}/targetApps",
        {
            "apps": [{"mobileAppIdentifier": OUTLOOK}, {"mobileAppIdentifier": TEAMS}],
            "appGroupType": "selectedPublicApps",
        },
    )


@managed
def test_update_of_the_apps_is_no_patch(key):
    [(method, path, sent)] = updates(key, a_policy(key, OUTLOOK, TEAMS), a_policy(key, OUTLOOK))
    assert (method, path) == ("POST", "{item}/targetApps")
    assert len(sent["apps"]) == 2


@managed
def test_order_and_ids_of_apps_are_no_difference(key):
    assert same(key, a_policy(key, OUTLOOK, TEAMS), a_policy(key, TEAMS, OUTLOOK, deployedAppCount=9))


@managed
def test_everybody_is_a_group_here(key):
    body = a_policy(key, targets=[to_group(ALL_USERS_GROUP)])
    assert refusals(key, body) == ()
    [(method, path, sent)] = assigns(key, body)
    assert (method, path) == ("POST", "{item}/assign")
    [row] = sent["assignments"]
    assert row["@odata.type"] == "#microsoft.graph.targetedManagedAppPolicyAssignment"
    assert row["target"]["groupId"] == ALL_USERS_GROUP
    assert references.find(get_type(key), body) == ()


def test_settings_of_a_configuration_go_inline_first_and_by_their_action_later():
    setting = {"id": "0", "settingInstance": {"settingDefinitionId": "s", "auditRuleInformation": None}}
    body = a_policy(TARGETED, OUTLOOK, settings=[setting], customSettings=[{"name": "a", "value": "b"}])
    sent = creates(TARGETED, body)[0][2]
    assert sent["settings"] == [{"settingInstance": {"settingDefinitionId": "s"}}]
    assert sent["customSettings"] == [{"name": "a", "value": "b"}]
    live = a_policy(TARGETED, OUTLOOK, settings=[], customSettings=[{"name": "a", "value": "b"}])
    assert updates(TARGETED, body, live) == [
        ("POST", "{item}/changeSettings", {"settings": [{"settingInstance": {"settingDefinitionId": "s"}}]})
    ]


class TestManagedDevices:
    def a_configuration(self, **more):
        row = {
            "@odata.type": "#microsoft.graph.androidManagedStoreAppConfiguration",
            "id": "m-1",
            "displayName": "Outlook",
            "targetedMobileApps": ["app-1"],
            "packageId": "app:com.microsoft.office.outlook",
            "payloadJson": "e30=",
            "appSupportsOemConfig": False,
        }
        return composed(DEVICES, {**row, **more})

    def test_create_names_its_apps_and_update_cannot(self):
        [(_, _, sent)] = creates(DEVICES, self.a_configuration())
        assert sent["targetedMobileApps"] == ["app-1"]
        assert "appSupportsOemConfig" not in sent
        [(_, _, sent)] = updates(DEVICES, self.a_configuration(payloadJson="W10="), self.a_configuration())
        assert "targetedMobileApps" not in sent
        assert sent["@odata.type"].endswith("androidManagedStoreAppConfiguration")

    def test_apps_are_looked_for_in_the_tenant(self):
        [found] = references.find(get_type(DEVICES), self.a_configuration())
        assert (found.kind, found.id) == ("mobileApps", "app-1")
        [reference] = [each for each in get_type(DEVICES).references if each.kind == "mobileApps"]
        assert reference.check == "/beta/deviceAppManagement/mobileApps/{id}"

    def test_assign_goes_through_the_cast_segment(self):
        body = self.a_configuration(assignments=[{"id": "a", "target": to_group("g-1")}])
        [(_, path, _)] = assigns(DEVICES, body)
        assert path == "{item}/microsoft.graph.managedDeviceMobileAppConfiguration/assign"
