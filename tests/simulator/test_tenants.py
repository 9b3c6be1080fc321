"""What is done behind the client's back."""

from __future__ import annotations

import pytest

from tenantatlas.core.clock import VirtualClock
from tenantatlas.simulator.filters import parse_filter
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.times import Times

from .client import APP, CATALOG, CONFIGURATIONS, TAGS, catalog_body, custom_body


def test_the_version_in_a_path_does_not_matter(tenant):
    policy = tenant.put(f"/beta{CATALOG}", catalog_body())
    assert [body["id"] for body in tenant.objects(f"/v1.0{CATALOG}")] == [policy]
    assert tenant.get(CATALOG, policy.upper())["settings"]
    assert tenant.put(CATALOG, {**catalog_body("Again"), "id": policy}) == policy
    assert tenant.get(CATALOG, policy)["name"] == "Again"


def test_what_is_not_there_is_an_error(tenant):
    with pytest.raises(KeyError, match="no collection"):
        tenant.put("/deviceManagement/unheardOf", {})
    for wrong in (
        lambda: tenant.get(CATALOG, "x"),
        lambda: tenant.remove(CATALOG, "x"),
        lambda: tenant.mutate("x", dict),
    ):
        with pytest.raises(KeyError):
            wrong()


def test_clearing_leaves_what_is_built_in(tenant):
    tenant.put(TAGS, {"displayName": "T"})
    assert tenant.clear(TAGS) == 1
    assert [body["displayName"] for body in tenant.objects(TAGS)] == ["Default"]


def test_a_change_may_return_another_document(tenant):
    policy = tenant.put(CONFIGURATIONS, custom_body("A"))
    tenant.mutate(policy, lambda body: {**body, "displayName": "B"}, collection=CONFIGURATIONS)
    assert tenant.get(CONFIGURATIONS, policy)["displayName"] == "B"


def test_permissions_can_be_given_to_one_app(tenant):
    tenant.app("second", secret="s", permissions=[])
    tenant.grant("Policy.Read.All", client_id="second")
    assert tenant.apps["second"].permissions == {"Policy.Read.All"}
    tenant.revoke("Policy.Read.All", client_id=APP)
    assert "Policy.Read.All" not in tenant.apps[APP].permissions
    assert tenant.apps["second"].permissions


def test_the_simulators_time_can_be_ahead(virtual_clock: VirtualClock):
    times = Times(virtual_clock)
    virtual_clock.advance(5)
    times.advance(60)
    assert times.elapsed() == 65
    assert (times.now() - virtual_clock.now()).total_seconds() == 60


def test_a_simulator_follows_the_process_clock(virtual_clock: VirtualClock):
    simulator = Simulator()
    virtual_clock.advance(7)
    assert simulator.times.elapsed() == 7


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("a eq 1", True),
        ("a ne 1", False),
        ("a gt 0 and a le 1", True),
        ("a lt 1 or b eq 'it''s'", True),
        ("not (a ge 2)", True),
        ("a in (3, 2, 1)", True),
        ("flags has 'x'", True),
        ("flags has 'z'", False),
        ("on", True),
        ("n/deep eq null", True),
        ("n/inner eq true", True),
        ("endswith(b,'s')", True),
        ("b gt 1", False),
    ],
)
def test_filters_mean_what_odata_means(text, matches):
    row = {"a": 1, "b": "it's", "flags": "x,y", "on": True, "n": {"inner": True}}
    assert parse_filter(text)(row) is matches
