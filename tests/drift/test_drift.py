"""A backup set compared with the live tenant."""

from __future__ import annotations

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.core.errors import Conflict, NotFound
from tenantatlas.core.ids import stable_id
from tenantatlas.drift.models import Finding, FindingKind, Severity
from tenantatlas.drift.queries import finding_counts, findings_of_run
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Status, Vanish
from tests.simulated import CATALOG, World, group_target

TYPES = ["configurationPolicies"]
SALES, EVERYBODY = stable_id("group", "sales"), stable_id("group", "everybody")


@pytest.fixture
def three(world: World) -> list[str]:
    for group_id, name in ((SALES, "Sales"), (EVERYBODY, "Everybody")):
        world.sim.put("/groups", {"id": group_id, "displayName": name, "securityEnabled": True})
    return [
        world.catalog_policy(name, assignments=[group_target(SALES)]) for name in ("Alpha", "Beta", "Gamma")
    ]


@pytest.fixture
def backup_set(world: World, three: list[str]) -> BackupSet:  # noqa: ARG001 - captures them
    run = world.work("backup_set.capture", types=TYPES)
    assert run.outcome == "succeeded", run.failures
    return BackupSet.objects.get(run=run)


def compare(world: World, backup_set: BackupSet) -> tuple[OperationRun, dict[str, Finding]]:
    run = world.work("drift.generate", set=backup_set.pk)
    return run, {finding.name: finding for finding in findings_of_run(run.pk)}


def test_an_untouched_tenant_has_no_drift(world: World, backup_set: BackupSet) -> None:
    run, found = compare(world, backup_set)

    assert run.outcome == "succeeded", run.failures
    assert found == {}
    assert run.context["set"] == backup_set.pk
    assert world.simulator.writes() == []


def test_added_removed_and_changed_are_found(world: World, backup_set: BackupSet, three: list[str]) -> None:
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    world.sim.remove(CATALOG, three[2])
    world.catalog_policy("Delta")

    run, found = compare(world, backup_set)

    assert run.outcome == "succeeded", run.failures
    assert {name: finding.kind for name, finding in found.items()} == {
        "Beta": FindingKind.CHANGED,
        "Gamma": FindingKind.REMOVED,
        "Delta": FindingKind.ADDED,
    }
    assert found["Beta"].severity == Severity.LOW
    assert [(one["path"], one["before"], one["after"]) for one in found["Beta"].differences] == [
        ("description", "About Beta", "New")
    ]
    assert finding_counts(run.pk) == {"added": 1, "removed": 1, "changed": 1, "unknown": 0}


def test_a_widened_assignment_is_high(world: World, backup_set: BackupSet, three: list[str]) -> None:
    world.sim.mutate(
        three[0], lambda body: body["assignments"].append(group_target(EVERYBODY)), collection=CATALOG
    )
    world.sim.mutate(three[1], lambda body: body.update(assignments=[]), collection=CATALOG)

    _, found = compare(world, backup_set)

    assert found["Alpha"].severity == Severity.HIGH
    assert "widened" in found["Alpha"].summary
    assert found["Beta"].severity == Severity.MEDIUM


def test_the_same_drift_has_the_same_fingerprint(
    world: World, backup_set: BackupSet, three: list[str]
) -> None:
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    _, first = compare(world, backup_set)
    world.clock.advance(3600)

    _, second = compare(world, backup_set)

    assert first["Beta"].fingerprint == second["Beta"].fingerprint
    assert second["Beta"].first_seen == first["Beta"].first_seen < second["Beta"].found_at


def test_a_list_that_cannot_be_read_leaves_everything_unknown(world: World, backup_set: BackupSet) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)

    run, found = compare(world, backup_set)

    assert run.outcome == "failed"
    assert {finding.kind for finding in found.values()} == {FindingKind.UNKNOWN}
    assert len(found) == 3


def test_a_policy_that_cannot_be_read_is_unknown(
    world: World, backup_set: BackupSet, three: list[str]
) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{three[0]}/settings", Status(500), times=0)

    run, found = compare(world, backup_set)

    assert run.outcome == "partially_succeeded"
    assert found["Alpha"].kind == FindingKind.UNKNOWN


def test_a_policy_that_goes_while_it_is_compared_is_removed(
    world: World, backup_set: BackupSet, three: list[str]
) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?", Vanish(three[2]))

    run, found = compare(world, backup_set)

    assert run.outcome == "succeeded", run.failures
    assert {name: finding.kind for name, finding in found.items()} == {"Gamma": FindingKind.REMOVED}


def test_what_an_incomplete_set_did_not_hold_is_not_called_added(world: World, three: list[str]) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{three[0]}/settings", Status(500), times=0)
    run = world.work("backup_set.capture", types=TYPES)
    backup_set = BackupSet.objects.get(run=run)
    assert backup_set.counts["policies"] == 2
    world.simulator.script.clear()

    _, found = compare(world, backup_set)

    assert {name: finding.kind for name, finding in found.items()} == {"Alpha": FindingKind.UNKNOWN}


def test_a_set_of_single_policies_is_compared_within_its_scope(world: World, three: list[str]) -> None:
    world.work("inventory.sync", types=TYPES)
    run = world.work("backup_set.capture", policies=three[:1])
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    world.sim.remove(CATALOG, three[0])

    _, found = compare(world, BackupSet.objects.get(run=run))

    assert {name: finding.kind for name, finding in found.items()} == {"Alpha": FindingKind.REMOVED}


def test_sets_that_are_not_there_or_not_done_are_refused(world: World, backup_set: BackupSet) -> None:
    with pytest.raises(NotFound):
        world.start("drift.generate", set=10_000)
    BackupSet.objects.filter(pk=backup_set.pk).update(status="capturing")
    with pytest.raises(Conflict):
        world.start("drift.generate", set=backup_set.pk)
