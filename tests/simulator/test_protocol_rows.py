"""What the protocol promises (throttling, batches, tokens, faults, lag), by row of the list of behaviours."""

from __future__ import annotations

import base64
import json

import pytest

from tenantatlas.simulator.faults import (
    ClaimsChallenge,
    Drop,
    ExpireToken,
    Html,
    LoseReply,
    PartialJson,
    Refuse,
    Reset,
    Slow,
    Status,
    Throttle,
)
from tenantatlas.simulator.messages import Break, SimRequest
from tenantatlas.simulator.tenants import Lag

from .client import (
    APP,
    CATALOG,
    CONFIGURATIONS,
    ENROLLMENT,
    LOGIN,
    POLICIES,
    SECRET,
    TAGS,
    Client,
    add_group,
    catalog_body,
    custom_body,
    policy_body,
)
from .client import GUID as TENANT

UPDATES = "/deviceManagement/windowsFeatureUpdateProfiles"
DRIVERS = "/deviceManagement/windowsDriverUpdateProfiles"
SCRIPTS = "/deviceManagement/deviceManagementScripts"


def claims_of(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


# row 5: throttling


def test_row_05_intune_counts_writes_of_an_app_per_family(client, virtual_clock):
    statuses = [client.post(TAGS, {"displayName": f"T{n}"}).status for n in range(101)]
    assert statuses == [200] * 100 + [429]
    refused = client.post(TAGS, {"displayName": "more"})
    assert refused.code == "TooManyRequests"
    assert client.post(CONFIGURATIONS, custom_body()).status == 201  # another family
    virtual_clock.advance(float(refused.header("Retry-After")))
    assert client.post(TAGS, {"displayName": "later"}).status == 200


def test_row_05_hammering_prolongs_the_block(client, virtual_clock):
    for n in range(130):
        client.post(TAGS, {"displayName": f"T{n}"})
    virtual_clock.advance(1)
    assert client.post(TAGS, {"displayName": "too soon"}).status == 429


def test_row_05_five_writes_a_second_are_never_too_many(client, virtual_clock):
    for n in range(300):
        virtual_clock.advance(0.2)
        assert client.post(TAGS, {"displayName": f"T{n}"}).status == 200


def test_row_05_scripts_have_twice_the_budget(client):
    body = {"displayName": "S", "fileName": "s.ps1", "scriptContent": "QQ=="}
    statuses = [client.post(SCRIPTS, body).status for _ in range(201)]
    assert statuses == [201] * 200 + [429]


def test_row_05_two_apps_share_the_tenants_budget(client, tenant, simulator):
    tenant.app("other", secret=SECRET)
    tenant.app("third", secret=SECRET)
    others = [Client(simulator, app=name) for name in ("other", "third")]
    for n in range(200):
        assert (client, others[0])[n % 2].post(TAGS, {"displayName": f"T{n}"}).status == 200
    assert others[1].post(TAGS, {"displayName": "x"}).status == 429


def test_row_05_conditional_access_takes_one_request_a_second_and_says_nothing(client, virtual_clock):
    assert client.get(POLICIES).status == 200
    refused = client.get(POLICIES)
    assert (refused.status, refused.header("Retry-After")) == (429, None)
    for _ in range(20):
        virtual_clock.advance(1)
        if client.get(POLICIES).status == 200:
            break
    for _ in range(30):
        virtual_clock.advance(1)
        assert client.get(POLICIES).status == 200


def test_row_05_the_directory_counts_units(client):
    statuses = {client.get("/v1.0/groups").status for _ in range(3500)}
    assert statuses == {200}
    refused = client.get("/v1.0/groups")
    assert refused.status == 429
    assert refused.header("x-ms-throttle-information") == "ResourceUnitLimitExceeded"


@pytest.mark.parametrize("value", [None, "0", "2", "2.128", "date", "huge", "soon"])
def test_row_05_retry_after_comes_in_many_forms(client, simulator, value):
    simulator.fault("GET", "configurationPolicies", Throttle(value))
    header = client.get(CATALOG).header("Retry-After")
    expected = {"date": "GMT", "huge": "86400"}.get(value or "", value)
    assert (header is None) if expected is None else (expected in header)
    assert client.get(CATALOG).status == 200


# row 11: lag


def test_row_11_an_item_may_be_seen_before_the_list_shows_it(client, tenant, virtual_clock):
    tenant.lag = Lag(list=60)
    made = client.post(CONFIGURATIONS, custom_body()).body["id"]
    assert client.get(f"{CONFIGURATIONS}/{made}").status == 200
    sizes = {len(client.get(CONFIGURATIONS).rows) for _ in range(20)}
    assert sizes == {0, 1}  # some replicas know, some do not
    virtual_clock.advance(61)
    assert {len(client.get(CONFIGURATIONS).rows) for _ in range(20)} == {1}


def test_row_11_reads_are_not_monotonic(client, tenant, virtual_clock):
    tenant.lag = Lag(item=30)
    made = client.post(CONFIGURATIONS, custom_body()).body["id"]
    statuses = [client.get(f"{CONFIGURATIONS}/{made}").status for _ in range(30)]
    assert "".join(str(status)[0] for status in statuses).count("24") > 0  # a hit, then a miss
    virtual_clock.advance(31)
    assert client.get(f"{CONFIGURATIONS}/{made}").status == 200


def test_row_11_deleted_objects_linger(client, tenant, virtual_clock):
    tenant.lag = Lag(delete=60)
    made = client.post(CONFIGURATIONS, custom_body()).body["id"]
    virtual_clock.advance(100)
    assert client.send("DELETE", f"{CONFIGURATIONS}/{made}").status == 200
    assert {len(client.get(CONFIGURATIONS).rows) for _ in range(20)} == {0, 1}
    virtual_clock.advance(61)
    assert client.get(CONFIGURATIONS).rows == []


# row 12: lost answers


def test_row_12_a_write_is_done_and_nobody_hears_of_it(client, tenant, simulator):
    for fault in (LoseReply(), Status(504, applied=True), Reset()):
        simulator.fault("POST", "deviceConfigurations$", fault)
        answer = client.post(CONFIGURATIONS, custom_body())
        assert answer.status == 504 or answer.response.broken in {Break.DROPPED, Break.CUT}
    assert len(tenant.objects(CONFIGURATIONS)) == 3
    assert [entry.applied for entry in simulator.writes()] == [True, True, True]
    assert [entry.lost for entry in simulator.writes()] == [True, False, True]


def test_row_12_a_write_may_also_be_dropped_undone(client, tenant, simulator):
    simulator.fault("POST", "deviceConfigurations$", Drop())
    simulator.fault("POST", "deviceConfigurations$", Refuse(), nth=2)
    assert client.post(CONFIGURATIONS, custom_body()).response.broken is Break.DROPPED
    assert client.post(CONFIGURATIONS, custom_body()).response.broken is Break.REFUSED
    assert tenant.objects(CONFIGURATIONS) == []
    assert [entry.applied for entry in simulator.writes()] == [False, False]


# row 13: batches


def read(number: int, url: str, **more) -> dict:
    return {"id": str(number), "method": "GET", "url": url, **more}


def test_row_13_each_request_of_a_batch_has_its_outcome(client, tenant):
    policies = [tenant.put(CATALOG, catalog_body(f"P{n}", settings=26)) for n in range(20)]
    answer = client.batch(*(read(n, f"{CATALOG}/{policy}/settings") for n, policy in enumerate(policies)))
    assert answer.status == 200
    ids = [row["id"] for row in answer.body["responses"]]
    assert sorted(map(int, ids)) == list(range(20))
    assert ids != sorted(ids, key=int)
    links = [row["body"]["@odata.nextLink"] for row in answer.body["responses"]]
    assert all(link.startswith("https://graph.microsoft.com/beta/") for link in links)
    assert len(client.get(links[0]).rows) == 1


def test_row_13_the_envelope_has_limits(client):
    assert client.batch(*(read(n, CATALOG) for n in range(21))).status == 400
    assert client.batch(read(1, CATALOG), read(1, TAGS)).status == 400
    assert client.batch({"id": 1, "method": "GET", "url": CATALOG}).status == 400
    assert client.batch({**read(1, CATALOG), "method": "BREW"}).status == 400
    assert client.batch({**read(1, CATALOG), "dependsOn": ["2"]}).status == 400
    assert client.post("/$batch", {"nothing": []}).status == 400
    assert client.batch().status == 400
    assert client.get("/$batch").status == 405


def test_row_13_what_is_wrong_with_one_request_is_its_own(client, tenant):
    policy = tenant.put(CATALOG, catalog_body())
    answer = client.batch(
        read(1, f"/beta{CATALOG}"),
        read(2, f"https://graph.microsoft.com/beta{CATALOG}"),
        {"id": "3", "method": "POST", "url": TAGS, "body": {"displayName": "T"}},
        read(4, "/$batch"),
        read(5, f"{CATALOG}/{policy}"),
        read(6, f"{CATALOG}/missing"),
        {**read(7, CATALOG), "dependsOn": ["6"]},
    )
    assert {row["id"]: row["status"] for row in answer.body["responses"]} == {
        "1": 400,
        "2": 400,
        "3": 400,
        "4": 400,
        "5": 200,
        "6": 404,
        "7": 424,
    }


def test_row_13_requests_are_throttled_one_by_one(client, simulator):
    simulator.fault("GET", "configurationPolicies", Throttle("4"), nth=3, times=7)
    answer = client.batch(*(read(n, CATALOG) for n in range(20)))
    statuses = [row["status"] for row in answer.body["responses"]]
    assert (answer.status, statuses.count(429), statuses.count(200)) == (200, 7, 13)
    throttled = next(row for row in answer.body["responses"] if row["status"] == 429)
    assert throttled["headers"]["Retry-After"] == "4"
    for _ in range(200):
        client.batch(*(read(n, CATALOG) for n in range(20)))
    last = client.batch(*(read(n, CATALOG) for n in range(20)))
    assert {row["status"] for row in last.body["responses"]} == {429}


def test_row_13_a_version_does_not_mix_and_a_lost_part_is_a_gateway_error(client, simulator):
    answer = client.send("POST", "/v1.0/$batch", {"requests": [read(1, CATALOG)]})
    assert answer.body["responses"][0]["status"] == 400
    simulator.fault("GET", "configurationPolicies", Drop())
    assert client.batch(read(1, CATALOG)).body["responses"][0]["status"] == 504
    simulator.fault("GET", "configurationPolicies", Html())
    assert isinstance(client.batch(read(1, CATALOG)).body["responses"][0]["body"], str)


# row 18: permissions


def test_row_18_a_missing_permission_is_named(client, tenant):
    tenant.revoke(["DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"])
    client.token = ""
    refused = client.get(CATALOG)
    assert refused.status == 403
    assert refused.said == (
        "Application is not authorized to perform this operation. Application must have one of the following "
        "scopes: DeviceManagementConfiguration.Read.All, DeviceManagementConfiguration.ReadWrite.All"
    )
    assert client.get(SCRIPTS).status == 200
    tenant.grant("DeviceManagementConfiguration.Read.All")
    client.token = ""
    assert client.get(CATALOG).status == 200
    assert client.post(CATALOG, catalog_body()).status == 403


def test_row_18_a_token_keeps_the_roles_it_was_issued_with(client, tenant):
    client.sign_in()
    tenant.revoke("Policy.Read.All", client_id=APP)
    challenged = client.get(POLICIES)
    assert challenged.status == 401
    assert 'error="insufficient_claims"' in challenged.header("WWW-Authenticate")
    assert "Policy.Read.All" not in claims_of(client.sign_in().body["access_token"])["roles"]


def test_row_18_conditional_access_needs_three_permissions_to_write(client, tenant, virtual_clock):
    tenant.revoke("Application.Read.All")
    client.token = ""
    assert client.post(POLICIES, policy_body()).status == 403
    virtual_clock.advance(1)
    assert client.get(POLICIES).status == 200
    tenant.revoke("Group.Read.All")
    client.token = ""
    assert client.get("/v1.0/groups").code == "Authorization_RequestDenied"


# row 19: tokens


def test_row_19_tokens_live_60_to_90_minutes(client, virtual_clock):
    answer = client.sign_in()
    assert 3600 <= answer.body["expires_in"] <= 5400
    claims = claims_of(client.token)
    assert (claims["tid"], claims["aud"], claims["appid"]) == (TENANT, "https://graph.microsoft.com", APP)
    virtual_clock.advance(answer.body["expires_in"])
    expired = client.get(CATALOG)
    assert (expired.status, expired.code) == (401, "InvalidAuthenticationToken")


def test_row_19_a_challenge_or_the_end_may_come_at_any_time(client, simulator, tenant):
    simulator.fault("GET", "configurationPolicies", ClaimsChallenge("Y2xhaW1z"))
    assert 'claims="Y2xhaW1z"' in client.get(CATALOG).header("WWW-Authenticate")
    simulator.fault("GET", "configurationPolicies", ExpireToken())
    assert "expired" in client.get(CATALOG).said
    tenant.expire_tokens()
    assert client.get(CATALOG).status == 401


def test_row_19_a_token_for_another_cloud_or_by_another_hand_is_refused(client, simulator):
    client.sign_in()
    client.graph = "https://graph.microsoft.us"
    assert "audience" in client.get(CATALOG).said
    client.graph = "https://graph.microsoft.com"
    client.token = client.token[:-8] + "AAAAAAAA"
    assert "Signature" in client.get(CATALOG).said
    nobody = simulator.handle(SimRequest(method="GET", url=f"https://graph.microsoft.com/beta{CATALOG}"))
    assert nobody.status == 401


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_id": "nobody"}, 400, 700016),
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, 1002012),
        ({"scope": "https://graph.microsoft.us/.default"}, 400, 500011),
        ({"client_secret": ""}, 401, 7000218),
    ],
)
def test_sign_in_refuses_as_entra_does(client, form, status, code):
    answer = client.sign_in(**form)
    assert (answer.status, answer.body["error_codes"]) == (status, [code])
    assert answer.body["error_description"].startswith(f"AADSTS{code}: ")


def test_sign_in_knows_its_tenants_and_clouds(client, tenant, simulator):
    client.guid = "c0ffee00-0000-4000-8000-00000000dead"
    assert client.sign_in().body["error_codes"] == [90002]
    client.guid = tenant.domain
    assert client.sign_in().status == 200
    tenant.profile.cloud = "usgov"
    assert client.sign_in().body["error_codes"] == [90002]
    configuration = f"{LOGIN.replace('.com', '.us')}/{TENANT}/v2.0/.well-known/openid-configuration"
    answer = json.loads(simulator.handle(SimRequest(method="GET", url=configuration)).body)
    assert answer["token_endpoint"].startswith("https://login.microsoftonline.us/")


def test_discovery_and_keys_are_served(simulator, tenant):
    keys = simulator.handle(SimRequest(method="GET", url=f"{LOGIN}/{tenant.guid}/discovery/v2.0/keys"))
    assert json.loads(keys.body)["keys"][0]["kty"] == "RSA"
    instance = simulator.handle(
        SimRequest(method="GET", url=f"{LOGIN}/common/discovery/instance?api-version=1.1")
    )
    assert "tenant_discovery_endpoint" in json.loads(instance.body)
    assert simulator.handle(SimRequest(method="GET", url=f"{LOGIN}/{tenant.guid}/elsewhere")).status == 404


# row 40: profiles


def test_row_40_clouds_and_licences_withhold_things(client, tenant, virtual_clock):
    tenant.profile.feature_updates = False
    tenant.profile.autopatch = False
    assert client.get(UPDATES).said == "API is not supported for this environment."
    assert (client.get(DRIVERS).status, client.get(DRIVERS).said) == (403, "An error has occurred")
    tenant.profile.premium = False
    assert client.get(POLICIES).said == "Your tenant is not licensed for this feature."
    tenant.profile.intune = False
    assert client.get(CATALOG).said == "Request not applicable to target tenant."
    virtual_clock.advance(1)
    assert client.get("/v1.0/groups").status == 200


# row 43, 46: sizes and the network


def test_row_43_four_megabytes_are_the_limit(client):
    assert client.post(TAGS, {"displayName": "x" * (4 * 1024 * 1024)}).status == 413
    assert client.post(TAGS, b"\xef\xbb\xbf" + json.dumps({"displayName": "bom"}).encode()).status == 400
    assert client.post(TAGS, b'{"displayName": ').status == 400
    assert client.post(TAGS, [1]).status == 400
    assert "Content-Type" in client.send("POST", TAGS, {"displayName": "x"}, Content_Type="text/plain").said


def test_row_46_the_network_has_its_moods(client, tenant, simulator):
    tenant.put(CATALOG, catalog_body())
    simulator.fault("GET", "configurationPolicies", Reset())
    simulator.fault("GET", "configurationPolicies", PartialJson(), nth=2)
    simulator.fault("GET", "configurationPolicies", Slow(30), nth=3)
    simulator.fault("GET", "configurationPolicies", Html(502), nth=4)
    assert client.get(CATALOG).response.broken is Break.CUT
    assert client.get(CATALOG).body is None
    assert client.get(CATALOG).response.delay == 30
    answer = client.get(CATALOG)
    assert (answer.status, answer.header("Content-Type")) == (502, "text/html")
    assert client.get(CATALOG).status == 200


# rows 30, 33: others write too


def test_row_30_objects_change_behind_the_clients_back(client, tenant):
    made = client.post(CONFIGURATIONS, custom_body("Before")).body
    tenant.mutate(made["id"], lambda body: body.update(displayName="After"))
    now = client.get(f"{CONFIGURATIONS}/{made['id']}").body
    assert (now["displayName"], now["version"]) == ("After", 2)
    assert now["lastModifiedDateTime"] != made["lastModifiedDateTime"]
    tenant.remove(CONFIGURATIONS, made["id"])
    assert client.get(f"{CONFIGURATIONS}/{made['id']}").status == 404


def test_row_33_enrollment_takes_one_write_at_a_time(client, virtual_clock):
    body = {
        "@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration",
        "displayName": "L",
        "limit": 5,
    }
    first = client.post(ENROLLMENT, body)
    assert (first.status, first.response.delay) == (201, 1.0)
    assert client.post(ENROLLMENT, body).status == 409
    virtual_clock.advance(1)
    second = client.post(ENROLLMENT, body)
    assert (first.body["priority"], second.body["priority"]) == (1, 2)
    item = f"{ENROLLMENT}/{second.body['id']}"
    virtual_clock.advance(1)
    assert "already" in client.post(f"{item}/setPriority", {"priority": 2}).said
    virtual_clock.advance(1)
    assert client.post(f"{item}/setPriority", {"priority": 1}).status == 204
    assert client.get(item).body["priority"] == 1
    assert client.get(f"{ENROLLMENT}/{first.body['id']}").body["priority"] == 2


def test_tenants_do_not_see_each_other(client, simulator):
    other = simulator.tenant("c0ffee00-0000-4000-8000-000000000002", name="Fabrikam")
    other.app(APP, secret=SECRET)
    other.put(CONFIGURATIONS, custom_body())
    assert client.get(CONFIGURATIONS).rows == []
    assert len(Client(simulator, guid=other.guid).get(CONFIGURATIONS).rows) == 1


def test_faults_can_be_meant_for_one_tenant(client, simulator):
    simulator.fault("*", "deviceConfigurations", Status(500), tenant="somebody-else")
    assert client.get(CONFIGURATIONS).status == 200
    simulator.fault("*", "deviceConfigurations", Status(500), tenant=TENANT, times=0)
    assert client.get(CONFIGURATIONS).status == 500
    simulator.script.clear()
    assert client.get(CONFIGURATIONS).status == 200


def test_the_same_seed_gives_the_same_answers(virtual_clock):
    from tenantatlas.simulator.simulator import Simulator  # noqa: PLC0415 - two of them

    ids = []
    for _ in range(2):
        simulator = Simulator(seed=3, clock=virtual_clock)
        simulator.tenant(TENANT).app(APP, secret=SECRET)
        ids.append(Client(simulator).post(TAGS, {"displayName": "T"}).header("request-id"))
    assert ids[0] == ids[1]


def test_the_journal_tells_what_was_asked(client, tenant, simulator):
    group = add_group(tenant, "G")
    client.get(f"/v1.0/groups/{group}?$select=id", client_request_id="abc")
    client.batch(read(1, CATALOG))
    entry = simulator.journal[1]
    assert (entry.method, entry.path, entry.query) == ("GET", f"/v1.0/groups/{group}", "$select=id")
    assert (entry.tenant, entry.client_id, entry.status, entry.client_request_id) == (TENANT, APP, 200, "abc")
    assert [each.in_batch for each in simulator.journal[2:]] == [False, True]
    assert simulator.journal[0].body is None  # a secret was in it
    assert simulator.writes() == []


def test_a_fault_may_be_meant_for_several_methods(client, tenant, simulator):
    policy = tenant.put(CATALOG, catalog_body())
    simulator.fault("PATCH|PUT", "configurationPolicies", Status(500))
    assert client.get(f"{CATALOG}/{policy}").status == 200
    assert client.patch(f"{CATALOG}/{policy}", {"name": "x"}).status == 500
    assert client.patch(f"{CATALOG}/{policy}", {"name": "x"}).status == 204
