"""A slot is started once, by any number of schedulers; what is not started is recorded with the reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, connections, transaction

from tenantatlas.core import clock
from tenantatlas.core.clock import VirtualClock
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import services as runs
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.upkeep import Upkeep, all_periodic, database_now
from tenantatlas.schedules import due, services, slots
from tenantatlas.schedules.models import Missed, Schedule, ScheduleSlot, SkipReason, SlotState, Tell
from tests.cast import make_cast

from .making import DAY, HOUR, make_schedule, newest_run, tick, told_of

#: The virtual clock starts at 08:00 on 23 November 2026.
NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("virtual_clock")


def end(run):
    """The run ends without having been worked."""
    return runs.cancel_run(run, actor=None)


def test_a_slot_is_a_run_of_the_owner_by_the_clock(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    assert tick(NIGHT - timedelta(seconds=1)) == 0
    assert tick(NIGHT) == 1
    run = newest_run()
    assert (run.operation, run.trigger, run.initiator) == ("backup_schedule.run", "schedule", cast.otto)
    assert run.subject == "Nightly, due 2026-11-24 02:00 UTC"
    assert run.context == {"schedule": schedule.pk}
    assert run.params["operation"] == "connection.check"
    slot = ScheduleSlot.all_tenants.get()
    assert (slot.run, slot.state, slot.due_at) == (run, "started", NIGHT)


def test_looking_again_starts_nothing_again(cast):
    make_schedule(cast.contoso, cast.otto)
    assert [tick(NIGHT + timedelta(seconds=each)) for each in (0, 0, 5, 60, 3600)] == [1, 0, 0, 0, 0]
    assert OperationRun.all_tenants.count() == 1


def test_the_database_itself_refuses_a_second_row_of_a_slot(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    tick(NIGHT)
    twin = ScheduleSlot(
        tenant=cast.contoso,
        schedule=schedule,
        key="2026-11-24T02:00 UTC",
        due_at=NIGHT,
        state=SlotState.SKIPPED,
        reason=SkipReason.MISSED,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_a_run_and_its_slot_are_one_transaction(cast, monkeypatch):
    make_schedule(cast.contoso, cast.otto)
    monkeypatch.setattr(ScheduleSlot.objects, "create", lambda **_: 1 / 0)
    assert tick(NIGHT) == 0
    assert not OperationRun.all_tenants.exists()
    monkeypatch.undo()
    assert tick(NIGHT) == 1


def test_one_schedule_that_fails_holds_up_no_other(cast, monkeypatch):
    broken = make_schedule(cast.contoso, cast.otto, name="Broken")
    make_schedule(cast.contoso, cast.otto, name="Whole")
    handle = slots._handle
    monkeypatch.setattr(
        slots, "_handle", lambda each, *rest: 1 / 0 if each.pk == broken.pk else handle(each, *rest)
    )
    assert tick(NIGHT) == 1
    assert newest_run().subject.startswith("Whole")


def test_a_slot_that_comes_while_the_one_before_is_at_work_is_skipped_and_the_owner_is_told(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    tick(NIGHT)
    busy = newest_run()
    assert tick(NIGHT + DAY) == 0
    assert told_of(schedule) == [("24 02:00", "started", ""), ("25 02:00", "skipped", "overlap")]
    told = Notification.objects.get(subject=f"schedule/{schedule.pk}/skipped")
    assert (told.user, told.title, told.tone) == (cast.otto, "Skipped: Nightly", "warning")
    assert f"run #{busy.pk}" in told.body
    assert told.url == f"/t/contoso/schedules/{schedule.pk}/"
    end(busy)
    assert tick(NIGHT + 2 * DAY) == 1


def test_a_run_that_a_person_asked_for_overlaps_too(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    services.run_now(schedule, actor=cast.ana, trigger=Trigger.PERSON, nonce="form-1")
    assert tick(NIGHT) == 0
    assert told_of(schedule) == [("24 02:00", "skipped", "overlap")]


def test_three_days_down_is_one_run_and_each_skip_recorded(cast):
    schedule = make_schedule(cast.contoso, cast.otto, cron="0 */6 * * *")
    start = clock.now()
    assert tick(start + 3 * DAY) == 1
    rows = told_of(schedule)
    assert len(rows) == 12
    assert [row[1:] for row in rows] == [("skipped", "missed")] * 11 + [("started", "")]
    assert OperationRun.all_tenants.count() == 1
    told = Notification.objects.get(subject=f"schedule/{schedule.pk}/skipped")
    assert told.title == "Missed: Nightly"
    assert told.body.startswith("11 times were due while no scheduler was running")
    assert f"as run #{newest_run().pk}" in told.body


def test_one_missed_slot_is_run_when_back(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    assert tick(NIGHT + 5 * HOUR) == 1
    assert told_of(schedule) == [("24 02:00", "started", "")]


def test_missed_slots_may_be_skipped_instead(cast):
    schedule = make_schedule(cast.contoso, cast.otto, missed=Missed.SKIP)
    assert tick(NIGHT + 3 * DAY - HOUR) == 0
    assert [row[1:] for row in told_of(schedule)] == [("skipped", "missed")] * 3
    told = Notification.objects.get(subject=f"schedule/{schedule.pk}/skipped")
    assert "None was made up for" in told.body
    assert tick(NIGHT + 3 * DAY) == 1


def test_a_little_late_is_not_missed(cast):
    make_schedule(cast.contoso, cast.otto, missed=Missed.SKIP)
    assert tick(NIGHT + slots.GRACE) == 1


def test_who_wants_to_be_told_never_is_not(cast):
    make_schedule(cast.contoso, cast.otto, owner_told=Tell.NEVER)
    tick(NIGHT + 3 * DAY)
    assert not Notification.objects.filter(subject__startswith="schedule/").exists()


def test_after_a_very_long_silence_the_last_months_are_listed(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    assert tick(NIGHT + 400 * DAY) == 1
    assert len(told_of(schedule)) == 90


@pytest.mark.parametrize("off", ["pause", "archive"])
def test_what_is_off_starts_nothing_and_makes_nothing_up(cast, virtual_clock, off):
    schedule = make_schedule(cast.contoso, cast.otto)
    change = {"pause": services.pause_schedule, "archive": services.archive_schedule}[off]
    back = {"pause": services.resume_schedule, "archive": services.restore_schedule}[off]
    change(schedule, actor=cast.otto)
    assert tick(NIGHT + DAY) == 0
    virtual_clock.advance(2 * 24 * 3600)
    back(schedule, actor=cast.otto)
    assert tick() == 0
    assert tick(NIGHT + 2 * DAY) == 1
    assert told_of(schedule) == [("26 02:00", "started", "")]


def test_another_time_of_day_counts_from_the_change(cast, virtual_clock):
    schedule = make_schedule(cast.contoso, cast.otto, at="07:00")
    virtual_clock.advance(23 * 3600 + 600)
    assert tick() == 1
    end(newest_run())
    wanted = services.wanted_of(schedule)
    moved = services.read_cadence(kind="daily", zone="UTC", at="09:00")
    services.change_schedule(schedule, services.Wanted(**{**vars(wanted), "cadence": moved}), actor=cast.otto)
    assert tick(clock.now() + timedelta(minutes=1)) == 0
    assert tick(datetime(2026, 11, 24, 9, tzinfo=UTC)) == 1


def test_a_removed_tenant_has_no_slots(cast):
    make_schedule(cast.contoso, cast.otto)
    type(cast.contoso).objects.filter(pk=cast.contoso.pk).update(removed_at=clock.now())
    assert tick(NIGHT) == 0


def test_a_clock_that_was_ahead_by_a_day_doubles_nothing_and_loses_nothing(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    assert tick(NIGHT + DAY) == 1
    end(newest_run())
    assert tick(NIGHT + HOUR) == 0
    assert tick(NIGHT + DAY) == 0
    assert tick(NIGHT + 2 * DAY) == 1
    assert [row[0] for row in told_of(schedule)] == ["24 02:00", "25 02:00", "26 02:00"]


def by_rules_of(monkeypatch, zone: str) -> None:
    """From now on every zone has the clock of this one: a new version of the time zone database."""
    real = due.slots

    def slots_by_new_rules(cadence, *, after, **_options):
        return real(cadence, after=after, zone=due.ZoneInfo(zone))

    monkeypatch.setattr(due, "slots", slots_by_new_rules)


def test_when_a_country_changes_its_rules_nothing_is_doubled_or_lost(cast, monkeypatch):
    schedule = make_schedule(cast.contoso, cast.otto, zone="Europe/Berlin")
    assert tick(NIGHT - HOUR) == 1
    end(newest_run())
    by_rules_of(monkeypatch, "Europe/London")
    assert tick(NIGHT + HOUR) == 0
    assert tick(NIGHT + DAY - timedelta(minutes=30)) == 0
    assert tick(NIGHT + DAY) == 1
    assert len(told_of(schedule)) == 2


def test_a_slot_that_new_rules_moved_into_the_past_is_still_run(cast, monkeypatch):
    make_schedule(cast.contoso, cast.otto, zone="Europe/London")
    assert tick(NIGHT - timedelta(minutes=30)) == 0
    by_rules_of(monkeypatch, "Europe/Berlin")
    assert tick(NIGHT + timedelta(minutes=30)) == 1


def test_workers_look_every_few_seconds():
    every = {each.name: each.every_seconds for each in all_periodic()}
    assert every["schedules.slots"] <= 15
    assert every["schedules.promises"] <= 300


@pytest.mark.usefixtures("cast")
def test_the_database_s_time_counts_between_processes():
    if connection.vendor == "postgresql":
        with clock.use_clock(VirtualClock(datetime(2001, 1, 1, tzinfo=UTC))):
            assert database_now().year > 2001
    else:
        assert database_now() == clock.now()


def storm(*, ticks: int) -> None:
    """Four schedulers look at every minute at the same moment; each minute has one run."""
    cast = make_cast()
    schedule = make_schedule(cast.contoso, cast.otto, cron="* * * * *", owner_told=Tell.NEVER)
    start = clock.now().replace(second=0, microsecond=0)
    together = Barrier(4)

    def look(at: datetime) -> int:
        together.wait(timeout=60)
        return tick(at)

    def leave(_number: int) -> None:
        together.wait(timeout=60)
        connections.close_all()

    with ThreadPoolExecutor(max_workers=4) as pool:
        for number in range(1, ticks + 1):
            at = start + number * timedelta(minutes=1)
            assert sum(pool.map(look, [at] * 4)) == 1, at
            end(newest_run())
        list(pool.map(leave, range(4)))
    started = ScheduleSlot.all_tenants.filter(schedule=schedule, state=SlotState.STARTED)
    assert started.count() == started.values("run").distinct().count() == ticks
    assert OperationRun.all_tenants.count() == ticks


@pytest.mark.django_db(transaction=True)
def test_four_schedulers_start_each_slot_once():
    storm(ticks=60)


@pytest.mark.deep
@pytest.mark.django_db(transaction=True)
def test_four_schedulers_and_ten_thousand_ticks():
    storm(ticks=10_000)


def test_a_schedule_needs_no_row_of_its_own_to_be_refused(cast):
    """The constraint on names is the database's: the same name in another tenant is another schedule."""
    make_schedule(cast.contoso, cast.otto)
    make_schedule(cast.fabrikam, cast.otto)
    assert Schedule.all_tenants.count() == 2


def test_a_worker_starts_what_is_due_by_itself(cast):
    """The whole way from the worker's upkeep to the run, by the real time of the database."""
    with clock.use_clock(clock.SystemClock()):
        schedule = make_schedule(cast.contoso, cast.otto, cron="* * * * *")
        ago = clock.now() - timedelta(minutes=2)
        Schedule.all_tenants.update(counts_from=ago, handled_until=ago, look_at=ago)
        Upkeep()()
    assert newest_run().params["schedule"] == schedule.pk
