"""The authorization endpoint and its codes: strict where Entra is."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tenantatlas.core.clock import VirtualClock
from tenantatlas.simulator.messages import SimRequest, SimResponse
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant

from .client import APP, GRAPH, GUID, LOGIN, SECRET

HERE = "https://atlas.example/delegated/callback/"
ADELE = "adele@contoso.example"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": APP,
    "response_type": "code",
    "redirect_uri": HERE,
    "scope": f"{GRAPH}/GroupMember.Read.All openid profile",
    "state": "a state",
    "nonce": "a nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "login_hint": ADELE,
}
FORM = {
    "grant_type": "authorization_code",
    "client_id": APP,
    "client_secret": SECRET,
    "redirect_uri": HERE,
    "code_verifier": VERIFIER,
}


@pytest.fixture
def people(tenant: SimTenant) -> SimTenant:
    tenant.person(ADELE, name="Adele <Vance>")
    tenant.reply_to(HERE, delegated=["GroupMember.Read.All"])
    return tenant


def ask(simulator: Simulator, **changed: str) -> SimResponse:
    query = urlencode({key: value for key, value in {**ASKED, **changed}.items() if value})
    url = f"{LOGIN}/{GUID}/oauth2/v2.0/authorize?{query}"
    return simulator.handle(SimRequest(method="GET", url=url))


def sent_back(response: SimResponse) -> dict[str, str]:
    assert response.status == 302
    where = urlsplit(response.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == HERE
    return {key: values[0] for key, values in parse_qs(where.query).items()}


def redeem(simulator: Simulator, code: str, **changed: str) -> tuple[int, dict[str, Any]]:
    body = urlencode({**FORM, "code": code, **changed}).encode()
    response = simulator.handle(SimRequest(method="POST", url=f"{LOGIN}/{GUID}/oauth2/v2.0/token", body=body))
    return response.status, json.loads(response.body)


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def test_a_person_signs_in_and_the_code_is_worth_two_tokens(simulator: Simulator, people: SimTenant) -> None:
    back = sent_back(ask(simulator))
    status, given = redeem(simulator, back["code"])

    assert back["state"] == "a state"
    assert status == 200
    access, identity = claims_of(given["access_token"]), claims_of(given["id_token"])
    assert (access["scp"], access["aud"], access["tid"]) == ("GroupMember.Read.All", GRAPH, GUID)
    assert "roles" not in access
    assert "refresh_token" not in given
    assert identity["iss"] == f"{LOGIN}/{GUID}/v2.0"
    assert (identity["aud"], identity["nonce"], identity["tid"]) == (APP, "a nonce", GUID)
    assert identity["oid"] == people.people[ADELE].oid


def test_the_token_reads_what_was_delegated_and_nothing_else(simulator: Simulator, people: SimTenant) -> None:
    people.put("/groups", {"displayName": "Admins", "securityEnabled": True, "groupTypes": []})
    token = redeem(simulator, sent_back(ask(simulator))["code"])[1]["access_token"]

    def get(path: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return simulator.handle(SimRequest(method="GET", url=f"{GRAPH}{path}", headers=headers)).status

    assert get("/v1.0/groups?$filter=startswith(displayName,'ad')") == 200
    assert get("/beta/deviceManagement/configurationPolicies") == 403


def test_without_a_hint_one_chooses_who_one_is(simulator: Simulator, people: SimTenant) -> None:  # noqa: ARG001 - somebody is there
    page = ask(simulator, login_hint="")
    assert page.status == 200
    assert "Adele &lt;Vance&gt;" in page.body.decode()
    assert sent_back(ask(simulator, login_hint="", prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("address", [HERE[:-1], f"{HERE}?a=b", "https://evil.example/", HERE.upper()])
def test_a_reply_address_that_is_not_registered_is_never_followed(
    simulator: Simulator,
    people: SimTenant,  # noqa: ARG001 - with a registered address
    address: str,
) -> None:
    page = ask(simulator, redirect_uri=address)
    assert page.status == 400
    assert "AADSTS50011" in page.body.decode()
    assert "Location" not in page.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": f"{GRAPH}/Group.ReadWrite.All openid"}, "consent_required"),
    ],
)
def test_what_is_asked_wrongly_is_sent_back_with_the_state(
    simulator: Simulator,
    people: SimTenant,  # noqa: ARG001 - with a registered address
    changed: dict[str, str],
    error: str,
) -> None:
    back = sent_back(ask(simulator, **changed))
    assert (back["error"], back["state"]) == (error, "a state")
    assert "code" not in back


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"code_verifier": "w" * 50}, 501481),
        ({"redirect_uri": "https://evil.example/"}, 500112),
        ({"client_secret": "wrong"}, 7000215),
        ({"code": "1.made-up"}, 70000),
    ],
)
def test_a_code_is_bound_to_what_it_was_given_for(
    simulator: Simulator,
    people: SimTenant,  # noqa: ARG001 - somebody is there
    changed: dict[str, str],
    code: int,
) -> None:
    status, refusal = redeem(simulator, **{"code": sent_back(ask(simulator))["code"], **changed})
    assert status >= 400
    assert refusal["error_codes"] == [code]


def test_a_code_is_redeemed_once_and_soon(
    simulator: Simulator,
    people: SimTenant,  # noqa: ARG001 - somebody is there
    virtual_clock: VirtualClock,
) -> None:
    code = sent_back(ask(simulator))["code"]
    assert redeem(simulator, code)[0] == 200
    assert redeem(simulator, code)[1]["error_codes"] == [54005]
    late = sent_back(ask(simulator))["code"]
    virtual_clock.advance(601)
    assert redeem(simulator, late)[1]["error_codes"] == [70008]


def test_people_and_reply_addresses_are_saved(simulator: Simulator, people: SimTenant, tmp_path) -> None:
    simulator.save(tmp_path)
    again = Simulator(seed=1)
    again.load(tmp_path)
    assert again.tenants[GUID].people == people.people
    assert again.tenants[GUID].apps == people.apps
