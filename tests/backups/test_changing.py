"""Adding to a set, taking from it, and calling it otherwise: a captured set itself never changes."""

from __future__ import annotations

import pytest

from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups.comparing import compare_sets
from tenantatlas.backups.models import BackupSet, SetEntry, SetStatus, SetType
from tenantatlas.backups.services import rename_set
from tenantatlas.core.errors import Conflict, InputError, NotAllowed
from tenantatlas.drift.queries import findings_of_run
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import retry_failed_items
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, SCRIPTS, World

TYPES = ["configurationPolicies"]


@pytest.fixture
def ids(world: World) -> dict[str, str]:
    """Alpha and Beta of one type, Script of another; all known."""
    found = {name: world.catalog_policy(name) for name in ("Alpha", "Beta")}
    found["Script"] = world.sim.put(
        SCRIPTS, {"displayName": "Script", "scriptContent": "", "runAsAccount": "system"}
    )
    world.work("inventory.sync", types=[*TYPES, "deviceManagementScripts"])
    return found


@pytest.fixture
def whole(world: World, ids: dict[str, str]) -> BackupSet:  # noqa: ARG001 - captures them
    return made_by(world.work("backup_set.capture", types=TYPES, name="Nightly"))


def made_by(run: OperationRun) -> BackupSet:
    assert run.outcome == "succeeded", run.failures
    return BackupSet.objects.get(run=run)


def held(backup_set: BackupSet) -> dict[str, str]:
    rows = SetEntry.objects.filter(backup_set=backup_set).values_list("version__name", "version__digest")
    return dict(rows)


class TestAdding:
    def test_the_set_that_follows_holds_both(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        before = held(whole)
        fingerprint = whole.fingerprint

        after = made_by(world.work("backup_set.add_policies", set=whole.pk, policies=[ids["Script"]]))

        whole.refresh_from_db()
        assert held(whole) == before
        assert whole.fingerprint == fingerprint
        assert held(after).keys() == {"Alpha", "Beta", "Script"}
        assert (after.name, after.supersedes, after.status) == ("Nightly", whole, SetStatus.COMPLETE)
        assert after.counts["policies"] == after.counts["listed"] == 3

    def test_only_what_is_added_is_read(self, world: World, whole: BackupSet, ids: dict[str, str]) -> None:
        world.sim.mutate(ids["Alpha"], lambda body: body.update(description="New"), collection=CATALOG)

        after = made_by(world.work("backup_set.add_policies", set=whole.pk, policies=[ids["Beta"]]))

        assert held(after) == held(whole)

    def test_one_that_is_there_already_is_taken_anew(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        world.sim.mutate(ids["Alpha"], lambda body: body.update(description="New"), collection=CATALOG)

        after = made_by(world.work("backup_set.add_policies", set=whole.pk, policies=[ids["Alpha"]]))

        changed = [(one.kind, one.name) for one in compare_sets(whole, after)]
        assert changed == [("changed", "Alpha")]
        assert after.counts["listed"] == 2

    def test_a_type_of_which_some_were_added_is_not_held_whole(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        world.sim.put(SCRIPTS, {"displayName": "Other", "scriptContent": "", "runAsAccount": "system"})
        after = made_by(world.work("backup_set.add_policies", set=whole.pk, policies=[ids["Script"]]))
        assert dict(SetType.objects.filter(backup_set=after).values_list("type_key", "whole")) == {
            "configurationPolicies": True,
            "deviceManagementScripts": False,
        }
        world.catalog_policy("Gamma")

        run = world.work("drift.generate", set=after.pk)

        assert {(one.name, one.kind) for one in findings_of_run(run.pk)} == {("Gamma", "added")}

    def test_what_could_not_be_captured_is_said_and_can_be_done_again(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        world.catalog_policy("Gamma")
        world.work("inventory.sync", types=TYPES)
        gamma = next(row["id"] for row in world.sim.objects(CATALOG) if row["name"] == "Gamma")
        world.simulator.fault("GET", f"configurationPolicies/{gamma}/settings", Status(500), times=0)
        run = world.work("backup_set.add_policies", set=whole.pk, policies=[gamma, ids["Script"]])
        after = BackupSet.objects.get(run=run)
        assert (run.outcome, after.status) == ("partially_succeeded", SetStatus.INCOMPLETE)
        assert held(after).keys() == {"Alpha", "Beta", "Script"}

        world.simulator.script.clear()
        child, _ = retry_failed_items(run, actor=world.cast.otto, trigger=Trigger.PERSON)
        world.finish(child)

        assert held(BackupSet.objects.get(run=child)).keys() == {"Alpha", "Beta", "Gamma", "Script"}

    def test_what_makes_no_sense_is_refused(self, world: World, whole: BackupSet) -> None:
        with pytest.raises(InputError):
            world.start("backup_set.add_policies", set=whole.pk, policies=[])
        with pytest.raises(InputError):
            world.start("backup_set.add_policies", set=whole.pk, policies=["nowhere"])
        BackupSet.objects.filter(pk=whole.pk).update(status=SetStatus.CAPTURING)
        with pytest.raises(Conflict):
            world.start("backup_set.add_policies", set=whole.pk, policies=["x"])


class TestRemoving:
    def test_the_set_that_follows_is_without_it(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        asked = len(world.simulator.journal)

        after = made_by(world.work("backup_set.remove_policies", set=whole.pk, policies=[ids["Beta"]]))

        assert held(whole).keys() == {"Alpha", "Beta"}
        assert held(after).keys() == {"Alpha"}
        assert after.supersedes == whole
        assert len(world.simulator.journal) == asked

    def test_what_was_removed_is_no_drift(self, world: World, whole: BackupSet, ids: dict[str, str]) -> None:
        after = made_by(world.work("backup_set.remove_policies", set=whole.pk, policies=[ids["Beta"]]))

        run = world.work("drift.generate", set=after.pk)

        assert run.outcome == "succeeded", run.failures
        assert list(findings_of_run(run.pk)) == []

    def test_what_makes_no_sense_is_refused(
        self, world: World, whole: BackupSet, ids: dict[str, str]
    ) -> None:
        with pytest.raises(InputError, match="does not hold"):
            world.start("backup_set.remove_policies", set=whole.pk, policies=[ids["Script"]])
        with pytest.raises(Conflict, match="Nothing would be left"):
            world.start("backup_set.remove_policies", set=whole.pk, policies=[ids["Alpha"], ids["Beta"]])


class TestRenaming:
    def test_it_is_audited_and_makes_no_run(self, world: World, whole: BackupSet) -> None:
        runs = OperationRun.objects.count()
        rename_set(whole, name="  Before the change  ", actor=world.cast.ana)
        assert BackupSet.objects.get(pk=whole.pk).name == "Before the change"
        entry = AuditEntry.objects.get(action="backup_set.rename")
        assert entry.details["before"] == "Nightly"
        assert OperationRun.objects.count() == runs

    def test_a_name_is_needed_and_the_right(self, world: World, whole: BackupSet) -> None:
        for name in ("", "   ", "x" * 201):
            with pytest.raises(InputError):
                rename_set(whole, name=name, actor=world.cast.ana)
        with pytest.raises(NotAllowed):
            rename_set(whole, name="Mine", actor=world.cast.olu)
