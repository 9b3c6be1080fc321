"""Tokens: asked for once, renewed early, renewed with claims, checked for the tenant; refusals in words."""

from __future__ import annotations

import base64
import datetime
import json
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tenantatlas.core import clock, errors
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.client import Certificate, GraphClient, Read, Secret
from tenantatlas.graph.clouds import CLOUDS, cloud_named, custom_cloud
from tenantatlas.graph.transport import GraphRequest, GraphResponse, TransportFailed, install_transport

from .conftest import MakeClient
from .fake import CLIENT, LOGIN, SECRET, TENANT, FakeGraph, make_token, refusal, reply

PATH = "/beta/deviceManagement/configurationPolicies/1"
FAMILY = "deviceConfigV2"
CLAIMS = {"access_token": {"nbf": {"essential": True, "value": "1604106651"}}}
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="x", error="insufficient_claims", claims="'
    + base64.b64encode(json.dumps(CLAIMS).encode()).decode()
    + '"'
)


def entra_refusal(code: str, text: str = "Something is wrong.") -> GraphResponse:
    return reply(
        401,
        {
            "error": "invalid_client",
            "error_description": f"AADSTS{code}: {text} Trace ID: 1 Correlation ID: 2",
            "error_codes": [int(code)],
        },
    )


def test_the_app_signs_in_with_its_secret_for_this_graph(graph: FakeGraph, client: GraphClient):
    claims = client.token_claims()
    assert claims["tid"] == TENANT
    assert claims["roles"] == graph.roles
    (sent,) = graph.sign_ins
    assert sent["client_id"] == [CLIENT]
    assert sent["client_secret"] == [SECRET]
    assert sent["scope"] == ["https://graph.microsoft.com/.default"]
    assert sent["grant_type"] == ["client_credentials"]
    assert "cp1" in sent["claims"][0]


def certificate(*, passphrase: str = "") -> Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "atlas")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    locked = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    return Certificate(
        pem=(pem + made.public_bytes(serialization.Encoding.PEM)).decode(), passphrase=passphrase
    )


@pytest.mark.parametrize("passphrase", ["", "a passphrase"])
def test_the_app_signs_in_with_its_certificate(graph: FakeGraph, make_client: MakeClient, passphrase: str):
    client = make_client(credential=certificate(passphrase=passphrase))
    assert client.token_claims()["tid"] == TENANT
    (sent,) = graph.sign_ins
    assert "client_secret" not in sent
    assert sent["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert sent["client_assertion"][0].count(".") == 2


def test_a_certificate_that_is_none_is_a_failed_sign_in(graph: FakeGraph, make_client: MakeClient):
    client = make_client(credential=Certificate(pem="-----BEGIN NONSENSE-----"))
    with pytest.raises(errors.SignInFailed, match="certificate cannot be used"):
        client.token_claims()
    assert graph.sign_ins == []


def test_many_who_ask_at_once_get_one_token(graph: FakeGraph, client: GraphClient):
    graph.fallback = lambda _: reply(200, {})
    threads = [
        threading.Thread(target=client.get, args=(f"{PATH}{number}",), kwargs={"family": FAMILY})
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(graph.sign_ins) == 1


def test_a_token_is_renewed_five_minutes_early_and_no_sooner(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.fallback = lambda _: reply(200, {})
    client.get(PATH, family=FAMILY)
    virtual_clock.advance(3600 - 301)
    client.get(PATH, family=FAMILY)
    assert len(graph.sign_ins) == 1
    virtual_clock.advance(2)
    client.get(PATH, family=FAMILY)
    assert len(graph.sign_ins) == 2


def test_a_day_of_reading_asks_for_few_tokens_and_loses_no_read(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.fallback = lambda _: reply(200, {})
    for _ in range(24 * 12):
        client.get(PATH, family=FAMILY)
        virtual_clock.advance(300)
    assert 20 <= len(graph.sign_ins) <= 30


def test_a_token_that_cannot_be_renewed_is_used_to_its_end(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.fallback = lambda _: reply(200, {})
    client.get(PATH, family=FAMILY)
    virtual_clock.advance(3600 - 200)
    graph.login_answers = [reply(503, {})] * 4
    assert client.get(PATH, family=FAMILY).status == 200
    virtual_clock.advance(600)
    graph.login_answers = [reply(503, {})] * 4
    with pytest.raises(errors.Unavailable, match="sign-in service answered 503"):
        client.get(PATH, family=FAMILY)


def test_a_claims_challenge_is_answered_once_with_the_claims(graph: FakeGraph, client: GraphClient):
    graph.on("GET", PATH, refusal(401, www_authenticate=CHALLENGE), reply(200, {}))
    assert client.get(PATH, family=FAMILY).status == 200
    assert len(graph.sign_ins) == 2
    assert json.loads(graph.sign_ins[1]["claims"][0])["access_token"]["nbf"] == CLAIMS["access_token"]["nbf"]
    tokens = {seen.headers["Authorization"] for seen in graph.journal}
    assert len(tokens) == 2


def test_many_challenged_at_once_ask_for_one_new_token(graph: FakeGraph, client: GraphClient):
    client.token_claims()
    old = make_token({"tid": TENANT, "roles": graph.roles, "n": 1})

    def answer(request: GraphRequest) -> GraphResponse:
        if request.headers["Authorization"] == f"Bearer {old}":
            return refusal(401, www_authenticate=CHALLENGE)
        return reply(200, {})

    graph.fallback = answer
    outcomes = client.read_many(
        Read(key=str(n), path=f"{PATH}{n}", family=FAMILY, batchable=False) for n in range(15)
    )
    assert all(outcome.error is None for outcome in outcomes.values())
    assert len(graph.sign_ins) == 2


def test_a_revoked_app_stops_at_once(graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock):
    graph.fallback = lambda _: refusal(401, "InvalidAuthenticationToken", www_authenticate=CHALLENGE)
    with pytest.raises(errors.SignInFailed):
        client.get(PATH, family=FAMILY)
    asked = len(graph.journal)
    for _ in range(20):
        with pytest.raises(errors.SignInFailed):
            client.get(PATH, family=FAMILY)
    assert len(graph.journal) == asked == 2
    graph.fallback = lambda _: reply(200, {})
    virtual_clock.advance(61)
    assert client.get(PATH, family=FAMILY).status == 200


def test_a_refused_new_token_stops_all_reads_of_the_call(graph: FakeGraph, client: GraphClient):
    client.token_claims()
    graph.login_answers = [entra_refusal("7000112")] * 3
    graph.on("POST", "/beta/$batch", refusal(401, www_authenticate=CHALLENGE))
    with pytest.raises(errors.SignInFailed, match="disabled"):
        client.read_many(Read(key=str(n), path=f"{PATH}{n}", family=FAMILY) for n in range(60))
    assert len(graph.journal) <= 3
    assert len(graph.sign_ins) == 2


def test_an_old_token_inside_a_batch_is_renewed_too(graph: FakeGraph, client: GraphClient):
    refused = refusal(401, www_authenticate=CHALLENGE)
    for number in range(3):
        graph.on("GET", f"{PATH}{number}", refused, reply(200, {"n": number}))
    outcomes = client.read_many(Read(key=str(n), path=f"{PATH}{n}", family=FAMILY) for n in range(3))
    assert [json.loads(outcomes[str(n)].body or b"")["n"] for n in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("7000215", "secret is wrong"),
        ("7000222", "expired"),
        ("700016", "does not know this app"),
        ("700027", "certificate is not one"),
        ("90002", "no tenant"),
        ("900382", "another cloud"),
        ("500011", "not known in the tenant's cloud"),
        ("53003", "Conditional access"),
        ("999999", "Something is wrong"),
    ],
)
def test_a_refused_sign_in_says_what_is_wrong(graph: FakeGraph, client: GraphClient, code: str, words: str):
    graph.login_answers = [entra_refusal(code)]
    with pytest.raises(errors.SignInFailed, match=words) as caught:
        client.get(PATH, family=FAMILY)
    assert caught.value.hint
    assert caught.value.details["code"] == f"AADSTS{code}"
    assert graph.journal == []
    with pytest.raises(errors.SignInFailed, match=words):
        client.get(PATH, family=FAMILY)
    assert len(graph.sign_ins) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_tenant_is_named_where_discovery_refuses_it(client: GraphClient, status: int):
    class NoTenant(FakeGraph):
        def _login(self, request: GraphRequest, path: str) -> GraphResponse:  # noqa: ARG002 - any path
            assert request.method == "GET"
            return reply(
                status,
                {
                    "error": "invalid_tenant",
                    "error_description": f"AADSTS90002: Tenant '{TENANT}' not found.",
                },
            )

    previous = install_transport(NoTenant())
    try:
        with pytest.raises(errors.SignInFailed, match="no tenant with that id"):
            client.token_claims()
    finally:
        install_transport(previous)


@pytest.mark.parametrize("page", [refusal(404), GraphResponse(status=404, body=b"Not Found"), reply(200, {})])
def test_a_service_that_does_not_say_where_its_endpoints_are_is_asked_at_the_usual_place(
    make_client: MakeClient, page: GraphResponse
):
    class Silent(FakeGraph):
        def _login(self, request: GraphRequest, path: str) -> GraphResponse:
            if request.method == "GET":
                return page
            assert path == f"/{TENANT}/oauth2/v2.0/token"
            return super()._login(request, path)

    silent = Silent()
    previous = install_transport(silent)
    try:
        assert make_client().token_claims()["tid"] == TENANT
    finally:
        install_transport(previous)
    assert len(silent.sign_ins) == 1


@pytest.mark.parametrize("tid", ["99999999-2222-3333-4444-555555555555", ""])
def test_a_token_for_another_tenant_is_never_used(graph: FakeGraph, client: GraphClient, tid: str):
    graph.tid = tid
    with pytest.raises(errors.SignInFailed, match="another tenant"):
        client.write("POST", "/beta/x", b"{}", family=FAMILY, request_id="w")
    assert graph.journal == []


def test_the_tenant_is_checked_again_after_each_renewal(
    graph: FakeGraph, client: GraphClient, virtual_clock: VirtualClock
):
    graph.fallback = lambda _: reply(200, {})
    client.get(PATH, family=FAMILY)
    graph.tid = "99999999-2222-3333-4444-555555555555"
    virtual_clock.advance(3600)
    with pytest.raises(errors.SignInFailed, match="another tenant"):
        client.get(PATH, family=FAMILY)
    assert len(graph.journal) == 1


def test_a_token_that_makes_no_sense_is_refused(graph: FakeGraph, client: GraphClient):
    graph.login_answers = [reply(200, {"access_token": "opaque", "expires_in": 3600})]
    with pytest.raises(errors.SignInFailed, match="cannot be read"):
        client.token_claims()


def test_an_unreachable_sign_in_service_is_no_refusal(graph: FakeGraph, client: GraphClient):
    lost = TransportFailed("no connection could be made", kind="unsent")
    graph.login_answers = [lost, reply(429, {}, retry_after="86400")]
    before = clock.monotonic()
    assert client.token_claims()["tid"] == TENANT
    assert 30 <= clock.monotonic() - before <= 40
    graph.login_answers = [TransportFailed("no connection could be made", kind="unsent")] * 9
    with pytest.raises(errors.Unavailable, match="sign-in service could not be reached"):
        client._here().run(client._tokens.renew(client._tokens._token, claims=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "page",
    [
        GraphResponse(status=200, headers={"content-type": "text/html"}, body=b"<html>"),
        reply(302, None, location="https://evil.example/"),
    ],
)
def test_a_portal_in_the_place_of_the_sign_in_service_is_found_out(
    graph: FakeGraph, client: GraphClient, page: GraphResponse
):
    graph.login_answers = [page] * 4
    with pytest.raises(errors.Unavailable, match="not its own"):
        client.token_claims()


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://login.microsoftonline.com.evil.example/t/oauth2/v2.0/token",
        "http://login.microsoftonline.com/t/oauth2/v2.0/token",
        "https://login.microsoftonline.com@evil.example/t/oauth2/v2.0/token",
        "https://login.microsoftonline.com:444/t/oauth2/v2.0/token",
    ],
)
def test_the_secret_goes_to_the_login_origin_only(make_client: MakeClient, endpoint: str):
    class Elsewhere(FakeGraph):
        def _login(self, request: GraphRequest, path: str) -> GraphResponse:
            assert request.url.startswith(f"{LOGIN}/")
            if request.method == "POST":
                raise AssertionError("the secret was sent")
            found = super()._login(request, path)
            return reply(200, {**json.loads(found.body), "token_endpoint": endpoint})

    previous = install_transport(Elsewhere())
    try:
        with pytest.raises(errors.SignInFailed):
            make_client().token_claims()
    finally:
        install_transport(previous)


def test_clouds_have_their_own_addresses():
    assert CLOUDS["usgov"].scope == "https://graph.microsoft.us/.default"
    assert cloud_named("china").login_aliases == ("https://login.chinacloudapi.cn",)
    custom = cloud_named("custom", graph_url="https://127.0.0.1:8443/", login_url="https://[::1]:8443")
    assert (custom.graph_url, custom.login_url) == ("https://127.0.0.1:8443", "https://[::1]:8443")
    assert custom_cloud("https://g.example:443", "https://l.example").graph_url == "https://g.example"


@pytest.mark.parametrize(
    "url",
    [
        "http://g.example",
        "g.example",
        "https://",
        "https://user@g.example",
        "https://g.example/beta",
        "https://g.example?x=1",
        "https://gräph.example",
        "https://g.example:99999",
        "",
    ],
)
def test_a_custom_cloud_has_two_https_origins(url: str):
    with pytest.raises(errors.InputError):
        custom_cloud(url, "https://l.example")
    with pytest.raises(errors.InputError):
        custom_cloud("https://g.example", url)


def test_only_the_custom_cloud_takes_addresses():
    with pytest.raises(errors.InputError, match="own addresses"):
        cloud_named("global", graph_url="https://g.example")
    with pytest.raises(errors.InputError, match="no cloud 'germany'"):
        cloud_named("germany")


def test_credentials_never_show():
    assert SECRET not in repr(Secret(value=SECRET))
    assert "PRIVATE" not in repr(certificate())
