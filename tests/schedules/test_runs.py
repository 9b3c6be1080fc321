"""A schedule's run does the work itself, under the schedule's name; who is told; what is kept of its sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from tenantatlas.accounts.capabilities import Role
from tenantatlas.backups import services as backups
from tenantatlas.backups.models import BackupSet, PolicyVersion
from tenantatlas.core import clock
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import queries as runs
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import retry_failed_items
from tenantatlas.schedules import services
from tenantatlas.schedules.models import Schedule, ScheduledSet, Tell
from tenantatlas.schedules.promises import tell_of_late_backups
from tenantatlas.schedules.retention import surplus_of
from tenantatlas.simulator.faults import Status
from tenantatlas.tenants.models import Membership
from tests.simulated import World

from .making import DAY, HOUR, make_schedule, newest_run, tick

NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def backup(world: World, **more) -> Schedule:
    """A nightly backup of one type, owned by Otto."""
    return make_schedule(
        world.tenant,
        world.cast.otto,
        operation="backup_set.capture",
        params={"types": ["configurationPolicies"]},
        **more,
    )


def night(world: World) -> OperationRun:
    """The next night comes, and its run is worked."""
    passed = (clock.now() - NIGHT) // DAY
    world.clock.advance((NIGHT + (passed + 1) * DAY - clock.now()).total_seconds())
    assert tick() == 1
    return run_inline(newest_run())


def refuse(world: World) -> None:
    """From now on the tenant does not list its policies."""
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)


def unread(user) -> list[str]:
    return list(Notification.objects.filter(user=user, read=False).values_list("title", flat=True))


def test_the_run_of_a_slot_does_the_work_itself(world):
    world.catalog_policy("Baseline")
    schedule = backup(world)
    run = night(world)
    assert (run.operation, run.outcome) == ("backup_schedule.run", "succeeded")
    made = BackupSet.objects.get()
    assert (made.run, made.status, made.source) == (run, "complete", "schedule")
    assert run.context == {"schedule": schedule.pk, "set": made.pk}
    assert ScheduledSet.objects.get().backup_set == made
    assert OperationRun.objects.count() == 1


def test_what_does_an_operation_is_found_by_either_name(world):
    world.catalog_policy("Baseline")
    by_hand = world.work("backup_set.capture", types=["configurationPolicies"])
    backup(world)
    by_clock = night(world)
    found = OperationRun.objects.filter(runs.doing("backup_set.capture"))
    assert set(found) == {by_hand, by_clock}
    assert list(OperationRun.objects.filter(runs.doing("inventory.sync"))) == []


def test_a_later_change_does_not_reach_a_run_that_was_made(world):
    world.catalog_policy("Baseline")
    schedule = backup(world)
    tick(NIGHT)
    run = newest_run()
    services.delete_schedule(schedule, actor=world.cast.otto)
    run = run_inline(run)
    assert run.outcome == "succeeded"
    assert not ScheduledSet.objects.exists()


@pytest.mark.parametrize("loss", ["role", "membership", "account"])
def test_an_owner_who_may_not_any_more_blocks_the_run_and_followers_are_told(world, loss):
    cast = world.cast
    Membership.objects.filter(user=cast.ana).update(role=Role.MANAGER)
    schedule = make_schedule(world.tenant, cast.ana, operation="inventory.sync")
    services.follow_schedule(schedule, user=cast.olu, told=Tell.PROBLEMS, actor=cast.olu)
    if loss == "role":
        Membership.objects.filter(user=cast.ana).update(role=Role.READER)
    elif loss == "membership":
        Membership.objects.filter(user=cast.ana).delete()
    else:
        type(cast.ana).objects.filter(pk=cast.ana.pk).update(is_active=False)
    run = night(world)
    assert (run.outcome, run.failures[0]["code"]) == ("blocked", "not_allowed")
    assert unread(cast.olu) == [f"Scheduled run is blocked: {run.subject}"]
    assert bool(unread(cast.ana)) == (loss == "role")


def test_a_new_owner_gives_it_rights_again(world):
    cast = world.cast
    Membership.objects.filter(user=cast.ana).update(role=Role.MANAGER)
    schedule = make_schedule(world.tenant, cast.ana)
    Membership.objects.filter(user=cast.ana).delete()
    assert night(world).outcome == "blocked"
    services.take_over(schedule, actor=cast.otto)
    run = night(world)
    assert (run.initiator, run.outcome) == (cast.otto, "succeeded")


def test_work_that_became_impossible_ends_as_a_run_that_says_so(world):
    policy = world.catalog_policy("Baseline")
    world.work("inventory.sync", types=["configurationPolicies"])
    schedule = make_schedule(
        world.tenant, world.cast.otto, operation="backup_set.capture", params={"policies": [policy]}
    )
    Schedule.objects.filter(pk=schedule.pk).update(params={"policies": ["gone"], "types": [], "name": ""})
    run = night(world)
    assert run.outcome == "failed"
    assert "gone" in run.failures[0]["message"]


@pytest.mark.parametrize(
    ("told", "after_start", "after_good", "after_bad"),
    [
        (Tell.ALWAYS, 1, 1, 2),
        (Tell.PROBLEMS, 0, 0, 1),
        (Tell.NEVER, 0, 0, 0),
    ],
)
def test_who_is_told_on_which_outcome(world, told, after_start, after_good, after_bad):
    """One row for each person and run, made when it is queued and unread again when it ends."""
    cast = world.cast
    schedule = backup(world, owner_told=told)
    services.follow_schedule(schedule, user=cast.olu, told=told, actor=cast.olu)
    tick(NIGHT)
    for person in (cast.otto, cast.olu):
        assert Notification.objects.filter(user=person).count() == after_start
    assert run_inline(newest_run()).outcome == "succeeded"
    for person in (cast.otto, cast.olu):
        assert Notification.objects.filter(user=person).count() == after_good
    world.catalog_policy("Baseline")
    refuse(world)
    world.clock.advance((NIGHT + DAY - clock.now()).total_seconds())
    tick()
    bad = run_inline(newest_run())
    assert bad.outcome != "succeeded"
    for person in (cast.otto, cast.olu):
        assert Notification.objects.filter(user=person).count() == after_bad
    assert not Notification.objects.filter(user=cast.ana).exists()


def test_a_run_that_a_person_asked_for_tells_that_person_only(world):
    schedule = backup(world)
    services.follow_schedule(schedule, user=world.cast.olu, told=Tell.ALWAYS, actor=world.cast.olu)
    run, _ = services.run_now(schedule, actor=world.cast.ana, trigger=Trigger.PERSON, nonce="1")
    run_inline(run)
    assert Notification.objects.get().user == world.cast.ana


def test_failed_items_of_a_slot_are_retried_like_any_others(world):
    world.catalog_policy("Baseline")
    backup(world)
    refuse(world)
    run = night(world)
    assert run.may_retry
    world.simulator.script.clear()
    child, created = retry_failed_items(run, actor=world.cast.ana, trigger=Trigger.PERSON)
    assert created
    assert run_inline(child).outcome == "succeeded"


# ── What is kept ──────────────────────────────────────────────────────────────────────────────────────────


def sets() -> list[str]:
    """The schedule's sets, oldest first."""
    return list(BackupSet.objects.order_by("pk").values_list("status", flat=True))


def change(world: World, policy: str, night_number: int) -> None:
    world.sim.mutate(policy, lambda body: body.update(description=f"Night {night_number}"))


def test_the_last_complete_sets_stay_and_older_ones_go_with_what_only_they_held(world):
    policy = world.catalog_policy("Baseline")
    schedule = backup(world, keep_last=2)
    for number in range(4):
        change(world, policy, number)
        assert night(world).outcome == "succeeded"
        applied = OperationRun.objects.filter(operation="retention.apply", status="queued").first()
        assert (applied is not None) == (number >= 2)
        if applied:
            assert run_inline(applied).outcome == "succeeded"
    assert sets() == ["deleted", "deleted", "complete", "complete"]
    assert PolicyVersion.objects.count() == 2
    assert surplus_of(schedule) == []


def test_the_last_good_set_never_goes(world):
    world.catalog_policy("Baseline")
    schedule = backup(world, keep_last=1)
    night(world)
    refuse(world)
    for _ in range(3):
        assert night(world).outcome != "succeeded"
    world.work("retention.apply")
    assert sets() == ["complete", "incomplete", "incomplete", "incomplete"]
    assert surplus_of(schedule) == []


def test_a_kept_set_stays_and_an_incomplete_one_goes_with_its_time(world):
    policy = world.catalog_policy("Baseline")
    backup(world, keep_last=1)
    night(world)
    kept = BackupSet.objects.get()
    backups.keep_set(kept, actor=world.cast.otto)
    refuse(world)
    night(world)
    world.simulator.script.clear()
    change(world, policy, 3)
    night(world)
    run_inline(OperationRun.objects.get(operation="retention.apply"))
    assert sets() == ["complete", "deleted", "complete"]


def test_sets_that_no_schedule_made_are_left_alone(world):
    world.catalog_policy("Baseline")
    by_hand = world.work("backup_set.capture", types=["configurationPolicies"])
    backup(world, keep_last=1)
    night(world)
    world.work("retention.apply")
    assert BackupSet.objects.get(run=by_hand).status == "complete"


def test_the_history_of_slots_is_forgotten_with_the_runs(world):
    schedule = make_schedule(world.tenant, world.cast.otto)
    night(world)
    world.clock.advance(timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS - 1).total_seconds())
    world.work("retention.apply")
    assert schedule.slots.count() == 1
    world.clock.advance(timedelta(days=1, hours=7).total_seconds())
    world.work("retention.apply")
    assert schedule.slots.count() == 0


# ── Overdue ───────────────────────────────────────────────────────────────────────────────────────────────


def overdue(user) -> list[tuple[str, bool]]:
    found = Notification.objects.filter(user=user, subject__endswith="/late")
    return list(found.values_list("title", "read"))


def test_no_good_backup_for_one_and_a_half_times_the_promise_is_told_once(world):
    world.catalog_policy("Baseline")
    schedule = backup(world)
    good = night(world)
    limit = good.ended_at + 1.5 * DAY
    assert tell_of_late_backups(at=limit - timedelta(minutes=1)) == []
    (late,) = tell_of_late_backups(at=limit + timedelta(minutes=1))
    assert late.schedule == schedule
    assert "No good backup since 24 Nov 2026, 02:00 UTC, though one is due every 24 hours." in late.sentence
    assert overdue(world.cast.otto) == [("Backup overdue: Nightly", False)]
    Notification.objects.update(read=True)
    assert len(tell_of_late_backups(at=limit + HOUR)) == 1
    assert overdue(world.cast.otto) == [("Backup overdue: Nightly", True)]


def test_when_it_is_well_again_that_is_said_and_the_next_time_told_again(world):
    world.catalog_policy("Baseline")
    backup(world)
    tell_of_late_backups(at=clock.now() + 3 * DAY)
    night(world)
    assert tell_of_late_backups(at=clock.now()) == []
    assert overdue(world.cast.otto) == [("Backed up again: Nightly", False)]
    tell_of_late_backups(at=clock.now() + 3 * DAY)
    assert overdue(world.cast.otto) == [("Backup overdue: Nightly", False)]


def test_bad_backups_do_not_count(world):
    world.catalog_policy("Baseline")
    backup(world)
    refuse(world)
    night(world)
    night(world)
    (late,) = tell_of_late_backups(at=clock.now())
    assert late.last_good is None
    assert late.sentence.startswith("No good backup yet")


def test_a_backup_that_was_paused_and_forgotten_is_overdue_and_an_archived_one_is_not(world):
    schedule = backup(world)
    services.pause_schedule(schedule, actor=world.cast.otto)
    (late,) = tell_of_late_backups(at=clock.now() + 2 * DAY)
    assert late.sentence.endswith("It is paused.")
    services.archive_schedule(schedule, actor=world.cast.otto)
    assert tell_of_late_backups(at=clock.now() + 2 * DAY) == []
    assert overdue(world.cast.otto) == [("Backup overdue: Nightly", False)]


def test_somebody_is_told_when_the_owner_has_gone(world):
    cast = world.cast
    Membership.objects.filter(user=cast.ana).update(role=Role.MANAGER)
    make_schedule(world.tenant, cast.ana, operation="backup_set.capture")
    Membership.objects.filter(user=cast.ana).delete()
    tell_of_late_backups(at=clock.now() + 2 * DAY)
    assert overdue(cast.otto) == [("Backup overdue: Nightly", False)]
    assert overdue(cast.olu) == []


def test_other_operations_promise_no_backup(world):
    make_schedule(world.tenant, world.cast.otto, operation="inventory.sync")
    assert tell_of_late_backups(at=clock.now() + 30 * DAY) == []
