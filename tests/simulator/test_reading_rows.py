"""What reading promises, by row of the simulator's list of behaviours."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from tenantatlas.simulator.faults import (
    DuplicateRow,
    EmptyPage,
    Headers,
    NextLink,
    Status,
    Vanish,
    WrongStatus,
)

from .client import (
    CATALOG,
    COMPLIANCE,
    CONFIGURATIONS,
    ENROLLMENT,
    FILTERS,
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

SHELL = "/deviceManagement/deviceShellScripts"
HEALTH = "/deviceManagement/deviceHealthScripts"
UPDATES = "/deviceManagement/windowsFeatureUpdateProfiles"
PROTECTIONS = "/deviceAppManagement/iosManagedAppProtections"
APP_SETTINGS = "/deviceAppManagement/targetedManagedAppConfigurations"


def test_row_01_lists_come_in_pages_behind_opaque_links(client, tenant):
    for number in range(51):
        tenant.put(CATALOG, catalog_body(f"P{number}"))
    first = client.get(f"{CATALOG}?$select=id,name")
    assert (len(first.rows), first.body["@odata.count"]) == (25, 25)
    link = first.body["@odata.nextLink"]
    assert "$skiptoken=%255Bcosmosdb%255D" in link
    assert "$select=id,name" in link
    assert len({row["id"] for row in client.all(f"{CATALOG}?$select=id,name")}) == 51


@pytest.mark.parametrize(
    "spoil",
    [lambda link: link[:-3] + "abc", unquote, lambda link: link.replace("$select=id", "$select=name")],
)
def test_row_01_a_link_must_be_followed_as_it_is(client, tenant, spoil):
    for number in range(26):
        tenant.put(CATALOG, catalog_body(f"P{number}"))
    link = client.get(f"{CATALOG}?$select=id").body["@odata.nextLink"]
    assert client.get(spoil(link)).status == 400
    assert client.get(link).status == 200


def test_row_01_a_link_grows_old(client, tenant, simulator):
    for number in range(26):
        tenant.put(CATALOG, catalog_body(f"P{number}"))
    link = client.get(CATALOG).body["@odata.nextLink"]
    simulator.link_life = 60
    simulator.times.advance(61)
    assert "expired" in client.get(link).said


def test_row_01_settings_come_in_pages_of_25_whatever_top_says(client, tenant):
    policy = tenant.put(CATALOG, catalog_body(settings=153))
    assert client.get(f"{CATALOG}/{policy}").body["settingCount"] == 153
    assert len(client.get(f"{CATALOG}/{policy}/settings?$top=1000").rows) == 25
    assert len(client.all(f"{CATALOG}/{policy}/settings?$expand=settingDefinitions")) == 153


def test_row_01_one_page_size_for_all(client, tenant, simulator):
    tenant.put(CONFIGURATIONS, custom_body("A"))
    tenant.put(CONFIGURATIONS, custom_body("B"))
    simulator.page_size = 1
    assert len(client.get(CONFIGURATIONS).rows) == 1
    assert len(client.all(CONFIGURATIONS)) == 2


def test_row_02_lists_leave_properties_out(client, tenant):
    script = tenant.put(SCRIPTS, {"displayName": "S", "fileName": "s.ps1", "scriptContent": "QQ=="})
    policy = tenant.put(CATALOG, catalog_body())
    reusable = tenant.put(
        "/deviceManagement/reusablePolicySettings", {"displayName": "R", "settingInstance": {}}
    )
    assert client.get(SCRIPTS).rows[0]["scriptContent"] is None
    assert client.get(f"{SCRIPTS}/{script}").body["scriptContent"] == "QQ=="
    assert "settings" not in client.get(CATALOG).rows[0]
    assert "settings" not in client.get(f"{CATALOG}/{policy}").body
    path = "/deviceManagement/reusablePolicySettings"
    assert "settingInstance" not in client.get(path).rows[0]
    assert "settingInstance" in client.get(f"{path}?$select=id,settingInstance").rows[0]
    assert "settingInstance" in client.get(f"{path}/{reusable}").body


def test_row_02_compliance_actions_show_only_when_expanded(client, tenant):
    policy = tenant.put(COMPLIANCE, compliance_body())
    assert "scheduledActionsForRule" not in client.get(f"{COMPLIANCE}/{policy}").body
    query = "$expand=scheduledActionsForRule($expand=scheduledActionConfigurations),assignments"
    row = client.get(f"{COMPLIANCE}?{query}").rows[0]
    assert row["scheduledActionsForRule"][0]["scheduledActionConfigurations"][0]["actionType"] == "block"
    bare = client.get(f"{COMPLIANCE}/{policy}?$expand=scheduledActionsForRule").body
    assert "scheduledActionConfigurations" not in bare["scheduledActionsForRule"][0]


def test_row_15_assignments_are_read_in_different_ways(client, tenant):
    group = add_group(tenant, "Everyone")
    policy = tenant.put(CATALOG, catalog_body(assignments=[to_group(group)]))
    shell = tenant.put(SHELL, {"displayName": "S", "assignments": [to_group(group)]})
    tenant.put(PROTECTIONS, {"displayName": "P", "assignments": [to_group(group)]})
    settings = tenant.put(APP_SETTINGS, {"displayName": "A", "settings": [{"name": "x"}]})
    assert client.get(f"{CATALOG}/{policy}?$expand=assignments").body["assignments"] == []
    assert len(client.get(f"{CATALOG}?$expand=assignments").rows[0]["assignments"]) == 1
    assert len(client.get(f"{CATALOG}/{policy}/assignments").rows) == 1
    assert client.get(f"{SHELL}/{shell}/assignments").status == 400
    assert len(client.get(f"{SHELL}/{shell}?$expand=assignments").body["assignments"]) == 1
    assert client.get(f"{PROTECTIONS}?$expand=assignments").status == 400
    assert client.get(f"{APP_SETTINGS}/{settings}/settings").status == 400
    assert client.get(f"{APP_SETTINGS}/{settings}?$expand=settings").body["settings"]


def test_row_19_defaults_have_no_assignments_property(client):
    rows = client.get(f"{ENROLLMENT}?$expand=assignments").rows
    assert rows
    assert all("assignments" not in row for row in rows)


def test_row_27_filters_are_ignored_refused_or_evaluated(client, tenant):
    tenant.put(CONFIGURATIONS, custom_body("Alpha"))
    tenant.put(
        CONFIGURATIONS,
        {"@odata.type": "#microsoft.graph.windowsUpdateForBusinessConfiguration", "displayName": "alphabet"},
    )
    ring = "isof('microsoft.graph.windowsUpdateForBusinessConfiguration')"
    assert len(client.get(f"{CONFIGURATIONS}?$filter={ring}").rows) == 1
    assert len(client.get(f"{CONFIGURATIONS}?$filter=not {ring}").rows) == 1
    assert len(client.get(f"{CONFIGURATIONS}?$filter=startswith(displayName,'Al')").rows) == 1  # case matters
    assert len(client.get(f"{CONFIGURATIONS}?$filter=contains(tolower(displayName),'alpha')").rows) == 2
    assert len(client.get(f"{CONFIGURATIONS}?$filter=displayName eq 'Alpha' or displayName eq 'x'").rows) == 1
    assert len(client.get(f"{HEALTH}?$filter=isGlobalScript eq false").rows) == 2  # nobody listens
    assert client.get(f"{FILTERS}?$filter=displayName eq 'x'").status == 400
    assert client.get(f"{UPDATES}?$filter=displayName eq 'x'").status == 400
    assert client.get(f"{COMPLIANCE}?$filter=startswith(displayName,'x')").status == 400
    assert client.get(f"{CONFIGURATIONS}?$filter=displayName eq").status == 400


def test_row_27_enrollment_filters_drop_rows(client):
    kind = "deviceEnrollmentConfigurationType"
    assert len(client.get(f"{ENROLLMENT}?$filter={kind} eq 'limit'").rows) == 1
    assert len(client.get(f"{ENROLLMENT}?$filter={kind} eq 'limit' or {kind} eq 'windowsRestore'").rows) == 1
    assert client.get(f"{ENROLLMENT}?$filter={kind} eq 'defaultLimit'").status == 400


def test_row_27_the_directory_folds_case_and_wants_consistency_for_advanced_filters(client, tenant):
    add_group(tenant, "Pilot")
    assert len(client.get("/v1.0/groups?$filter=startswith(displayName,'pi')").rows) == 1
    refused = client.get("/v1.0/groups?$filter=displayName ne 'x'")
    assert (refused.status, refused.code) == (400, "Request_UnsupportedQuery")
    assert (
        client.get("/v1.0/groups?$filter=displayName ne 'x'&$count=true", ConsistencyLevel="eventual").status
        == 200
    )


def test_row_28_top_has_limits(client):
    refused = client.get(f"{UPDATES}?$top=201")
    assert "The limit of '200' for Top query has been exceeded" in refused.said
    assert client.get(f"{UPDATES}?$top=200").status == 200
    assert client.get(f"{CATALOG}?$top=x").status == 400


def test_row_34_singletons_are_odd(client):
    assert client.get("/deviceManagement/settings").body["id"] == ""
    store = "/deviceManagement/androidManagedStoreAccountEnterpriseSettings"
    name = client.get(store).body["id"]
    assert client.get(f"{store}/{name}").status == 400
    assert client.patch("/deviceManagement/settings", {"secureByDefault": False}).status == 400
    assert client.patch("/deviceManagement", {"settings": {"secureByDefault": False}}).status == 204
    assert client.get("/deviceManagement/settings").body["secureByDefault"] is False


def test_row_34_an_empty_id_is_not_a_404(client):
    assert "No OData route exists" in client.get(f"{CATALOG}/").said
    assert "Resource not found for the segment" in client.get("/deviceManagement/nothing").said


def test_row_35_inherited_assignments_are_marked(client, tenant):
    group = add_group(tenant, "G")
    inherited = {**to_group(group), "source": "policySets", "sourceId": "set-1"}
    policy = tenant.put(CONFIGURATIONS, {**custom_body(), "assignments": [to_group(group), inherited]})
    rows = client.get(f"{CONFIGURATIONS}/{policy}/assignments").rows
    assert [row["source"] for row in rows] == ["direct", "policySets"]


def test_row_36_an_all_zero_filter_stands_for_none(client, tenant):
    group = add_group(tenant, "G")
    profile = tenant.put(UPDATES, {"displayName": "24H2", "assignments": [to_group(group)]})
    target = client.get(f"{UPDATES}/{profile}/assignments").rows[0]["target"]
    assert target["deviceAndAppManagementAssignmentFilterId"] == "00000000-0000-0000-0000-000000000000"
    assert target["deviceAndAppManagementAssignmentFilterType"] == "exclude"


def test_row_39_what_is_unknown_is_served_as_it_is(client, tenant):
    body = {
        "@odata.type": "#microsoft.graph.futureConfiguration",
        "displayName": "F",
        "futureProp": {"x": [1.50]},
    }
    policy = tenant.put(CONFIGURATIONS, body)
    shown = client.get(f"{CONFIGURATIONS}/{policy}").body
    assert shown["@odata.type"] == body["@odata.type"]
    assert shown["futureProp"] == {"x": [1.5]}


def test_row_42_pages_can_lie(client, tenant, simulator):
    for number in range(3):
        tenant.put(CONFIGURATIONS, custom_body(f"C{number}"))
    simulator.fault("GET", r"deviceConfigurations$", EmptyPage())
    page = client.get(CONFIGURATIONS)
    assert page.rows == []
    assert page.body["@odata.nextLink"].endswith("/deviceConfigurations")
    simulator.fault("GET", r"deviceConfigurations$", DuplicateRow())
    ids = [row["id"] for row in client.get(CONFIGURATIONS).rows]
    assert (len(ids), len(set(ids))) == (4, 3)
    simulator.fault("GET", r"deviceConfigurations$", NextLink("https://evil.example/beta/x"))
    assert client.get(CONFIGURATIONS).body["@odata.nextLink"] == "https://evil.example/beta/x"


def test_row_42_objects_vanish_between_list_and_read(client, tenant, simulator):
    gone = tenant.put(CONFIGURATIONS, custom_body())
    simulator.fault("GET", r"deviceConfigurations$", Vanish())
    assert client.get(CONFIGURATIONS).rows[0]["id"] == gone
    assert client.get(f"{CONFIGURATIONS}/{gone}").status == 404


def test_row_44_answers_carry_their_ids(client, simulator):
    simulator.fault("GET", r"deviceConfigurations", Headers({"Deprecation": "@1688169599"}))
    answer = client.get(CONFIGURATIONS, client_request_id="mine", return_client_request_id="true")
    assert answer.header("request-id")
    assert answer.header("client-request-id") == "mine"
    assert answer.header("Deprecation") == "@1688169599"
    assert client.get("/v1.0/groups").header("x-ms-resource-unit") == "1"


def test_row_45_success_has_many_codes(client, tenant, simulator):
    tenant.put(
        "/identity/conditionalAccess/authenticationContextClassReferences", {"id": "c1", "displayName": "C"}
    )
    simulator.fault("GET", r"authenticationContext", WrongStatus(201))
    answer = client.get("/v1.0/identity/conditionalAccess/authenticationContextClassReferences")
    assert (answer.status, len(answer.rows)) == (201, 1)
    assert client.post(TAGS, {"displayName": "T"}).status == 200
    assert client.post(TEMPLATES, {"displayName": "N"}).status == 200
    assert client.post(CONFIGURATIONS, custom_body()).status == 201


def test_row_26_one_object_can_fail_for_ever(client, tenant, simulator):
    broken = tenant.put(CONFIGURATIONS, custom_body())
    fine = tenant.put(CONFIGURATIONS, custom_body())
    simulator.fault("GET", broken, Status(500, code="InternalServerError"), times=0)
    assert [client.get(f"{CONFIGURATIONS}/{broken}").status for _ in range(3)] == [500, 500, 500]
    assert client.get(f"{CONFIGURATIONS}/{fine}").status == 200


def test_row_07_errors_are_nested(client):
    answer = client.get(f"{CATALOG}/00000000-0000-0000-0000-00000000dead")
    assert answer.status == 404
    inside = json.loads(answer.body["error"]["message"])
    assert inside["_version"] == 3
    assert "Activity ID" in inside["Message"]
    assert answer.body["error"]["innerError"]["request-id"] == answer.header("request-id")


def test_row_07_errors_may_be_empty_or_html(client, simulator):
    simulator.fault("GET", "deviceConfigurations", Status(503, empty=True))
    empty = client.get(CONFIGURATIONS)
    assert (empty.status, empty.response.body) == (503, b"")


def test_full_metadata_annotates_and_none_does_not(client, tenant):
    policy = tenant.put(CATALOG, catalog_body())
    full = client.get(f"{CATALOG}/{policy}", Accept="application/json;odata.metadata=full").body
    assert full["assignments@odata.navigationLink"].endswith("/assignments")
    assert full["@odata.type"] == "#microsoft.graph.deviceManagementConfigurationPolicy"
    none = client.get(f"{CATALOG}/{policy}", Accept="application/json;odata.metadata=none").body
    assert not any(key.startswith("@odata") for key in none)


def test_v1_hides_what_is_beta(client, tenant):
    policy = tenant.put(CONFIGURATIONS, custom_body())
    assert "roleScopeTagIds" in client.get(f"/beta{CONFIGURATIONS}/{policy}").body
    assert "roleScopeTagIds" not in client.get(f"/v1.0{CONFIGURATIONS}/{policy}").body
    assert "Resource not found for the segment" in client.get(f"/v1.0{CATALOG}").said


def test_protections_do_not_say_what_they_are(client, tenant):
    policy = tenant.put(
        PROTECTIONS, {"@odata.type": "#microsoft.graph.iosManagedAppProtection", "displayName": "P"}
    )
    assert "@odata.type" not in client.get(f"{PROTECTIONS}/{policy}").body
    assert "@odata.type" not in client.get(PROTECTIONS).rows[0]


def test_directory_objects_are_found_by_id(client, tenant):
    group = add_group(tenant, "G")
    found = client.post("/v1.0/directoryObjects/getByIds", {"ids": [group, "missing"], "types": ["group"]})
    assert [row["id"] for row in found.rows] == [group]
    tenant.put("/servicePrincipals", {"appId": "app-1", "displayName": "Teams"})
    assert client.get("/v1.0/servicePrincipals(appId='app-1')").body["displayName"] == "Teams"
    assert client.get(f"/v1.0/organization/{tenant.guid}").body["displayName"] == "Contoso"
    assert client.get("/v1.0/users/nobody").status == 404


def test_agreements_have_no_application_permission(client: Client):
    assert client.get("/v1.0/identityGovernance/termsOfUse/agreements/x").status == 403


def test_group_policy_values_are_two_levels_down(client, tenant):
    definition = {
        "id": "d-1",
        "displayName": "Turn off",
        "classType": "machine",
        "categoryPath": "\\Chat",
        "presentations": [{"id": "p-1", "label": "Level"}],
    }
    tenant.put("/deviceManagement/groupPolicyDefinitions", definition)
    root = "https://graph.microsoft.com/beta/deviceManagement/groupPolicyDefinitions('d-1')"
    policy = tenant.put(
        "/deviceManagement/groupPolicyConfigurations",
        {
            "displayName": "ADMX",
            "policyConfigurationIngestionType": "custom",
            "definitionValues": [
                {
                    "enabled": True,
                    "definition@odata.bind": root,
                    "presentationValues": [
                        {
                            "@odata.type": "#microsoft.graph.groupPolicyPresentationValueText",
                            "value": "1",
                            "presentation@odata.bind": f"{root}/presentations('p-1')",
                        }
                    ],
                }
            ],
        },
    )
    item = f"/deviceManagement/groupPolicyConfigurations/{policy}"
    values = client.get(f"{item}/definitionValues?$expand=definition($select=id,displayName)").rows
    assert values[0]["definition"] == {"id": "d-1", "displayName": "Turn off"}
    assert "presentationValues" not in values[0]
    shown = client.get(
        f"{item}/definitionValues/{values[0]['id']}/presentationValues?$expand=presentation"
    ).rows
    assert shown[0]["presentation"]["label"] == "Level"
    deep = "$expand=definition($expand=presentations)"
    assert client.get(f"{item}/definitionValues?{deep}").status == 400
    assert client.get(item).body["policyConfigurationIngestionType"] == "unknown"
    assert (
        client.get("/deviceManagement/groupPolicyConfigurations").rows[0]["policyConfigurationIngestionType"]
        == "custom"
    )


def test_policies_of_conditional_access_list_whole(client, tenant):
    tenant.put("/identity/conditionalAccess/policies", policy_body())
    row = client.get("/identity/conditionalAccess/policies?$top=1").rows[0]
    assert row["conditions"]["users"]["includeUsers"] == ["All"]
