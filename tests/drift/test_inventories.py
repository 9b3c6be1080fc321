"""The newest inventory compared with the one before, without asking Graph."""

from __future__ import annotations

import pytest

from tenantatlas.drift.models import Finding, FindingKind, FindingState, Severity
from tenantatlas.drift.queries import findings_of_run
from tenantatlas.inventory.models import Inventory, Observation
from tenantatlas.inventory.observations import KEPT
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import retry_failed_items
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, World, group_target

TYPES = ["configurationPolicies"]
SELECTION = {"types": TYPES, "foundations": False}


@pytest.fixture
def three(world: World) -> list[str]:
    ids = [world.catalog_policy(name) for name in ("Alpha", "Beta", "Gamma")]
    sync(world)
    return ids


def sync(world: World) -> OperationRun:
    return world.work("inventory.sync", **SELECTION)


def compare(world: World) -> tuple[OperationRun, dict[str, Finding]]:
    run = world.work("drift.generate", against="inventory", **SELECTION)
    return run, {one.name: one for one in findings_of_run(run.pk)}


def test_what_moved_between_two_inventories(world: World, three: list[str]) -> None:
    group = world.sim.put("/groups", {"displayName": "Sales", "securityEnabled": True})
    world.clock.advance(60)
    world.sim.mutate(
        three[1], lambda body: body.update(assignments=[group_target(group)]), collection=CATALOG
    )
    world.sim.remove(CATALOG, three[2])
    world.catalog_policy("Delta")
    sync(world)
    asked = len(world.simulator.journal)

    run, found = compare(world)

    assert run.outcome == "succeeded", run.failures
    assert {name: one.kind for name, one in found.items()} == {
        "Beta": FindingKind.CHANGED,
        "Gamma": FindingKind.REMOVED,
        "Delta": FindingKind.ADDED,
    }
    assert found["Beta"].severity == Severity.HIGH
    assert "assigned more widely" in found["Beta"].summary
    assert "assigned" in [one["path"] for one in found["Beta"].differences]
    assert len(world.simulator.journal) == asked, "Graph was asked"


def test_it_is_resolved_when_the_next_inventory_shows_nothing(world: World, three: list[str]) -> None:
    world.sim.remove(CATALOG, three[0])
    sync(world)
    compare(world)
    sync(world)

    run, found = compare(world)

    assert found == {}
    assert run.outcome == "succeeded"
    assert Finding.objects.get().state == FindingState.RESOLVED


@pytest.mark.usefixtures("three")
def test_a_type_that_was_not_read_is_unknown_and_never_removed(world: World) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)
    sync(world)

    run, found = compare(world)

    assert {one.kind for one in found.values()} == {FindingKind.UNKNOWN}
    assert len(found) == 3
    assert run.outcome == "failed"
    assert "Not read completely" in next(iter(world.items(run).values())).message


def test_what_the_older_did_not_read_is_not_called_added(world: World) -> None:
    world.catalog_policy("Alpha")
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)
    sync(world)
    world.simulator.script.clear()
    sync(world)

    _, found = compare(world)

    assert found["Alpha"].kind == FindingKind.UNKNOWN


def test_with_less_than_two_the_run_is_blocked_and_says_why(world: World) -> None:
    run, _ = compare(world)
    assert (run.outcome, run.failures[0]["code"]) == ("blocked", "nothing_to_compare")
    assert "no inventory" in run.failures[0]["message"]
    sync(world)
    run, _ = compare(world)
    assert "only one inventory" in run.failures[0]["message"]


@pytest.mark.usefixtures("three")
def test_only_inventories_of_the_same_selection_are_compared(world: World) -> None:
    world.work("inventory.sync", types=TYPES, foundations=True)

    run, _ = compare(world)

    assert run.outcome == "blocked"


@pytest.mark.usefixtures("three")
def test_a_type_that_did_not_move_is_kept_once(world: World) -> None:
    sync(world)
    sync(world)
    assert Inventory.objects.count() == 3
    assert Observation.objects.count() == 1


def test_old_inventories_are_forgotten(world: World, three: list[str]) -> None:
    for number in range(KEPT + 2):
        world.sim.mutate(three[0], lambda body, n=number: body.update(name=f"N{n}"), collection=CATALOG)
        sync(world)
    assert Inventory.objects.count() == KEPT
    assert Observation.objects.count() == KEPT


def test_a_retry_completes_the_inventory_that_it_repairs(world: World, three: list[str]) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)
    failed = sync(world)
    world.simulator.script.clear()
    world.sim.remove(CATALOG, three[0])
    child, _ = retry_failed_items(failed, actor=world.cast.otto, trigger=Trigger.PERSON)
    world.finish(child)

    run, found = compare(world)

    assert Inventory.objects.count() == 2
    assert run.outcome == "succeeded"
    assert {name: one.kind for name, one in found.items()} == {"Alpha": FindingKind.REMOVED}


def test_the_same_two_inventories_give_the_same_findings(world: World, three: list[str]) -> None:
    world.sim.remove(CATALOG, three[0])
    sync(world)
    _, first = compare(world)
    _, second = compare(world)
    assert {one.pk for one in first.values()} == {one.pk for one in second.values()}
