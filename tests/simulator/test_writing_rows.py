"""What writing promises, by row of the simulator's list of behaviours."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tenantatlas.simulator.tenants import Lag

from .client import (
    CATALOG,
    COMPLIANCE,
    CONFIGURATIONS,
    ENROLLMENT,
    FILTERS,
    LOCATIONS,
    POLICIES,
    SCRIPTS,
    TAGS,
    TEMPLATES,
    Client,
    add_group,
    catalog_body,
    compliance_body,
    custom_body,
    policy_body,
    to_group,
)

AUTOPILOT = "/deviceManagement/windowsAutopilotDeploymentProfiles"
TERMS = "/deviceManagement/termsAndConditions"
HEALTH = "/deviceManagement/deviceHealthScripts"
ROLES = "/deviceManagement/roleDefinitions"
REUSABLE = "/deviceManagement/reusablePolicySettings"
PROTECTIONS = "/deviceAppManagement/iosManagedAppProtections"
APP_CONFIGURATIONS = "/deviceAppManagement/mobileAppConfigurations"
APP_SETTINGS = "/deviceAppManagement/targetedManagedAppConfigurations"
STRENGTHS = "/policies/authenticationStrengthPolicies"
CONTEXTS = "/identity/conditionalAccess/authenticationContextClassReferences"
ADMX = "/deviceManagement/groupPolicyConfigurations"
FEATURES = "/deviceManagement/windowsFeatureUpdateProfiles"
DRIVERS = "/deviceManagement/windowsDriverUpdateProfiles"
LINUX = "/deviceManagement/compliancePolicies"
LIMIT = {"@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration", "displayName": "L", "limit": 5}


@pytest.fixture
def paced(client: Client, virtual_clock) -> Client:
    """A client that waits two seconds after each request, as conditional access and enrollment want it."""
    send = client.send

    def send_slowly(*words: Any, **headers: str) -> Any:
        virtual_clock.advance(2)
        return send(*words, **headers)

    client.send = send_slowly
    return client


def learn(tenant, count: int = 5) -> None:
    """The tenant knows these setting definitions."""
    tenant.catalog.settings |= {f"device_vendor_{number}" for number in range(count)}


# row 3


def test_row_03_assign_replaces_everything(client, tenant):
    groups = [add_group(tenant, name) for name in "ABC"]
    policy = client.post(CONFIGURATIONS, custom_body()).body["id"]
    path = f"{CONFIGURATIONS}/{policy}"
    first = client.post(f"{path}/assign", {"assignments": [to_group(group) for group in groups]})
    assert len(first.rows) == 3
    second = client.post(f"{path}/assign", {"assignments": [to_group(groups[0])]})
    assert second.rows[0]["id"] not in {row["id"] for row in first.rows}
    assert len(client.get(f"{path}/assignments").rows) == 1
    assert client.post(f"{path}/assign", {"deviceConfigurationAssignments": []}).status == 400
    assert client.post(f"{path}/assign", {"assignments": None}).status == 400
    assert client.post(f"{path}/assign", {"assignments": []}).status == 200
    assert client.get(f"{path}/assignments").rows == []


def test_row_03_the_body_key_differs(client, tenant):
    script = tenant.put(SCRIPTS, {"displayName": "S"})
    assert client.post(f"{SCRIPTS}/{script}/assign", {"assignments": []}).status == 400
    assert client.post(f"{SCRIPTS}/{script}/assign", {"deviceManagementScriptAssignments": []}).status == 200
    policy = tenant.put(PROTECTIONS, {"displayName": "P"})
    assert client.post(f"{PROTECTIONS}/{policy}/assign", {"assignments": []}).status == 204


def test_row_03_whether_something_is_assigned_follows(client, tenant):
    group = add_group(tenant, "G")
    policy = tenant.put(CATALOG, catalog_body())
    client.post(f"{CATALOG}/{policy}/assign", {"assignments": [to_group(group)]})
    assert client.get(f"{CATALOG}/{policy}").body["isAssigned"] is True


# row 4


def test_row_04_what_a_read_shows_cannot_be_written_back(client, tenant):
    policy = tenant.put(CONFIGURATIONS, custom_body())
    shown = client.get(f"{CONFIGURATIONS}/{policy}").body
    del shown["@odata.context"]
    assert "read-only" in client.post(CONFIGURATIONS, shown).said
    refused = client.patch(f"{CONFIGURATIONS}/{policy}", shown)
    assert refused.said.startswith("Properties not patchable specified: id, ")
    del shown["id"]
    assert "Invalid property name" in client.post(CONFIGURATIONS, shown).said


@pytest.mark.parametrize(
    ("collection", "seed", "change", "sentence"),
    [
        (
            FILTERS,
            {"displayName": "F", "platform": "iOS"},
            {"platform": "macOS"},
            "Platform cannot be changed",
        ),
        (HEALTH, {"displayName": "H"}, {"version": "2"}, "Properties not patchable specified: version"),
        (
            FEATURES,
            {"displayName": "F"},
            {"installLatestWindows10OnWindows11IneligibleDevice": True},
            "cannot be patched",
        ),
        (
            DRIVERS,
            {"displayName": "D", "approvalType": "manual"},
            {"approvalType": "automatic"},
            "cannot be patched",
        ),
        (CATALOG, catalog_body(), {"settings": []}, "Cannot apply PATCH to navigation property 'settings'"),
        (CATALOG, catalog_body(), {"platforms": "macOS"}, "Platform cannot be changed"),
        (PROTECTIONS, {"displayName": "P"}, {"apps": []}, "Cannot apply PATCH to navigation property 'apps'"),
    ],
)
def test_row_04_immutable_properties_are_refused(client, tenant, collection, seed, change, sentence):
    found = tenant.put(collection, seed)
    assert sentence in client.patch(f"{collection}/{found}", change).said


def test_row_04_some_changes_are_ignored_in_silence(client, tenant):
    script = tenant.put(HEALTH, {"displayName": "H", "description": "kept", "detectionScriptContent": "QQ=="})
    assert client.patch(f"{HEALTH}/{script}", {"description": ""}).status == 200
    assert client.get(f"{HEALTH}/{script}").body["description"] == "kept"


def test_row_04_annotations_and_action_links_are_refused(client):
    for noise in (
        {"assignments@odata.context": "x"},
        {"#microsoft.graph.assign": {}},
        {"@odata.context": "x"},
    ):
        assert client.post(TAGS, {"displayName": "T", **noise}).status == 400


# row 6


def test_row_06_secrets_are_masked_and_read_by_a_function(client, tenant):
    made = client.post(CONFIGURATIONS, custom_body("Custom", "hunter2")).body
    setting = made["omaSettings"][0]
    assert (setting["value"], setting["isEncrypted"]) == ("****", True)
    call = f"{CONFIGURATIONS}/{made['id']}/getOmaSettingPlainTextValue(secretReferenceValueId='%s')"
    plain = client.get(call % setting["secretReferenceValueId"])
    assert plain.body["value"] == "hunter2"
    assert client.get(call % "unknown").status == 404
    assert tenant.get(CONFIGURATIONS, made["id"])["omaSettings"][0]["value"] == "hunter2"


def test_row_06_what_was_read_cannot_be_created(client):
    made = client.post(CONFIGURATIONS, custom_body("Custom", "x")).body
    body = custom_body("Copy", "x")
    body["omaSettings"] = made["omaSettings"]
    refused = client.post(CONFIGURATIONS, body)
    assert (refused.code, refused.said) == ("NotSupported", "SecretReferenceValueId invalid for create")


def test_row_06_a_mask_that_is_written_becomes_the_secret(client, tenant):
    made = client.post(CONFIGURATIONS, custom_body("Custom", "****")).body
    assert tenant.get(CONFIGURATIONS, made["id"])["omaSettings"][0]["value"] == "****"


def test_row_06_xml_is_kept_as_base64_and_told_in_clear(client):
    body = custom_body("Custom")
    xml = {"@odata.type": "#microsoft.graph.omaSettingStringXml", "omaUri": "./x", "displayName": "x"}
    body["omaSettings"] = [{**xml, "value": "<x/>"}]
    assert "Edm.Binary" in client.post(CONFIGURATIONS, body).said
    body["omaSettings"] = [{**xml, "value": base64.b64encode(b"<x/>").decode()}]
    made = client.post(CONFIGURATIONS, body).body
    setting = made["omaSettings"][0]
    assert setting["value"] == "PGEvPg=="
    call = f"getOmaSettingPlainTextValue(secretReferenceValueId='{setting['secretReferenceValueId']}')"
    assert client.get(f"{CONFIGURATIONS}/{made['id']}/{call}").body["value"] == "<x/>"


def test_row_06_seeded_secrets_are_hidden_too(client, tenant):
    body = custom_body("Custom", "seeded", "****")
    for setting in body["omaSettings"]:
        setting["isEncrypted"] = True
    policy = tenant.put(CONFIGURATIONS, body)
    assert {row["value"] for row in client.get(f"{CONFIGURATIONS}/{policy}").body["omaSettings"]} == {"****"}
    whole = tenant.get(CONFIGURATIONS, policy)["omaSettings"]
    assert whole[0]["value"] == "seeded"
    assert whole[1]["value"] not in {"****", ""}


# row 8


def test_row_08_settings_are_put_not_patched(client, tenant):
    learn(tenant)
    group = add_group(tenant, "G")
    policy = client.post(CATALOG, catalog_body("A")).body["id"]
    client.post(f"{CATALOG}/{policy}/assign", {"assignments": [to_group(group)]})
    body = catalog_body("B", settings=3)
    del body["roleScopeTagIds"]
    assert client.send("PUT", f"{CATALOG}('{policy}')", body).status == 204
    shown = client.get(f"{CATALOG}/{policy}").body
    assert (shown["name"], shown["settingCount"], shown["isAssigned"]) == ("B", 3, True)
    assert client.patch(f"{CATALOG}/{policy}", {"name": "C"}).status == 204
    assert client.send("PUT", f"{CATALOG}/{policy}", {"name": "D"}).status == 400
    assert client.send("PUT", f"{CATALOG}/{policy}", catalog_body("E", platforms="macOS")).status == 400
    assert client.send("PUT", f"{CONFIGURATIONS}/x", {}).status == 404


def test_row_08_reusable_settings_have_no_patch(client, tenant):
    tenant.catalog.settings.add("group")
    body = {
        "displayName": "R",
        "settingDefinitionId": "group",
        "settingInstance": {"@odata.type": "#x", "settingDefinitionId": "group"},
    }
    made = client.post(REUSABLE, body)
    assert made.status == 201
    item = f"{REUSABLE}/{made.body['id']}"
    assert "No OData route" in client.patch(item, {"displayName": "x"}).said
    assert client.send("PUT", item, {**body, "displayName": "S"}).status == 204
    assert client.send("PUT", item, {**body, "settingDefinitionId": "other"}).status == 400
    tenant.put(CATALOG, catalog_body(settings=1, description=made.body["id"]))
    assert "in use" in client.send("DELETE", item).said


def test_row_08_template_values_have_an_action_with_odd_rules(client, tenant):
    tenant.put("/deviceManagement/groupPolicyDefinitions", {"id": "d-1", "presentations": [{"id": "p-1"}]})
    root = "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('d-1')"
    policy = client.post(ADMX, {"displayName": "A"}).body["id"]
    item = f"{ADMX}/{policy}"
    text = {
        "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
        "value": "1",
        "presentation@odata.bind": f"{root}/presentations('p-1')",
    }
    added = {"enabled": True, "definition@odata.bind": root, "presentationValues": [text]}
    assert client.post(f"{item}/definitionValues", added).status == 404
    assert client.post(f"{item}/updateDefinitionValues", {"added": [added]}).status == 204
    values = client.get(f"{item}/definitionValues?$expand=definition").rows
    assert (
        client.post(f"{item}/updateDefinitionValues", {"added": [{**added, "enabled": False}]}).status == 204
    )
    assert client.get(f"{item}/definitionValues").rows[0]["enabled"] is True  # it was set already: ignored
    assert client.post(f"{item}/updateDefinitionValues", {"updated": [added]}).status == 400
    both = {"added": [{**added, "enabled": False}], "deletedIds": [values[0]["id"]]}
    assert client.post(f"{item}/updateDefinitionValues", both).status == 204
    assert client.get(f"{item}/definitionValues").rows == []  # the addition was ignored, the deletion was not


@pytest.mark.parametrize(
    ("bind", "status"),
    [
        ("https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('foreign')", 500),
        ("https://graph.microsoft.us/beta/deviceManagement/groupPolicyDefinitions('d-1')", 400),
        ("https://graph.microsoft.com/v1.0/deviceManagement/groupPolicyDefinitions('d-1')", 400),
        ("https://graph.microsoft.com/beta/deviceManagement/elsewhere('d-1')", 400),
    ],
)
def test_row_48_links_must_lead_to_this_host_and_version(client, tenant, bind, status):
    tenant.put("/deviceManagement/groupPolicyDefinitions", {"id": "d-1"})
    policy = tenant.put(ADMX, {"displayName": "A"})
    body = {"added": [{"enabled": True, "definition@odata.bind": bind}]}
    assert client.post(f"{ADMX}/{policy}/updateDefinitionValues", body).status == status


def test_row_48_certificates_are_linked(client, tenant):
    root = tenant.put(
        CONFIGURATIONS,
        {"@odata.type": "#microsoft.graph.windows81TrustedRootCertificate", "displayName": "R"},
    )
    link = f"https://graph.microsoft.com/beta{CONFIGURATIONS}('%s')"
    scep = {
        "@odata.type": "#microsoft.graph.windows81SCEPCertificateProfile",
        "displayName": "S",
        "rootCertificate@odata.bind": link % root,
    }
    assert client.post(CONFIGURATIONS, {**scep, "rootCertificate@odata.bind": link % "missing"}).status == 404
    assert client.post(CONFIGURATIONS, {**scep, "rootCertificate": {"id": root}}).status == 400
    made = client.post(CONFIGURATIONS, scep).body["id"]
    cast = f"{CONFIGURATIONS}/{made}/microsoft.graph.windows81SCEPCertificateProfile/rootCertificate"
    assert client.get(cast).body["id"] == root
    assert client.get(f"{CONFIGURATIONS}/{made}/rootCertificate").status == 400
    other = tenant.put(
        CONFIGURATIONS,
        {"@odata.type": "#microsoft.graph.windows81TrustedRootCertificate", "displayName": "O"},
    )
    assert client.send("PUT", f"{cast}/$ref", {"@odata.id": link % other}).status == 204
    assert client.get(cast).body["id"] == other


def test_row_08_apps_and_settings_of_protections_have_actions(client):
    made = client.post(PROTECTIONS, {"displayName": "P", "pinRequired": True}).body
    item = f"{PROTECTIONS}/{made['id']}"
    app = {
        "mobileAppIdentifier": {"@odata.type": "#microsoft.graph.iosMobileAppIdentifier", "bundleId": "com.x"}
    }
    assert (
        client.post(f"{item}/targetApps", {"apps": [app, app], "appGroupType": "selectedPublicApps"}).status
        == 204
    )
    assert client.post(f"{item}/targetApps", {"apps": [app], "appGroupType": "allApps"}).status == 204
    shown = client.get(f"{item}?$expand=apps").body
    assert (len(shown["apps"]), shown["deployedAppCount"], shown["appGroupType"]) == (1, 1, "allApps")
    assert (
        client.post(f"{item}/targetApps", {"apps": [{"mobileAppIdentifier": {"bundleId": "x"}}]}).status
        == 400
    )
    assert client.post(f"{item}/targetApps", {"apps": [{"id": "x"}]}).status == 400
    settings = client.post(
        APP_SETTINGS, {"displayName": "A", "customSettings": [], "settings": [{"name": "s"}]}
    ).body
    assert client.post(f"{APP_SETTINGS}/{settings['id']}/changeSettings", {"settings": []}).status == 204
    assert client.get(f"{APP_SETTINGS}/{settings['id']}?$expand=settings").body["settings"] == []


# row 9


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (to_group("nobody"), "The group 'nobody' does not exist"),
        (
            to_group(
                "G",
                deviceAndAppManagementAssignmentFilterId="x",
                deviceAndAppManagementAssignmentFilterType="include",
            ),
            "filter 'x' does not exist",
        ),
        (
            to_group(
                "G",
                excluded=True,
                deviceAndAppManagementAssignmentFilterId="F",
                deviceAndAppManagementAssignmentFilterType="include",
            ),
            "not supported for this target",
        ),
        (to_group("G", deviceAndAppManagementAssignmentFilterType="include"), "without a filter id"),
        (
            {"target": {"@odata.type": "#microsoft.graph.configurationManagerCollectionAssignmentTarget"}},
            "not supported",
        ),
        (
            {
                "target": {
                    "@odata.type": "#microsoft.graph.groupAssignmentTarget",
                    "groupId": "G",
                    "targetType": "x",
                }
            },
            "targetType",
        ),
        ({**to_group("G"), "intent": "apply"}, "intent"),
        ({**to_group("G"), "source": "policySets"}, "inherited"),
        ({**to_group("G"), "@odata.type": "#microsoft.graph.other"}, "could not be resolved"),
        ({"target": None}, "does not match schema"),
    ],
)
def test_row_09_assignments_name_what_exists(client, tenant, target, said):
    tenant.put("/groups", {"id": "G", "displayName": "G"})
    tenant.put(FILTERS, {"id": "F", "displayName": "F", "platform": "windows10AndLater"})
    policy = tenant.put(CONFIGURATIONS, custom_body())
    refused = client.post(f"{CONFIGURATIONS}/{policy}/assign", {"assignments": [target]})
    assert refused.status == 400
    assert said in refused.said
    assert client.get(f"{CONFIGURATIONS}/{policy}/assignments").rows == []


def test_row_09_app_protection_says_404(client, tenant):
    policy = tenant.put(PROTECTIONS, {"displayName": "P"})
    assert client.post(f"{PROTECTIONS}/{policy}/assign", {"assignments": [to_group("nobody")]}).status == 404
    everybody = to_group("acacacac-9df4-4c7d-9d50-4ef0226f57a9")
    assert client.post(f"{PROTECTIONS}/{policy}/assign", {"assignments": [everybody]}).status == 204
    all_users = {"target": {"@odata.type": "#microsoft.graph.allLicensedUsersAssignmentTarget"}}
    assert client.post(f"{PROTECTIONS}/{policy}/assign", {"assignments": [all_users]}).status == 400


def test_row_09_unknown_scope_tags_are_refused_or_dropped(client, tenant):
    body = {**custom_body(), "roleScopeTagIds": ["7"]}
    assert "do not exist" in client.post(CONFIGURATIONS, body).said
    tenant.profile.unknown_scope_tags = "dropped"
    assert client.post(CONFIGURATIONS, body).body["roleScopeTagIds"] == ["0"]


def test_row_09_messages_groups_and_scripts_of_compliance_exist(client):
    body = compliance_body()
    action = body["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0]
    action["notificationTemplateId"] = "11111111-0000-4000-8000-000000000000"
    assert "template" in client.post(COMPLIANCE, body).said
    action["notificationTemplateId"] = "00000000-0000-0000-0000-000000000000"
    action["notificationMessageCCList"] = ["nobody"]
    assert "group" in client.post(COMPLIANCE, body).said
    action["notificationMessageCCList"] = []
    script = {"deviceComplianceScriptId": "x", "rulesContent": "e30="}
    assert "script" in client.post(COMPLIANCE, {**body, "deviceCompliancePolicyScript": script}).said


def test_row_09_apps_exist(client, tenant):
    body = {
        "@odata.type": "#microsoft.graph.iosMobileAppConfiguration",
        "displayName": "A",
        "targetedMobileApps": ["missing"],
    }
    assert "app" in client.post(APP_CONFIGURATIONS, body).said
    app = tenant.put(
        "/deviceAppManagement/mobileApps", {"@odata.type": "#microsoft.graph.iosVppApp", "displayName": "X"}
    )
    made = client.post(APP_CONFIGURATIONS, {**body, "targetedMobileApps": [app]}).body
    item = f"{APP_CONFIGURATIONS}/{made['id']}"
    assert client.post(f"{item}/assign", {"assignments": []}).status == 400
    cast = "microsoft.graph.managedDeviceMobileAppConfiguration"
    assert client.post(f"{item}/{cast}/assign", {"assignments": []}).status == 200
    assert client.patch(item, {"@odata.type": body["@odata.type"], "targetedMobileApps": []}).status == 400


# row 10


def test_row_10_ids_are_new_and_names_may_repeat(client, tenant):
    learn(tenant)
    made = [client.post(CATALOG, catalog_body("Same")).body["id"] for _ in range(2)]
    assert len(set(made)) == 2
    tag = client.post(TAGS, {"displayName": "T"}).body
    assert tag["id"] == "1"
    assert len(client.get(CATALOG).rows) == 2
    assert client.get(f"{CATALOG}/{made[0]}").body["createdDateTime"][-8:-1].isdigit()


# row 14


def test_row_14_polymorphic_bodies_say_what_they_are(client, tenant):
    assert (
        "could not be resolved by the model"
        in client.post(
            CONFIGURATIONS, {**custom_body(), "@odata.type": "#microsoft.graph.windows10CompliancePolicy"}
        ).said
    )
    bare = custom_body()
    del bare["@odata.type"]
    assert "'@odata.type' is missing" in client.post(CONFIGURATIONS, bare).said
    policy = tenant.put(CONFIGURATIONS, custom_body())
    assert client.patch(f"{CONFIGURATIONS}/{policy}", {"description": "x"}).status == 400
    kind = "#microsoft.graph.windows10CustomConfiguration"
    assert client.patch(f"{CONFIGURATIONS}/{policy}", {"@odata.type": kind, "description": "x"}).status == 204
    other = "#microsoft.graph.iosCustomConfiguration"
    assert client.patch(f"{CONFIGURATIONS}/{policy}", {"@odata.type": other}).status == 400


# row 16


def test_row_16_exclusions_are_stored_as_inclusions(paced, tenant):
    group = add_group(tenant, "VIP")
    limit = paced.post(ENROLLMENT, LIMIT).body["id"]
    body = {"enrollmentConfigurationAssignments": [to_group(group, excluded=True)]}
    row = paced.post(f"{ENROLLMENT}/{limit}/assign", body).rows[0]
    assert row["target"]["@odata.type"] == "#microsoft.graph.groupAssignmentTarget"
    terms = paced.post(TERMS, {"displayName": "T"}).body["id"]
    made = paced.post(f"{TERMS}/{terms}/assignments", to_group(group, excluded=True))
    assert made.status == 201
    assert made.body["target"]["@odata.type"] == "#microsoft.graph.groupAssignmentTarget"


def test_targets_are_assigned_one_by_one_where_there_is_no_set(client, tenant):
    group, other = add_group(tenant, "G"), add_group(tenant, "H")
    profile = tenant.put(
        AUTOPILOT,
        {"@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile", "displayName": "A"},
    )
    item = f"{AUTOPILOT}/{profile}"
    assert client.post(f"{item}/assign", {"assignments": []}).status == 400
    assert client.post(f"{item}/assign", {"deviceIds": []}).status == 200
    first = client.post(f"{item}/assignments", to_group(group)).body
    client.post(f"{item}/assignments", to_group(other))
    assert len(client.get(f"{item}/assignments").rows) == 2
    assert "assigned" in client.send("DELETE", item).said
    assert client.send("DELETE", f"{item}/assignments/{first['id']}").status == 204
    assert client.send("DELETE", f"{item}/assignments/{first['id']}").status == 404
    assert len(client.get(f"{item}/assignments").rows) == 1


# row 17


def test_row_17_defaults_are_there_and_stay(paced, tenant):
    default = f"{ENROLLMENT}/{tenant.guid}_DefaultLimit"
    assert paced.send("DELETE", default).status == 400
    kind = LIMIT["@odata.type"]
    assert paced.patch(default, {"@odata.type": kind, "limit": 7}).status == 200
    assert paced.patch(default, {"@odata.type": kind, "displayName": "Mine"}).status == 400
    assert paced.post(f"{default}/assign", {"enrollmentConfigurationAssignments": []}).status == 400
    restrictions = "#microsoft.graph.deviceEnrollmentPlatformRestrictionsConfiguration"
    assert paced.post(ENROLLMENT, {"@odata.type": restrictions, "displayName": "X"}).status == 400
    assert paced.send("DELETE", f"{TAGS}/0").status == 400
    assert paced.patch(f"{TAGS}/0", {"displayName": "x"}).status == 400
    role = next(row for row in paced.get(ROLES).rows if row["isBuiltIn"])
    assert paced.send("DELETE", f"{ROLES}/{role['id']}").status == 400
    strength = f"{STRENGTHS}/00000000-0000-0000-0000-000000000004"
    assert paced.patch(strength, {"description": "x"}).status == 400
    assert paced.send("DELETE", strength).status == 400
    script = paced.get(HEALTH).rows[0]
    assert script["isGlobalScript"]
    assert paced.patch(f"{HEALTH}/{script['id']}", {"displayName": "x"}).status == 400


# row 20, 21 need the schema


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"futureProp": 1}, "The property 'futureProp' does not exist on type"),
        ({"roleScopeTagIds": ""}, "does not match schema"),
        ({"roleScopeTagIds": None}, "does not match schema"),
        ({"displayName": None}, "The expected type does not allow null values"),
        ({"deviceManagementApplicabilityRuleOsEdition": ""}, "was expected"),
        (
            {
                "omaSettings": [
                    {"@odata.type": "#microsoft.graph.omaSettingInteger", "omaUri": "x", "value": "1"}
                ]
            },
            "Cannot convert",
        ),
        (
            {
                "omaSettings": [
                    {
                        "@odata.type": "#microsoft.graph.omaSettingDateTime",
                        "omaUri": "x",
                        "value": "/Date(1)/",
                    }
                ]
            },
            "Cannot convert the literal '/Date(1)/'",
        ),
        (
            {
                "omaSettings": [
                    {"@odata.type": "#microsoft.graph.omaSettingFuture", "omaUri": "x", "value": 1}
                ]
            },
            "could not be resolved",
        ),
        ({"description": 7}, "Cannot convert"),
    ],
)
def test_rows_20_and_21_written_values_match_the_schema(strict_client, change, said):
    refused = strict_client.post(CONFIGURATIONS, {**custom_body(), **change})
    assert refused.status == 400
    assert said in refused.said


def test_row_21_enum_members_are_spelt_exactly(strict_client):
    body = {"displayName": "F", "rule": '(device.model -eq "x")', "platform": "windows10AndLater"}
    assert strict_client.post(FILTERS, {**body, "platform": "Windows10AndLater"}).status == 400
    assert strict_client.post(FILTERS, {**body, "platform": "unheardOf"}).status == 400
    assert strict_client.post(FILTERS, body).status == 201


def test_row_39_properties_the_service_is_known_to_carry_are_accepted(strict_client):
    body = policy_body()
    body["conditions"]["times"] = None
    assert strict_client.post(POLICIES, body).status == 201


def test_row_20_null_children_are_refused(client, tenant):
    tenant.catalog.settings |= {"group", "choice"}
    body = catalog_body(settings=0)
    choice = {"settingDefinitionId": "choice", "choiceSettingValue": {"value": "x", "children": None}}
    body["settings"] = [{"settingInstance": choice}]
    assert "children" in client.post(CATALOG, body).said
    choice["choiceSettingValue"] = {"value": "x", "children": []}
    assert client.post(CATALOG, body).status == 201


# row 22


def test_row_22_the_catalog_knows_its_definitions(client, tenant):
    learn(tenant, 2)
    refused = client.post(CATALOG, catalog_body(settings=4))
    assert refused.said.endswith("device_vendor_2, device_vendor_3.")
    assert client.get("/deviceManagement/configurationSettings/device_vendor_1").status == 200
    assert client.get("/deviceManagement/configurationSettings/device_vendor_2").status == 404


def test_row_22_templates_have_a_life(client, tenant):
    instance = {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
        "settingDefinitionId": "device_vendor_0",
        "settingInstanceTemplateReference": {"settingInstanceTemplateId": "abc-1"},
    }
    reference = {
        "templateId": "t_1",
        "templateFamily": "endpointSecurityAntivirus",
        "templateDisplayName": "AV",
    }
    body = catalog_body(settings=0, templateReference=reference)
    body["settings"] = [{"settingInstance": instance}]
    tenant.put(CATALOG, body)
    sent = {**body, "templateReference": {"templateId": "t_1"}}
    made = client.post(CATALOG, sent)
    assert made.body["templateReference"]["templateFamily"] == "endpointSecurityAntivirus"
    assert client.post(CATALOG, body).status == 400  # what the service sets itself
    assert client.post(CATALOG, {**sent, "templateReference": {"templateId": "t_9"}}).status == 400
    wrong = {**instance, "settingInstanceTemplateReference": {"settingInstanceTemplateId": "ABC-1"}}
    refused = client.post(CATALOG, {**sent, "settings": [{"settingInstance": wrong}]})
    assert "Invalid Reference id found in Policy created from Template t_1" in refused.said
    tenant.catalog.retired_templates.add("t_1")
    assert "Invalid Reference id" in client.post(CATALOG, sent).said


def test_row_22_references_to_reusable_settings_exist(client, tenant):
    learn(tenant)
    body = catalog_body(settings=1)
    value = {
        "@odata.type": "#microsoft.graph.deviceManagementConfigurationReferenceSettingValue",
        "value": "missing",
    }
    body["settings"][0]["settingInstance"]["simpleSettingValue"] = value
    assert "Reusable setting" in client.post(CATALOG, body).said


# row 31


def test_row_31_conditional_access_has_a_bin(paced, tenant):
    policy = tenant.put(POLICIES, policy_body())
    assert paced.send("DELETE", f"{POLICIES}/{policy}").status == 204
    assert paced.get(f"{POLICIES}/{policy}").status == 404
    deleted = "/identity/conditionalAccess/deletedItems/policies"
    assert paced.get(deleted).rows[0]["deletedDateTime"]
    assert paced.post(f"{deleted}/{policy}/restore", None).body["id"] == policy
    assert paced.get(f"{POLICIES}/{policy}").status == 200
    assert paced.get(deleted).rows == []


# row 32


def changed(path: str, value: Any) -> dict[str, Any]:
    body = policy_body()
    place = body
    *way, last = path.split(".")
    for name in way:
        place = place.setdefault(name, {})
    place[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("conditions.applications.includeApplications", [], 1011),
        ("conditions.applications.includeApplications", ["unknown-app"], 1007),
        ("conditions.applications.includeUserActions", ["urn:user:registersecurityinfo"], 1012),
        ("conditions.users.excludeUsers", ["nobody"], 1007),
        ("conditions.users.includeGroups", ["nobody"], 1007),
        ("conditions.users.includeUsers", [], 1009),
        ("conditions.locations", {"includeLocations": ["nowhere"]}, 1040),
        ("grantControls", {"operator": "OR", "builtInControls": ["passwordChange"]}, 1032),
        (
            "grantControls",
            {"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": "x"}},
            1052,
        ),
        ("grantControls", {"operator": "OR", "builtInControls": [], "termsOfUse": ["x"]}, 1007),
        ("grantControls", None, 1015),
        ("conditions.deviceStates", {}, 1015),
        ("state", "on", 1015),
    ],
)
def test_row_32_conditional_access_gives_codes(paced, path, value, code):
    refused = paced.post(POLICIES, changed(path, value))
    assert refused.status == 400
    assert refused.said.startswith("The server could not process the request because it is malformed")
    assert refused.body["error"]["innerError"]["message"].startswith(f"{code}: ")


def test_row_32_flows_and_sessions_exclude_each_other(paced):
    body = changed("conditions.authenticationFlows", {"transferMethods": "deviceCodeFlow"})
    body["sessionControls"] = {"signInFrequency": {"value": 1, "type": "days", "isEnabled": True}}
    assert "1235" in paced.post(POLICIES, body).body["error"]["innerError"]["message"]
    body["sessionControls"] = {"disableResilienceDefaults": False}
    assert paced.post(POLICIES, body).status == 400


def test_row_32_a_new_place_cannot_be_named_at_once(paced, tenant, virtual_clock):
    tenant.lag = Lag(reference=30)
    place = paced.post(
        LOCATIONS,
        {
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "displayName": "DE",
            "countriesAndRegions": ["DE"],
        },
    ).body["id"]
    body = changed("conditions.locations", {"includeLocations": [place]})
    answers = [paced.post(POLICIES, body).status for _ in range(3)]
    assert 400 in answers
    virtual_clock.advance(31)
    assert paced.post(POLICIES, body).status == 201
    assert paced.send("DELETE", f"{LOCATIONS}/{place}").status == 400


def test_row_32_security_defaults_forbid_enabled_policies(paced, tenant):
    tenant.profile.security_defaults = True
    assert "Security Defaults is enabled" in paced.post(POLICIES, policy_body(state="enabled")).said
    assert paced.post(POLICIES, policy_body()).status == 201


def test_row_32_a_policy_that_locks_everybody_out_is_remembered(paced, tenant):
    block = {"operator": "OR", "builtInControls": ["block"]}
    assert paced.post(POLICIES, policy_body("Oops", state="enabled", grantControls=block)).status == 201
    assert tenant.lockouts == ["Oops"]


def test_strengths_are_shown_whole_and_written_by_id(paced):
    body = {"displayName": "Keys only", "allowedCombinations": ["fido2"], "combinationConfigurations": []}
    made = paced.post(STRENGTHS, body).body
    assert (made["policyType"], made["requirementsSatisfied"]) == ("custom", "mfa")
    assert "exists already" in paced.post(STRENGTHS, body).said
    grant = {"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": made["id"]}}
    policy = paced.post(POLICIES, policy_body(grantControls=grant)).body
    shown = policy["grantControls"]["authenticationStrength"]
    assert shown["allowedCombinations"] == ["fido2"]
    assert (
        paced.post(POLICIES, policy_body(grantControls={**grant, "authenticationStrength": shown})).status
        == 400
    )
    assert "used by" in paced.send("DELETE", f"{STRENGTHS}/{made['id']}").said
    assert paced.get(f"{STRENGTHS}/{made['id']}/usage()").body["none"]
    assert paced.patch(f"{STRENGTHS}/{made['id']}", {"allowedCombinations": []}).status == 400
    assert paced.patch(f"{STRENGTHS}/{made['id']}", {"description": "x"}).status == 200
    update = paced.post(
        f"{STRENGTHS}/{made['id']}/updateAllowedCombinations", {"allowedCombinations": ["password"]}
    )
    assert update.body["previousCombinations"] == ["fido2"]
    assert paced.get(f"{STRENGTHS}/{made['id']}").body["requirementsSatisfied"] == "none"


def test_combination_configurations_are_rows(paced):
    made = paced.post(STRENGTHS, {"displayName": "K", "allowedCombinations": ["fido2"]}).body
    path = f"{STRENGTHS}/{made['id']}/combinationConfigurations"
    row = paced.post(
        path, {"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": ["a"]}
    )
    assert row.status == 201
    assert paced.patch(f"{path}/{row.body['id']}", {"allowedAAGUIDs": ["b"]}).body["allowedAAGUIDs"] == ["b"]
    assert paced.patch(f"{path}/x", {"allowedAAGUIDs": ["b"]}).status == 404
    assert paced.send("DELETE", f"{path}/{row.body['id']}").status == 204


def test_contexts_keep_the_id_they_are_given(paced):
    assert paced.post(CONTEXTS, {"id": "c0", "displayName": "C"}).status == 400
    made = paced.post(CONTEXTS, {"id": "c5", "displayName": "C", "isAvailable": True})
    assert (made.status, made.body["id"]) == (201, "c5")
    assert paced.post(CONTEXTS, {"id": "c5", "displayName": "C"}).status == 400
    assert paced.send("DELETE", f"{CONTEXTS}/c5").status == 400
    assert paced.patch(f"{CONTEXTS}/c5", {"isAvailable": False}).status == 204
    assert paced.send("DELETE", f"{CONTEXTS}/c5").status == 204
    assert paced.get(f"{CONTEXTS}?$select=id").status == 400


def test_trusted_places_are_not_deleted(paced):
    body = {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "displayName": "HQ",
        "isTrusted": True,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
    }
    made = paced.post(LOCATIONS, body).body
    item = f"{LOCATIONS}/{made['id']}"
    assert paced.send("DELETE", item).status == 400
    assert paced.patch(item, {"isTrusted": False}).status == 400
    assert paced.patch(item, {"@odata.type": body["@odata.type"], "isTrusted": False}).status == 204
    assert paced.send("DELETE", item).status == 204
    assert paced.post(LOCATIONS, {**body, "ipRanges": []}).status == 400
    compliant = {"@odata.type": "#microsoft.graph.compliantNetworkNamedLocation", "displayName": "x"}
    assert paced.post(LOCATIONS, compliant).status == 400


# rows 37, 38


def test_row_37_messages_are_children_with_one_default(client):
    template = client.post(TEMPLATES, {"displayName": "Warning", "brandingOptions": "includeCompanyLogo"})
    assert template.status == 200
    path = f"{TEMPLATES}/{template.body['id']}/localizedNotificationMessages"
    text = {"subject": "S", "messageTemplate": "M"}
    first = client.post(path, {**text, "locale": "en-US", "isDefault": True}).body
    assert first["id"] == f"{template.body['id']}_en-us"
    second = client.post(path, {**text, "locale": "de-DE", "isDefault": False}).body
    assert client.post(path, {**text, "locale": "de-DE"}).status == 400
    assert client.patch(f"{path}/{first['id']}", {"isDefault": False}).status == 400
    assert client.patch(f"{path}/{second['id']}", {"locale": "fr"}).status == 400
    assert client.patch(f"{path}/{second['id']}", {"isDefault": True}).status == 200
    shown = client.get(f"{TEMPLATES}/{template.body['id']}?$expand=localizedNotificationMessages").body
    assert shown["defaultLocale"] == "de-de"
    assert [row["isDefault"] for row in shown["localizedNotificationMessages"]] == [False, True]
    assert client.send("DELETE", f"{path}/{second['id']}").status == 400
    assert client.send("DELETE", f"{path}/{first['id']}").status == 204
    assert client.patch(f"{TEMPLATES}/{template.body['id']}", {"defaultLocale": "en"}).status == 400


def test_row_37_enrollment_notifications_hide_templates(paced):
    body = {"displayName": "Welcome", "platformType": "ios", "defaultLocale": "en-US"}
    made = paced.post(f"{ENROLLMENT}/createEnrollmentNotificationConfiguration", body)
    assert made.status == 201
    names = [row["displayName"] for row in paced.get(TEMPLATES).rows]
    assert names == ["EnrollmentNotificationInternalMEO"] * 2


def test_row_38_compliance_needs_an_action_that_blocks(client):
    body = compliance_body()
    del body["scheduledActionsForRule"]
    assert client.post(COMPLIANCE, body).status == 400
    body = compliance_body()
    body["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0]["actionType"] = "notification"
    assert "block" in client.post(COMPLIANCE, body).said
    made = client.post(COMPLIANCE, compliance_body()).body
    item = f"{COMPLIANCE}/{made['id']}"
    rules = compliance_body()["scheduledActionsForRule"]
    patch = {"@odata.type": made["@odata.type"], "scheduledActionsForRule": rules}
    assert "navigation property" in client.patch(item, patch).said
    rules[0]["scheduledActionConfigurations"][0]["gracePeriodHours"] = 24
    action = {"deviceComplianceScheduledActionForRules": rules}
    assert client.post(f"{item}/scheduleActionsForRules", action).status == 204
    query = "?$expand=scheduledActionConfigurations"
    shown = client.get(f"{item}/scheduledActionsForRule{query}").rows
    assert shown[0]["scheduledActionConfigurations"][0]["gracePeriodHours"] == 24


def test_row_38_linux_ignores_actions_on_create(client, tenant):
    learn(tenant)
    rules = compliance_body()["scheduledActionsForRule"]
    rules[0]["scheduledActionConfigurations"][0]["actionType"] = "notification"
    body = catalog_body(settings=1, platforms="linux", technologies="linuxMdm", scheduledActionsForRule=rules)
    made = client.post(LINUX, body)
    assert made.status == 201
    item = f"{LINUX}/{made.body['id']}"
    shown = client.get(f"{item}/scheduledActionsForRule?$expand=scheduledActionConfigurations").rows
    assert [row["actionType"] for row in shown[0]["scheduledActionConfigurations"]] == ["block"]
    actions = [
        {"ruleName": None, "scheduledActionConfigurations": [{"actionType": "block", "gracePeriodHours": 9}]}
    ]
    assert client.post(f"{item}/setScheduledActions", {"scheduledActions": actions}).status == 204


# row 49


def test_row_49_passwords_are_never_shown(client, tenant):
    body = {
        "@odata.type": "#microsoft.graph.windowsWifiConfiguration",
        "displayName": "W",
        "preSharedKey": "canary",
    }
    made = client.post(CONFIGURATIONS, body).body
    assert made["preSharedKey"] is None
    assert "canary" not in client.get(f"{CONFIGURATIONS}/{made['id']}").response.body.decode()
    assert tenant.get(CONFIGURATIONS, made["id"])["preSharedKey"] == "canary"


# what single types ask for


def test_scripts_ask_for_their_content(client):
    made = client.post(SCRIPTS, {"displayName": "S", "fileName": "s.ps1", "scriptContent": "QQ=="})
    assert client.patch(f"{SCRIPTS}/{made.body['id']}", {"displayName": "T"}).status == 400
    whole = {"displayName": "T", "fileName": "s.ps1", "scriptContent": "QQ=="}
    assert client.patch(f"{SCRIPTS}/{made.body['id']}", whole).status == 200
    disguised = client.post(HEALTH, {"displayName": "H", "detectionScriptContent": None})
    assert (disguised.status, disguised.code, disguised.said) == (
        500,
        "UnknownError",
        "DetectionScriptContent must not be null",
    )


def test_filters_check_their_rule_and_who_uses_them(client, tenant):
    body = {"displayName": "F", "platform": "windows10AndLater", "rule": "device.model is x"}
    assert "rule" in client.post(FILTERS, body).said
    made = client.post(FILTERS, {**body, "rule": '(device.model -eq "Surface")'}).body
    assert made["roleScopeTags"] == ["0"]
    group = add_group(tenant, "G")
    used = to_group(
        group,
        deviceAndAppManagementAssignmentFilterId=made["id"],
        deviceAndAppManagementAssignmentFilterType="include",
    )
    policy = tenant.put(CONFIGURATIONS, {**custom_body(), "assignments": [used]})
    assert client.send("DELETE", f"{FILTERS}/{made['id']}").status == 400
    tenant.remove(CONFIGURATIONS, policy)
    assert client.send("DELETE", f"{FILTERS}/{made['id']}").status == 200


def test_tags_in_use_stay(client, tenant):
    tag = client.post(TAGS, {"displayName": "T"}).body["id"]
    policy = tenant.put(CONFIGURATIONS, {**custom_body(), "roleScopeTagIds": [tag]})
    assert client.send("DELETE", f"{TAGS}/{tag}").status == 400
    tenant.remove(CONFIGURATIONS, policy)
    assert client.send("DELETE", f"{TAGS}/{tag}").status == 200


def test_roles_name_known_actions(client):
    def role(action: str) -> dict[str, Any]:
        return {
            "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
            "displayName": "Helpdesk",
            "rolePermissions": [{"resourceActions": [{"allowedResourceActions": [action]}]}],
        }

    assert "Unknown resource action" in client.post(ROLES, role("Microsoft.Intune_Moon_Land")).said
    made = client.post(ROLES, role("Microsoft.Intune_MobileApps_Read"))
    assert (made.status, made.body["isBuiltIn"]) == (200, False)
    assert len(client.get("/deviceManagement/resourceOperations").rows) > 10


def test_autopilot_is_particular(client):
    body = {
        "@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile",
        "displayName": "Standard",
        "locale": "de-DE",
        "preprovisioningAllowed": True,
    }
    assert client.post(AUTOPILOT, {**body, "displayName": "100%!"}).status == 400
    assert client.post(AUTOPILOT, {**body, "locale": ""}).status == 400
    assert client.post(AUTOPILOT, {**body, "enableWhiteGlove": True}).status == 400
    made = client.post(AUTOPILOT, body).body
    assert (made["language"], made["enableWhiteGlove"]) == ("de-DE", True)


def test_updates_check_dates_and_deferrals(client):
    rollout = {"offerStartDateTimeInUTC": "2020-01-01T00:00:00Z"}
    assert "past" in client.post(FEATURES, {"displayName": "F", "rolloutSettings": rollout}).said
    rollout = {"offerStartDateTimeInUTC": "2030-01-01T00:00:00Z"}
    assert client.post(FEATURES, {"displayName": "F", "rolloutSettings": rollout}).status == 201
    manual = {"displayName": "D", "approvalType": "manual"}
    assert client.post(DRIVERS, {**manual, "deploymentDeferralInDays": 3}).status == 400
    assert client.post(DRIVERS, manual).status == 201
    assert client.post(DRIVERS, {**manual, "approvalType": "automatic"}).status == 400


def test_terms_have_versions(client):
    assert client.post(TERMS, {"displayName": "T", "version": 0}).status == 400
    made = client.post(TERMS, {"displayName": "T"}).body
    assert made["version"] == 1
    assert client.patch(f"{TERMS}/{made['id']}", {"version": 2}).status == 204
    assert client.get(f"{TERMS}/{made['id']}").body["version"] == 2


def test_wrong_verbs_have_no_route(client, tenant):
    policy = tenant.put(CATALOG, catalog_body())
    assert client.send("PUT", f"{SCRIPTS}", {}).status == 400
    assert client.post(f"{CATALOG}/{policy}", {}).status == 400
    assert client.post(f"{CATALOG}/{policy}/dance", {}).status == 400
    assert client.get(f"{CATALOG}/{policy}/dance").status == 400
    assert client.post("/v1.0/groups", {"displayName": "x"}).status == 403


def test_a_body_the_simulator_cannot_digest_is_a_500(client, simulator):
    answer = client.post(
        COMPLIANCE, {**compliance_body(), "deviceCompliancePolicyScript": {}, "roleScopeTagIds": [[]]}
    )
    assert answer.status in {400, 500}
    rules = [{"scheduledActionConfigurations": [7]}]
    assert (
        client.post(COMPLIANCE, {**compliance_body(), "scheduledActionsForRule": rules}).code
        == "UnknownError"
    )
    assert "AttributeError" in simulator.surprises.pop()
    simulator.surprises.clear()


def test_privacy_controls_have_an_action(client):
    kind = "windows10GeneralConfiguration"
    made = client.post(CONFIGURATIONS, {"@odata.type": f"#microsoft.graph.{kind}", "displayName": "G"}).body
    item = f"{CONFIGURATIONS}/{made['id']}"
    rows = [{"accessLevel": "forceDeny", "dataCategory": "location", "appDisplayName": "Maps"}]
    assert (
        client.post(f"{item}/windowsPrivacyAccessControls", {"windowsPrivacyAccessControls": rows}).status
        == 204
    )
    assert client.post(f"{item}/windowsPrivacyAccessControls", {"rows": rows}).status == 400
    expanded = client.get(f"{item}?$expand=microsoft.graph.{kind}/privacyAccessControls").body
    assert expanded["privacyAccessControls"][0]["appDisplayName"] == "Maps"


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        (CONFIGURATIONS, {**custom_body(), "displayName": ""}),
        (CONFIGURATIONS, {**custom_body(), "omaSettings": "x"}),
        (CONFIGURATIONS, {**custom_body(), "omaSettings": [1]}),
        (CONFIGURATIONS, {**custom_body("A", "x"), "omaSettings": [{"isEncrypted": True}]}),
        (CONFIGURATIONS, {"@odata.type": "#microsoft.graph.iosCustomConfiguration", "displayName": "C"}),
        (CATALOG, {**catalog_body(), "creationSource": "x"}),
        (CATALOG, {**catalog_body(), "name": ""}),
        (CATALOG, {**catalog_body(), "settings": None}),
        (CATALOG, {**catalog_body(), "settings": [{"id": "0", "settingInstance": {}}]}),
        (CATALOG, {**catalog_body(), "settings": [{"settingInstance": {}, "settingDefinitions": []}]}),
        (CATALOG, {**catalog_body(), "settings": [{"settingInstance": None}]}),
        (CATALOG, {**catalog_body(), "settings": [{"settingInstance": {"choiceSettingValue": None}}]}),
        (CATALOG, {**catalog_body(), "templateReference": "x"}),
        (CATALOG, {**catalog_body(), "assignments": []}),
        (REUSABLE, {"displayName": "R"}),
        (REUSABLE, {"displayName": "R", "settingDefinitionId": "x", "settingInstance": {}}),
        (COMPLIANCE, {**compliance_body(), "displayName": ""}),
        (ENROLLMENT, {**LIMIT, "displayName": ""}),
        (ENROLLMENT, {**LIMIT, "deviceEnrollmentConfigurationType": "windowsRestore"}),
        (ENROLLMENT, {**LIMIT, "windowsMobileRestriction": {}}),
        (ENROLLMENT, {**LIMIT, "priority": 1}),
        (SCRIPTS, {"displayName": "S"}),
        (FILTERS, {"displayName": "F"}),
        (FILTERS, {"displayName": "F", "platform": "iOS", "rule": 7}),
        (ROLES, {"@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition", "displayName": "R"}),
        (TERMS, {"version": 1}),
        (
            APP_CONFIGURATIONS,
            {"@odata.type": "#microsoft.graph.iosMobileAppConfiguration", "displayName": "A"},
        ),
        (LOCATIONS, {"@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "C"}),
        (LOCATIONS, {"@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": ""}),
        (STRENGTHS, {"displayName": "S"}),
        (POLICIES, {"displayName": "P", "state": "disabled"}),
    ],
)
def test_bodies_that_no_service_takes(paced, tenant, collection, body):
    tenant.catalog.settings.add("y")
    before = len(tenant.objects(collection))
    assert paced.post(collection, body).status == 400
    assert len(tenant.objects(collection)) == before
