"""The cache of groups."""

from __future__ import annotations

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.directory import queries
from tenantatlas.directory.models import DirectoryGroup, GroupKind
from tenantatlas.directory.services import kind_of
from tenantatlas.runs.registry import get_operation
from tenantatlas.simulator.faults import Status
from tests.simulated import World

GROUPS = "/groups"


def put_group(world: World, name: str, **more: object) -> str:
    body = {
        "id": stable_id("group", name, len(world.sim.objects(GROUPS))),
        "displayName": name,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
    }
    return world.sim.put(GROUPS, body | more)


def test_every_group_is_cached_with_name_and_kind(world: World) -> None:
    ids = [put_group(world, f"Group {number:04}") for number in range(1100)]
    put_group(world, "Team", groupTypes=["Unified"], mailEnabled=True)

    run = world.work("directory_groups.sync")

    assert run.outcome == "succeeded", run.failures
    assert queries.known_groups().count() == 1101
    assert queries.groups_by_id(ids[:2]).keys() == set(ids[:2])
    assert queries.known_groups(search="team").get().kind == GroupKind.M365
    assert queries.last_synced() is not None


def test_a_group_that_is_gone_keeps_its_name_and_maps_to_nothing(world: World) -> None:
    gone = put_group(world, "Gone")
    world.work("directory_groups.sync")
    world.sim.remove(GROUPS, gone)

    world.work("directory_groups.sync")

    assert queries.groups_by_name(["Gone"]) == {"Gone": []}
    assert queries.group_names([gone, "no-such-id"]) == {gone: "Gone", "no-such-id": "no-such-id"}


def test_names_are_not_unique(world: World) -> None:
    ids = {put_group(world, "Same"), put_group(world, "Same")}
    world.work("directory_groups.sync")

    assert {group.graph_id for group in queries.groups_by_name(["Same"])["Same"]} == ids


def test_a_lost_page_forgets_nobody(world: World) -> None:
    for number in range(1100):
        put_group(world, f"Group {number:04}")
    world.work("directory_groups.sync")
    world.simulator.fault("GET", r"groups\?.*skiptoken", Status(500), times=0)

    run = world.work("directory_groups.sync")

    assert run.outcome == "failed"
    assert DirectoryGroup.objects.filter(present=True).count() == 1100


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"groupTypes": ["Unified"]}, GroupKind.M365),
        ({"groupTypes": ["Unified", "DynamicMembership"]}, GroupKind.DYNAMIC_M365),
        ({"groupTypes": [], "securityEnabled": True}, GroupKind.SECURITY),
        ({"groupTypes": ["DynamicMembership"], "securityEnabled": True}, GroupKind.DYNAMIC_SECURITY),
        ({"securityEnabled": True, "mailEnabled": True}, GroupKind.MAIL_SECURITY),
        ({"securityEnabled": False, "mailEnabled": True}, GroupKind.DISTRIBUTION),
    ],
)
def test_kinds_are_those_of_the_admin_center(row: dict[str, object], kind: GroupKind) -> None:
    assert kind_of(row) == kind


def test_a_group_is_forgotten_ninety_days_after_it_was_last_seen(world: World) -> None:
    gone = put_group(world, "Gone")
    put_group(world, "Stays")
    world.work("directory_groups.sync")
    world.sim.remove(GROUPS, gone)
    world.clock.advance(90 * 86400)
    world.work("directory_groups.sync")
    assert queries.group_names([gone]) == {gone: "Gone"}

    world.clock.advance(60)
    world.work("directory_groups.sync")

    assert queries.group_names([gone]) == {gone: gone}
    assert queries.known_groups().get().name == "Stays"


def test_retention_forgets_groups_also_where_nobody_synchronises(world: World) -> None:
    put_group(world, "Old")
    world.work("directory_groups.sync")
    world.clock.advance(91 * 86400)

    run = world.work("retention.apply")

    assert run.outcome == "succeeded", run.failures
    assert not DirectoryGroup.objects.exists()


def test_the_directory_may_be_synchronised_on_a_schedule() -> None:
    assert get_operation("directory_groups.sync").schedulable
