"""The pages of groups."""

from __future__ import annotations

import json

from django.test import Client

from tenantatlas.directory.models import DirectoryGroup
from tests.directory.test_groups import GROUPS, put_group
from tests.simulated import World, group_target

from .reading import following, main, page, text

LIST = "/t/contoso/groups/"


def test_groups_are_found_by_name_id_and_kind(world: World, olu: Client) -> None:
    pilot = put_group(world, "Pilot ring")
    put_group(world, "Team", groupTypes=["Unified"], mailEnabled=True)
    world.work("directory_groups.sync")

    assert "2 groups" in text(main(page(olu.get(LIST))))
    assert "Team" not in main(page(olu.get(LIST, {"q": "pilot"})))
    assert "Pilot ring" in main(page(olu.get(LIST, {"q": pilot})))
    assert "Pilot ring" not in main(page(olu.get(LIST, {"kind": "m365"})))


def test_a_group_that_is_gone_is_under_a_filter(world: World, olu: Client) -> None:
    gone = put_group(world, "Gone ring")
    world.work("directory_groups.sync")
    world.sim.remove(GROUPS, gone)
    world.work("directory_groups.sync")

    assert "Gone ring" not in main(page(olu.get(LIST)))
    assert "Gone ring" in main(page(olu.get(LIST, {"seen": "gone"})))


def test_a_group_says_which_policies_name_it(world: World, olu: Client) -> None:
    pilot = put_group(world, "Pilot ring")
    world.catalog_policy("Firewall", assignments=[group_target(pilot, excluded=True)])
    world.work("directory_groups.sync")
    world.work("backup_set.capture", types=["configurationPolicies"])

    shown = text(main(following(olu, olu.get(f"{LIST}find/", {"id": pilot}))))

    assert "Firewall Settings catalog Left out Version" in shown
    assert "0 for the group, 1 leaving it out" in shown
    assert "left out by 1" in text(main(page(olu.get(LIST))))


def test_what_is_filtered_is_exported(world: World, olu: Client) -> None:
    pilot = put_group(world, "Pilot ring")
    put_group(world, "=HYPERLINK(1)")
    world.work("directory_groups.sync")

    whole = olu.get(LIST, {"export": "csv"}).getvalue().decode()
    only = json.loads(olu.get(LIST, {"export": "json", "q": "pilot"}).getvalue())

    assert "'=HYPERLINK(1)" in whole
    assert [(row["id"], row["name"]) for row in only] == [(pilot, "Pilot ring")]


def test_an_unknown_id_is_said_plainly(olu: Client) -> None:
    shown = following(olu, olu.get(f"{LIST}find/", {"id": "c0ffee00-0000-4000-8000-00000000dead"}))
    assert "is not in the cache" in shown


def test_nothing_is_known_before_the_first_sync(ana: Client, olu: Client) -> None:
    assert not DirectoryGroup.objects.exists()
    assert "Sync groups" in text(main(page(ana.get(LIST))))
    assert "Reading them needs the right to sync groups" in text(main(page(olu.get(LIST))))


def test_a_foreign_group_never_existed(world: World, eve: Client) -> None:
    put_group(world, "Pilot ring")
    world.work("directory_groups.sync")
    number = DirectoryGroup.objects.get().pk

    assert eve.get(f"/t/fabrikam/groups/{number}/").status_code == 404
