"""What the inventory says after looking."""

from __future__ import annotations

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import read_row
from tenantatlas.graph.values import Page
from tenantatlas.inventory import queries
from tenantatlas.inventory.listing import choose_collections, choose_types, read_collection, row_evidence
from tenantatlas.inventory.models import Policy, Presence, ReadStatus, TypeRead
from tenantatlas.inventory.operations import collection_result, describe_types
from tenantatlas.inventory.services import platform_of
from tenantatlas.policies.registry import all_types, get_type
from tenantatlas.simulator.faults import Status, Throttle
from tenantatlas.tenants.connections import client_for
from tests.simulated import CATALOG, TAGS, World, catalog_body, group_target

TYPES = ["configurationPolicies"]
READ = {"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"}


def test_policies_are_listed_to_the_last_page(world: World) -> None:
    world.small_pages()
    for number in range(60):
        world.catalog_policy(f"Policy {number:03}")

    run = world.work("inventory.sync", types=TYPES)

    assert run.outcome == "succeeded", run.failures
    assert Policy.objects.count() == 60
    assert TypeRead.objects.get().status == ReadStatus.COMPLETE
    assert world.simulator.writes() == []


def test_facts_of_a_policy_are_those_of_its_row(world: World) -> None:
    group = world.sim.put("/groups", {"displayName": "Sales", "securityEnabled": True})
    world.catalog_policy("Assigned", assignments=[group_target(group)])
    world.catalog_policy("Alone")

    world.work("inventory.sync", types=TYPES)

    policy = Policy.objects.get(name="Assigned")
    assert (policy.is_assigned, policy.assigned_count) == (True, 1)
    assert (policy.platform, policy.scope_tags) == ("windows10", ["0"])
    assert policy.last_modified.startswith("2026-11-23")
    assert Policy.objects.get(name="Alone").is_assigned is False


def test_a_policy_that_is_gone_is_missing_only_after_a_complete_read(world: World) -> None:
    gone = world.catalog_policy("Gone")
    world.catalog_policy("Stays")
    world.work("inventory.sync", types=TYPES)
    world.sim.remove(CATALOG, gone)

    world.work("inventory.sync", types=TYPES)

    policy = Policy.objects.get(graph_id=gone)
    assert policy.presence == Presence.MISSING
    assert policy.missing_since is not None
    assert Policy.objects.get(name="Stays").presence == Presence.PRESENT


def test_a_policy_that_comes_back_is_present_and_keeps_its_first_day(world: World) -> None:
    body = catalog_body("Back")
    gone = world.sim.put(CATALOG, body)
    world.work("inventory.sync", types=TYPES)
    first = Policy.objects.get().first_seen
    world.sim.remove(CATALOG, gone)
    world.work("inventory.sync", types=TYPES)
    world.clock.advance(3600)
    world.sim.put(CATALOG, body)

    world.work("inventory.sync", types=TYPES)

    policy = Policy.objects.get()
    assert (policy.presence, policy.missing_since, policy.first_seen) == (Presence.PRESENT, None, first)


def test_what_was_not_read_is_unknown(world: World) -> None:
    world.small_pages()
    for number in range(30):
        world.catalog_policy(f"Policy {number:02}")
    world.work("inventory.sync", types=TYPES)
    world.simulator.fault("GET", r"configurationPolicies\?.*skiptoken", Status(500), times=0)

    run = world.work("inventory.sync", types=TYPES)

    assert run.outcome == "failed"
    assert Policy.objects.filter(presence=Presence.PRESENT).count() == 25
    assert Policy.objects.filter(presence=Presence.UNKNOWN).count() == 5
    read = queries.latest_type_reads()[TYPES[0]]
    assert read.status == ReadStatus.PARTIAL
    assert "Page 2" in read.reason


def test_a_denied_type_is_named_and_its_policies_become_unknown(world: World) -> None:
    world.catalog_policy("Seen once")
    world.sim.put(TAGS, {"displayName": "Berlin"})
    world.work("inventory.sync", types=[*TYPES, "roleScopeTags"])
    world.sim.revoke(READ)

    run = world.work("inventory.sync", types=[*TYPES, "roleScopeTags"])

    assert run.outcome == "partially_succeeded"
    assert Policy.objects.get(name="Seen once").presence == Presence.UNKNOWN
    assert Policy.objects.get(name="Berlin").presence == Presence.PRESENT
    read = queries.latest_type_reads()[TYPES[0]]
    assert read.status == ReadStatus.DENIED
    assert "DeviceManagementConfiguration.Read.All" in read.reason


def test_what_the_licence_lacks_is_skipped_not_failed(world: World) -> None:
    world.sim.profile.autopatch = False

    run = world.work("inventory.sync", types=["windowsDriverUpdateProfiles"])

    assert run.outcome == "succeeded", run.failures
    assert TypeRead.objects.get().status == ReadStatus.UNAVAILABLE


def test_a_plain_refusal_without_the_permission_is_not_taken_for_a_licence(world: World) -> None:
    world.sim.revoke(get_type("windowsDriverUpdateProfiles").reads)
    world.simulator.fault(
        "GET", r"windowsDriverUpdateProfiles", Status(403, "Forbidden", "An error has occurred.")
    )

    run = world.work("inventory.sync", types=["windowsDriverUpdateProfiles"])

    assert run.outcome == "failed"
    read = TypeRead.objects.get()
    assert read.status == ReadStatus.DENIED
    assert "DeviceManagementConfiguration.Read.All" in read.reason


def test_a_long_throttle_puts_the_run_aside(world: World) -> None:
    world.catalog_policy("Later")
    world.simulator.fault("GET", r"configurationPolicies", Throttle("huge"))

    run = world.work("inventory.sync", types=TYPES)

    assert (run.status, run.waiting_reason) == ("queued", "throttled")
    assert not TypeRead.objects.exists()


def test_every_type_can_be_looked_at(world: World) -> None:
    run = world.work("inventory.sync")

    bad = [item for item in world.items(run).values() if item.state != "succeeded"]
    assert [(item.key, item.message) for item in bad] == []
    assert set(queries.latest_type_reads()) == {policy_type.key for policy_type in all_types()}


def test_unknown_types_are_refused_with_their_neighbours(world: World) -> None:
    with pytest.raises(InputError) as caught:
        world.start("inventory.sync", types=["roleScopeTag"])

    assert "roleScopeTags" in caught.value.hint


def test_the_order_of_types_makes_no_other_work(world: World) -> None:
    first = world.start("inventory.sync", types=["roleScopeTags", *TYPES])
    second = world.start("inventory.sync", types=[*TYPES, "roleScopeTags"])

    assert first == second


def test_known_policies_can_be_searched(world: World) -> None:
    first, _ = world.catalog_policy("Edge baseline"), world.catalog_policy("Defender")
    world.sim.put(TAGS, {"displayName": "Edge"})
    world.work("inventory.sync", types=[*TYPES, "roleScopeTags"])

    assert queries.known_policies(types=TYPES, search="edge").get().graph_id == first
    assert queries.known_policies(presence=Presence.MISSING).count() == 0
    assert [policy.graph_id for policy in queries.find_policies([first])] == [first]
    with pytest.raises(InputError, match="6 more") as caught:
        queries.find_policies([first, *(f"no-{number}" for number in range(11))])
    assert caught.value.details["field"] == "policies"


def test_types_of_one_collection_are_read_together() -> None:
    chosen = choose_collections(choose_types(["configurationPolicies", "configurationPolicies.baseline"]))

    assert [len(types) for types in chosen.values()] == [2]
    assert describe_types(("configurationPolicies",)) == "Settings catalog"
    assert describe_types(tuple(policy_type.key for policy_type in all_types()[:5])) == "5 policy types"


def test_evidence_moves_with_the_policy() -> None:
    def evidence(raw: bytes) -> str:
        return row_evidence(read_row(raw))

    base = evidence(b'{"id":"1","lastModifiedDateTime":"2026-01-01T00:00:00Z","x":1}')
    assert base == evidence(b'{"id":"1","lastModifiedDateTime":"2026-01-01T00:00:00Z","x":2}')
    assert base != evidence(b'{"id":"1","lastModifiedDateTime":"2026-01-01T00:00:00Z","isAssigned":true}')
    assert evidence(b'{"id":"1","x":1}') != evidence(b'{"id":"1","x":2}')


@pytest.mark.parametrize(
    ("type_key", "body", "platform"),
    [
        ("configurationPolicies", {"platforms": "macOS"}, "macOS"),
        ("configurationPolicies", {"platforms": "none"}, ""),
        ("deviceConfigurations", {"@odata.type": "#microsoft.graph.iosGeneralDeviceConfiguration"}, "iOS"),
        ("deviceConfigurations", {"@odata.type": "#microsoft.graph.macOSCustomConfiguration"}, "macOS"),
        ("deviceManagementScripts", {}, "windows"),
    ],
)
def test_platforms_are_told_apart(type_key: str, body: dict[str, object], platform: str) -> None:
    assert platform_of(get_type(type_key), body) == platform


def test_rows_without_sense_and_of_kinds_that_we_do_not_cover_are_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages(_self: object, _path: str, *, family: str) -> list[Page]:  # noqa: ARG001 - the client's signature
        return [Page(rows=(b'{"id":"1","name":"A"}', b'{"id":"2","name":"B"}', b"nonsense"))]

    path = "/beta/deviceManagement/configurationPolicies"
    monkeypatch.setattr(GraphClient, "pages", pages)
    types = choose_types(TYPES)

    read = read_collection(client_for(world.tenant), path, types)
    monkeypatch.setattr("tenantatlas.inventory.listing.type_of_row", lambda *_: None)
    left_out = read_collection(client_for(world.tenant), path, types)

    assert (read.status, read.unreadable, len(read.policies)) == (ReadStatus.PARTIAL, 1, 2)
    assert "1 row(s) of the list could not be understood" in read.sentence
    assert collection_result("list", read).reason == "unreadable_rows"
    assert left_out.uncovered == 2
