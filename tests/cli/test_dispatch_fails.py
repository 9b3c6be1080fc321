"""A start whose hand-over throws, by every command that starts a run: it says so, and ends with its code."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pytest

from tenantatlas.core import clock
from tenantatlas.inventory.models import Policy
from tenantatlas.notifications.models import Notification
from tenantatlas.restore.models import Restore
from tenantatlas.restore.undo import undo_params
from tenantatlas.runs import dispatch, engine
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import all_operations, params_to_json
from tenantatlas.schedules.models import Schedule, ScheduleSlot
from tenantatlas.tenants.services import set_allow_deletes
from tests.backups.archives import zipped
from tests.schedules.making import DAY, make_schedule, newest_run, tick
from tests.simulated import World, world  # noqa: F401 - a fixture
from tests.web.wizard import TYPES, lose_some

RESTORE = "--plan {it.restore.plan_sha256} --confirm contoso"
UNDO = "--plan {it.undo.plan_sha256} --confirm contoso"
#: Commands by what they start.
LINES = [
    ("inventory.sync", "inventory sync -t contoso"),
    ("directory_groups.sync", "directory sync -t contoso"),
    ("connection.check", "tenants check contoso"),
    ("policy.capture_snapshot", "run policy.capture_snapshot -t contoso --param policy={it.policy}"),
    ("backup_set.capture", "backup -t contoso"),
    ("backup_set.capture", "backup -t contoso --policy {it.policy}"),
    ("backup_set.add_policies", "backups add {it.set} --policy {it.policy}"),
    ("backup_set.remove_policies", "backups remove {it.set} --policy {it.policy}"),
    ("backup_set.verify", "backups verify {it.set}"),
    ("backup_set.export", "backups export {it.set} --output {it.folder}/out.zip"),
    ("backup_set.look_into", "backups import {it.archive} -t contoso"),
    ("backup_set.import", "backups import {it.archive} -t contoso --store"),
    ("drift.generate", "drift -t contoso --set {it.set}"),
    ("drift.generate", "backups diff {it.set} live"),
    ("restore.preview", "restore preview -t contoso --set {it.set}"),
    ("restore.preview", "restore undo {it.ended.pk}"),
    ("restore.preview", "restore rerun {it.ended.pk}"),
    ("restore.execute", f"restore execute {{it.restore.pk}} {RESTORE}"),
    ("restore.undo", f"restore execute {{it.undo.pk}} {UNDO}"),
    ("retention.apply", "run retention.apply -t contoso"),
    ("backup_schedule.run_now", "schedules run {it.schedule.pk}"),
    ("backup_schedule.retry", "schedules retry {it.schedule.pk} --slot {it.slot}"),
    ("inventory.sync", "runs retry {it.failed}"),
]
#: What only the clock starts.
BY_THE_CLOCK = {"backup_schedule.run"}


class Things:
    """What the commands are about, each made when a command names it."""

    def __init__(self, world: World, folder: Path) -> None:  # noqa: F811 - the fixture
        self.world, self.folder = world, folder

    @cached_property
    def set(self) -> int:
        return lose_some(self.world).pk

    @cached_property
    def policy(self) -> str:
        assert self.set
        return Policy.objects.get(name="Same").graph_id

    @cached_property
    def archive(self) -> Path:
        path = self.folder / "export.zip"
        path.write_bytes(zipped(("a.json", b"{}")))
        return path

    @cached_property
    def restore(self) -> Restore:
        set_allow_deletes(self.world.tenant, actor=self.world.cast.otto, allowed=True)
        run = self.world.work("restore.preview", set=self.set)
        return Restore.objects.get(preview_run=run)

    @cached_property
    def ended(self) -> Restore:
        given = {"restore": self.restore.pk, "plan": self.restore.plan_sha256, "confirm": "contoso"}
        assert self.world.work("restore.execute", **given).outcome == "succeeded"
        self.restore.refresh_from_db()
        return self.restore

    @cached_property
    def undo(self) -> Restore:
        run = self.world.work("restore.preview", **params_to_json(undo_params(self.ended)))
        return Restore.objects.get(preview_run=run)

    @cached_property
    def schedule(self) -> Schedule:
        return make_schedule(self.world.tenant, self.world.cast.otto)

    @cached_property
    def slot(self) -> int:
        skipped = {"key": "once", "due_at": clock.now(), "state": "skipped", "reason": "missed"}
        return ScheduleSlot.objects.create(schedule=self.schedule, **skipped).pk

    @cached_property
    def failed(self) -> int:
        self.world.sim.revoke(
            ["DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"]
        )
        return self.world.work("inventory.sync", types=TYPES).pk


@pytest.fixture
def throw(monkeypatch: pytest.MonkeyPatch):
    """From the call on, the engine takes nothing."""

    def begin() -> None:
        def away(*_args, **_options):
            raise RuntimeError("the engine is away")

        monkeypatch.setattr(engine, "hand_over", away)
        monkeypatch.setattr(dispatch, "hand_over_new", dispatch.hand_over)

    return begin


@pytest.mark.parametrize(("key", "line"), LINES, ids=[line.partition(" {")[0] for _, line in LINES])
def test_a_command_says_that_nothing_was_started(key, line, tenantatlas, world, throw, tmp_path):  # noqa: F811 - the fixture
    words = line.format(it=Things(world, tmp_path)).split()
    before = set(OperationRun.objects.values_list("pk", flat=True))
    throw()

    result = tenantatlas(*words, "--json")

    assert result.code == 7, (result.out, result.err)
    run = OperationRun.objects.exclude(pk__in=before).get()
    assert (run.operation, run.status, run.outcome) == (key, "completed", "failed")
    assert [failure["code"] for failure in run.failures] == ["queue.dispatch_failed"]
    assert (result.object["run"], result.object["outcome"]) == (run.pk, "failed")
    said = result.err.splitlines()
    assert "failed: The work could not be handed to the engine, so nothing was started." in said
    assert any(each.startswith("hint: Start it again; if that fails too, look into the log") for each in said)
    assert "No worker is alive" not in result.err


def test_every_operation_has_a_command() -> None:
    assert {key for key, _ in LINES} | BY_THE_CLOCK == {op.key for op in all_operations()}


def test_a_slot_that_could_not_be_handed_over_is_told_to_its_owner(world, throw):  # noqa: F811 - the fixture
    make_schedule(world.tenant, world.cast.otto)
    throw()

    tick(clock.now() + DAY)

    run = newest_run()
    assert (run.operation, run.outcome) == ("backup_schedule.run", "failed")
    assert run.failures[0]["code"] == "queue.dispatch_failed"
    told = Notification.objects.get(user=world.cast.otto)
    assert (told.subject, told.tone) == (f"run/{run.pk}", "danger")
