"""What becomes of a finding: seen again, decided about, gone, and back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups.models import BackupSet
from tenantatlas.backups.services import delete_set
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError, NotAllowed
from tenantatlas.drift import deciding, queries
from tenantatlas.drift.models import Finding, FindingKind, FindingState, Sighting
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, World

TYPES = ["configurationPolicies"]


@pytest.fixture
def pair(world: World) -> list[str]:
    return [world.catalog_policy(name) for name in ("Alpha", "Beta")]


@pytest.fixture
def backup_set(world: World, pair: list[str]) -> BackupSet:  # noqa: ARG001 - captures them
    return BackupSet.objects.get(run=world.work("backup_set.capture", types=TYPES))


def describe(world: World, policy: str, words: str) -> None:
    world.sim.mutate(policy, lambda body: body.update(description=words), collection=CATALOG)


def compare(world: World, backup_set: BackupSet) -> OperationRun:
    return world.work("drift.generate", set=backup_set.pk)


def only() -> Finding:
    return Finding.objects.get()


@pytest.fixture
def drifted(world: World, backup_set: BackupSet, pair: list[str]) -> Finding:
    """Alpha has another description, and one run has seen it."""
    describe(world, pair[0], "New")
    compare(world, backup_set)
    return only()


def test_one_finding_however_many_runs_see_it(world: World, backup_set: BackupSet, drifted: Finding) -> None:
    runs = [compare(world, backup_set) for _ in range(3)]

    assert Finding.objects.count() == 1
    assert Sighting.objects.filter(finding=drifted).count() == 4
    assert [one.pk for run in runs for one in queries.findings_of_run(run.pk)] == [drifted.pk] * 3


def test_what_is_gone_is_resolved_by_itself(
    world: World, backup_set: BackupSet, drifted: Finding, pair: list[str]
) -> None:
    describe(world, pair[0], "About Alpha")

    compare(world, backup_set)

    assert only().state == FindingState.RESOLVED
    assert only().resolved_at is not None
    assert list(queries.open_findings()) == []
    with pytest.raises(Conflict):
        deciding.acknowledge_finding(drifted, actor=world.cast.ana)


def test_what_comes_back_is_new_again(
    world: World, backup_set: BackupSet, drifted: Finding, pair: list[str]
) -> None:
    deciding.acknowledge_finding(drifted, actor=world.cast.ana)
    describe(world, pair[0], "About Alpha")
    compare(world, backup_set)
    describe(world, pair[0], "New")

    compare(world, backup_set)

    assert only().state == FindingState.NEW
    assert only().first_seen == drifted.first_seen
    assert only().resolved_at is None


def test_acknowledged_holds_for_this_drift_only(
    world: World, backup_set: BackupSet, drifted: Finding, pair: list[str]
) -> None:
    deciding.acknowledge_finding(drifted, actor=world.cast.ana)
    compare(world, backup_set)
    assert only().state == FindingState.ACKNOWLEDGED

    describe(world, pair[0], "Something else")
    compare(world, backup_set)

    states = {one.differences[0]["after"]: one.state for one in Finding.objects.all()}
    assert states == {"New": FindingState.RESOLVED, "Something else": FindingState.NEW}


def test_ignored_until_a_day_and_then_new(world: World, backup_set: BackupSet, drifted: Finding) -> None:
    until = clock.now() + timedelta(days=2)
    deciding.ignore_finding(drifted, actor=world.cast.ana, reason="Pilot", until=until)
    compare(world, backup_set)
    assert queries.state_of(only()) == FindingState.IGNORED
    assert queries.state_counts() == {"new": 0, "acknowledged": 0, "ignored": 1, "resolved": 0}

    world.clock.advance(3 * 86400)

    assert queries.state_of(only()) == FindingState.NEW
    assert [one.pk for one in queries.open_findings()] == [drifted.pk]
    compare(world, backup_set)
    assert (only().state, only().reason, only().ignored_until) == (FindingState.NEW, "", None)


def test_ignoring_needs_a_reason_and_a_day_to_come(world: World, drifted: Finding) -> None:
    later = clock.now() + timedelta(days=1)
    for reason, until in (("  ", later), ("x" * 301, later), ("Pilot", clock.now())):
        with pytest.raises(InputError):
            deciding.ignore_finding(drifted, actor=world.cast.ana, reason=reason, until=until)
    assert only().state == FindingState.NEW


def test_decisions_are_audited_and_make_no_run(world: World, drifted: Finding) -> None:
    before = OperationRun.objects.count()
    until = clock.now() + timedelta(days=1)
    deciding.acknowledge_finding(drifted, actor=world.cast.ana)
    deciding.ignore_finding(drifted, actor=world.cast.ana, reason="Pilot", until=until)
    deciding.reopen_finding(drifted, actor=world.cast.ana)

    assert OperationRun.objects.count() == before
    acts = AuditEntry.objects.filter(subject=f"finding {drifted.pk}").order_by("pk")
    assert [act.action for act in acts] == ["finding.acknowledge", "finding.ignore", "finding.reopen"]
    assert only().state == FindingState.NEW


def test_a_reader_decides_nothing(world: World, backup_set: BackupSet, drifted: Finding) -> None:
    until = clock.now() + timedelta(days=1)
    with pytest.raises(NotAllowed):
        deciding.acknowledge_finding(drifted, actor=world.cast.olu)
    with pytest.raises(NotAllowed):
        deciding.ignore_finding(drifted, actor=world.cast.olu, reason="x", until=until)
    with pytest.raises(NotAllowed):
        deciding.choose_baseline(backup_set, actor=world.cast.ana)


def test_an_ignored_setting_is_left_out_whatever_it_becomes(
    world: World, backup_set: BackupSet, drifted: Finding, pair: list[str]
) -> None:
    until = clock.now() + timedelta(days=5)
    with pytest.raises(InputError):
        deciding.ignore_setting(drifted, path="nowhere", actor=world.cast.ana, reason="x", until=until)
    deciding.ignore_setting(drifted, path="description", actor=world.cast.ana, reason="Notes", until=until)
    describe(world, pair[0], "Something else")
    run = compare(world, backup_set)
    assert list(queries.findings_of_run(run.pk)) == []
    assert only().state == FindingState.RESOLVED

    deciding.stop_ignoring_setting(queries.ignored_settings().get(), actor=world.cast.ana)
    run = compare(world, backup_set)
    assert [one.name for one in queries.findings_of_run(run.pk)] == ["Alpha"]


@pytest.mark.usefixtures("drifted")
def test_what_a_run_could_not_read_is_not_resolved(
    world: World, backup_set: BackupSet, pair: list[str]
) -> None:
    describe(world, pair[0], "About Alpha")
    world.simulator.fault("GET", f"configurationPolicies/{pair[0]}/settings", Status(500), times=0)
    compare(world, backup_set)
    kinds = {one.kind: one.state for one in Finding.objects.all()}
    assert kinds == {FindingKind.CHANGED: FindingState.NEW, FindingKind.UNKNOWN: FindingState.NEW}

    world.simulator.script.clear()
    compare(world, backup_set)
    assert {one.state for one in Finding.objects.all()} == {FindingState.RESOLVED}


def test_an_added_policy_that_goes_again_is_resolved(world: World, backup_set: BackupSet) -> None:
    added = world.catalog_policy("Delta")
    compare(world, backup_set)
    assert only().kind == FindingKind.ADDED
    world.sim.remove(CATALOG, added)

    compare(world, backup_set)

    assert only().state == FindingState.RESOLVED


def test_findings_of_a_deleted_set_are_no_longer_listed(
    world: World, backup_set: BackupSet, drifted: Finding
) -> None:
    assert [one.pk for one in queries.finding_list()] == [drifted.pk]
    delete_set(backup_set, actor=world.cast.otto)
    assert list(queries.finding_list()) == []


class TestBaseline:
    def test_it_is_kept_and_compared_with(self, world: World, backup_set: BackupSet, pair: list[str]) -> None:
        deciding.choose_baseline(backup_set, actor=world.cast.otto)
        backup_set.refresh_from_db()
        assert backup_set.kept
        describe(world, pair[0], "New")

        run = world.work("drift.generate", against="baseline")

        assert run.outcome == "succeeded", run.failures
        assert run.context["set"] == backup_set.pk
        assert only().backup_set_id == backup_set.pk

    def test_accepting_another_set_moves_it(self, world: World, backup_set: BackupSet) -> None:
        deciding.choose_baseline(backup_set, actor=world.cast.otto)
        after = BackupSet.objects.get(run=world.work("backup_set.capture", types=TYPES, name="After"))

        deciding.choose_baseline(after, actor=world.cast.otto)

        chosen = queries.baseline_of_tenant()
        assert chosen is not None
        assert chosen.backup_set == after
        assert AuditEntry.objects.filter(action="baseline.choose").count() == 2

    def test_without_one_the_run_is_blocked_and_says_why(self, world: World) -> None:
        run = world.work("drift.generate", against="baseline")

        assert run.outcome == "blocked"
        assert run.failures[0]["code"] == "nothing_to_compare"
        assert "No baseline" in run.failures[0]["message"]
        assert "drift baseline" in run.failures[0]["hint"]

    def test_a_set_that_is_not_captured_is_none(self, world: World, backup_set: BackupSet) -> None:
        BackupSet.objects.filter(pk=backup_set.pk).update(status="capturing")
        backup_set.refresh_from_db()
        with pytest.raises(Conflict):
            deciding.choose_baseline(backup_set, actor=world.cast.otto)
