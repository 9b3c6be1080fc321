"""A person's own sign-in: what is checked before anything is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tenantatlas.core import clock
from tenantatlas.core.clock import VirtualClock
from tenantatlas.core.errors import ConsentMissing, SignInFailed
from tenantatlas.graph import delegated
from tenantatlas.graph.clouds import CLOUDS
from tenantatlas.graph.transport import install_transport
from tenantatlas.graph.values import GraphTarget, Secret
from tenantatlas.simulator import signin, tokens
from tenantatlas.simulator.messages import SimRequest
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant
from tenantatlas.simulator.transport import SimulatorTransport
from tests.canary import secret

GUID = "c0ffee00-0000-4000-8000-000000000001"
OTHER = "c0ffee00-0000-4000-8000-000000000002"
APP = "aaaaaaaa-0000-4000-8000-000000000001"
HERE = "https://atlas.example/delegated/callback/"
ADELE = "adele@contoso.example"


@pytest.fixture
def simulator(virtual_clock: VirtualClock) -> Iterator[Simulator]:
    """The network is a simulator."""
    made = Simulator(seed=7, clock=virtual_clock)
    previous = install_transport(SimulatorTransport(made))
    yield made
    install_transport(previous)
    assert made.surprises == []


@pytest.fixture
def tenant(simulator: Simulator) -> SimTenant:
    made = simulator.tenant(GUID)
    made.app(APP, secret=secret("delegated app"))
    made.person(ADELE, name="Adele Vance")
    made.reply_to(HERE, delegated=["GroupMember.Read.All"])
    return made


@pytest.fixture
def target() -> GraphTarget:
    return GraphTarget(
        cloud=CLOUDS["global"],
        tenant_guid=GUID,
        client_id=APP,
        credential=Secret(value=secret("delegated app")),
    )


def go_there(simulator: Simulator, address: str, who: str = ADELE) -> dict[str, str]:
    """Sign in as the person; the query that one comes back with."""
    answer = simulator.handle(SimRequest(method="GET", url=f"{address}&login_hint={who}"))
    assert answer.status == 302, answer.body
    return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def sign_in(simulator: Simulator, target: GraphTarget) -> delegated.Delegated:
    flow = delegated.begin_sign_in(target, redirect_uri=HERE)
    return delegated.finish_sign_in(target, flow, go_there(simulator, flow["auth_uri"]))


def test_it_asks_for_little_with_a_challenge(tenant: SimTenant, target: GraphTarget) -> None:
    flow = delegated.begin_sign_in(target, redirect_uri=HERE)
    where = urlsplit(flow["auth_uri"])
    asked = {key: values[0] for key, values in parse_qs(where.query).items()}

    assert f"{where.scheme}://{where.netloc}" == target.cloud.login_url
    assert where.path == f"/{tenant.guid}/oauth2/v2.0/authorize"
    assert asked["redirect_uri"] == HERE
    assert asked["code_challenge_method"] == "S256"
    assert set(asked["scope"].split()) == {
        "https://graph.microsoft.com/GroupMember.Read.All",
        "openid",
        "profile",
    }
    assert asked["state"]
    assert asked["nonce"]
    assert flow["code_verifier"] not in flow["auth_uri"]


def test_security_groups_are_found_by_the_beginning_of_their_name(
    simulator: Simulator, tenant: SimTenant, target: GraphTarget
) -> None:
    for name, security in (
        ("Intune admins", True),
        ("Intune mail", False),
        ("O'Hara's", True),
        ("Other", True),
    ):
        tenant.put("/groups", {"displayName": name, "securityEnabled": security, "groupTypes": []})
    signed_in = sign_in(simulator, target)

    found = delegated.search_groups(target, signed_in, begins="intune")
    quoted = delegated.search_groups(target, signed_in, begins="O'Hara")

    assert [group.name for group in found] == ["Intune admins"]
    assert [group.name for group in quoted] == ["O'Hara's"]
    assert delegated.find_group(target, signed_in, group_id=found[0].id) == found[0]
    assert signed_in.account == ADELE


def test_it_ends_after_ten_minutes(simulator: Simulator, tenant: SimTenant, target: GraphTarget) -> None:  # noqa: ARG001 - somebody signs in
    signed_in = sign_in(simulator, target)
    assert signed_in.ends_at <= clock.now().timestamp() + 600
    clock.current().advance(601)  # type: ignore[attr-defined] - a virtual one
    requests = len(simulator.journal)
    with pytest.raises(SignInFailed, match="has ended"):
        delegated.search_groups(target, signed_in, begins="a")
    assert len(simulator.journal) == requests


def test_a_token_that_was_revoked_is_not_renewed(
    simulator: Simulator, tenant: SimTenant, target: GraphTarget
) -> None:
    signed_in = sign_in(simulator, target)
    tenant.expire_tokens()
    with pytest.raises(SignInFailed, match="has ended"):
        delegated.search_groups(target, signed_in, begins="a")


def test_the_state_must_be_the_one_that_was_sent(
    simulator: Simulator,
    tenant: SimTenant,  # noqa: ARG001 - somebody signs in
    target: GraphTarget,
) -> None:
    flow = delegated.begin_sign_in(target, redirect_uri=HERE)
    back = go_there(simulator, flow["auth_uri"])
    requests = len(simulator.journal)
    for state in ("", "another"):
        with pytest.raises(SignInFailed):
            delegated.finish_sign_in(target, flow, {**back, "state": state})
    assert len(simulator.journal) == requests


def test_a_refusal_is_said_with_what_to_do(
    simulator: Simulator, tenant: SimTenant, target: GraphTarget
) -> None:
    tenant.apps[APP].delegated.clear()
    flow = delegated.begin_sign_in(target, redirect_uri=HERE)
    with pytest.raises(SignInFailed, match="AADSTS65001") as raised:
        delegated.finish_sign_in(target, flow, go_there(simulator, flow["auth_uri"]))
    assert "GroupMember.Read.All" in raised.value.hint


def test_a_flow_finishes_once(simulator: Simulator, tenant: SimTenant, target: GraphTarget) -> None:  # noqa: ARG001 - somebody signs in
    flow = delegated.begin_sign_in(target, redirect_uri=HERE)
    back = go_there(simulator, flow["auth_uri"])
    delegated.finish_sign_in(target, flow, back)
    with pytest.raises(SignInFailed, match="used already"):
        delegated.finish_sign_in(target, flow, back)


#: What is changed in the tokens, and must then not be believed: (which token, claim, value; None: gone).
LIES: list[tuple[str, str, Any]] = [
    ("id", "iss", f"https://login.microsoftonline.com/{OTHER}/v2.0"),
    ("id", "iss", f"https://login.evil.example/{GUID}/v2.0"),
    ("id", "iss", f"http://login.microsoftonline.com/{GUID}/v2.0"),
    ("id", "iss", f"https://sts.windows.net/{GUID}/"),
    ("id", "iss", None),
    ("id", "aud", OTHER),
    ("id", "aud", [APP, OTHER]),
    ("id", "aud", None),
    ("id", "tid", OTHER),
    ("id", "tid", None),
    ("id", "nonce", "another nonce"),
    ("id", "nonce", None),
    ("id", "exp", 1),
    ("id", "exp", "9999999999"),
    ("id", "exp", None),
    ("id", "nbf", 99999999999),
    ("id", "oid", None),
    ("access", "tid", OTHER),
    ("access", "tid", None),
    ("access", "scp", "User.Read"),
    ("access", "scp", None),
    ("access", "scp", "XGroupMember.Read.All"),
]


@pytest.mark.parametrize(("which", "claim", "value"), LIES)
def test_a_token_that_is_not_ours_is_refused(
    simulator: Simulator,
    tenant: SimTenant,  # noqa: ARG001 - somebody signs in
    target: GraphTarget,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
    claim: str,
    value: Any,
) -> None:
    monkeypatch.setattr(tokens, "sign", _lying(tokens.sign, which, claim, value))
    with pytest.raises(SignInFailed) as raised:
        sign_in(simulator, target)
    assert "eyJ" not in str(raised.value.message) + str(raised.value.details)


def _lying(sign: Callable[..., str], which: str, claim: str, value: Any) -> Callable[..., str]:
    def lie(claims: dict[str, Any], key: Any) -> str:
        if ("nonce" in claims) == (which == "id"):
            claims = {name: each for name, each in {**claims, claim: value}.items() if each is not None}
        return sign(claims, key)

    return lie


def test_nobody_is_led_to_another_login(
    simulator: Simulator, tenant: SimTenant, target: GraphTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = signin._configuration

    def elsewhere(*given: Any) -> dict[str, Any]:
        return {**told(*given), "authorization_endpoint": "https://login.evil.example/oauth2/v2.0/authorize"}

    monkeypatch.setattr(signin, "_configuration", elsewhere)
    with pytest.raises(SignInFailed, match="another place"):
        delegated.begin_sign_in(target, redirect_uri=HERE)
    assert {entry.tenant for entry in simulator.journal} == {tenant.guid}


def test_graph_may_say_no(simulator: Simulator, tenant: SimTenant, target: GraphTarget) -> None:
    signed_in = sign_in(simulator, target)
    tenant.apps[APP].delegated.clear()
    from tenantatlas.simulator.faults import Status  # noqa: PLC0415 - beside its use

    simulator.fault("GET", "/groups", Status(403))
    with pytest.raises(ConsentMissing):
        delegated.search_groups(target, signed_in, begins="a")
