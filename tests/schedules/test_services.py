"""What people do with schedules, and what they may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tenantatlas.accounts.capabilities import Capability, Role
from tenantatlas.audit.models import AuditEntry
from tenantatlas.core.errors import Conflict, InputError, NotAllowed, NotFound
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import Operation, all_operations, operation
from tenantatlas.runs.services import cancel_run, start_run
from tenantatlas.schedules import queries, services
from tenantatlas.schedules.models import Missed, Schedule, Tell
from tenantatlas.tenants.models import Membership
from tenantatlas.tenants.scope import tenant_scope

from .making import DAY, make_schedule, newest_run, tick, told_of

NIGHT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("virtual_clock")


def actions() -> list[str]:
    found = AuditEntry.objects.filter(action__startswith="schedule.").order_by("sequence")
    return list(found.values_list("action", flat=True))


def test_a_schedule_is_its_makers_with_frozen_parameters(cast):
    schedule = make_schedule(
        cast.contoso,
        cast.otto,
        name="  Nightly \n backup ",
        operation="backup_set.capture",
        params={"types": ["configurationPolicies"]},
        keep_last=14,
    )
    schedule.refresh_from_db(from_queryset=Schedule.all_tenants.all())
    assert (schedule.name, schedule.owner, schedule.keep_last) == ("Nightly backup", cast.otto, 14)
    assert schedule.params == {"types": ["configurationPolicies"], "policies": [], "name": ""}
    assert schedule.promise_seconds == 24 * 3600
    assert actions() == ["schedule.add"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"operation": "restore.execute"}, "operation"),
        ({"params": {"shoe": 42}, "operation": "inventory.sync"}, "shoe"),
        ({"keep_last": 3}, "keep_last"),
        ({"keep_last": 0, "operation": "backup_set.capture"}, "keep_last"),
        ({"at": "25:00"}, "at"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"cron": "* *"}, "cron"),
    ],
)
def test_what_cannot_be_scheduled_names_the_field(cast, changes, field):
    with pytest.raises(InputError) as caught:
        make_schedule(cast.contoso, cast.otto, **changes)
    assert caught.value.details["field"] == field
    assert not Schedule.all_tenants.exists()


def test_names_are_told_apart_whatever_their_case(cast):
    make_schedule(cast.contoso, cast.otto)
    with pytest.raises(Conflict, match="NIGHTLY already"):
        make_schedule(cast.contoso, cast.otto, name="NIGHTLY")


def test_what_writes_to_a_tenant_cannot_be_offered_to_schedules():
    with pytest.raises(ValueError, match="never a schedule"):
        operation(
            "toy.dangerous",
            label="Dangerous",
            needs=Capability.RESTORE_EXECUTE,
            writes_tenant=True,
            schedulable=True,
        )(Operation)
    assert not [op.key for op in all_operations() if op.schedulable and op.writes_tenant]


EVERY_CHANGE = [
    lambda each, who: services.change_schedule(each, services.wanted_of(each), actor=who),
    lambda each, who: services.pause_schedule(each, actor=who),
    lambda each, who: services.resume_schedule(each, actor=who),
    lambda each, who: services.duplicate_schedule(each, actor=who),
    lambda each, who: services.archive_schedule(each, actor=who),
    lambda each, who: services.restore_schedule(each, actor=who),
    lambda each, who: services.take_over(each, actor=who),
    lambda each, who: services.delete_schedule(each, actor=who),
]


@pytest.mark.parametrize("change", EVERY_CHANGE)
def test_changing_is_for_who_may_manage_schedules(cast, change):
    schedule = make_schedule(cast.contoso, cast.otto)
    with pytest.raises(NotAllowed, match="the right to manage schedules"):
        change(schedule, cast.ana)
    with pytest.raises(NotFound):
        change(schedule, cast.eve)
    assert actions() == ["schedule.add"]


def test_one_schedules_only_what_one_may_do(cast):
    Membership.objects.filter(user=cast.ana).update(role=Role.MANAGER)
    assert make_schedule(cast.contoso, cast.ana, operation="inventory.sync")
    Membership.objects.filter(user=cast.ana).update(role=Role.READER)
    with pytest.raises(NotAllowed):
        make_schedule(cast.contoso, cast.ana, name="Other", operation="inventory.sync")


def test_a_change_is_stored_and_audited(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    wanted = replace(
        services.wanted_of(schedule),
        name="Weekly",
        cadence=services.read_cadence(kind="weekly", zone="Europe/Berlin", at="3:05", weekdays=(7, 1, 1)),
        missed=Missed.SKIP,
        owner_told=Tell.PROBLEMS,
    )
    services.change_schedule(schedule, wanted, actor=cast.otto)
    stored = Schedule.all_tenants.get()
    assert services.wanted_of(stored) == wanted
    assert stored.weekdays == [1, 7]
    assert stored.promise_seconds == 6 * 24 * 3600
    assert actions() == ["schedule.add", "schedule.change"]


def test_a_schedule_keeps_its_operation(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    wanted = replace(services.wanted_of(schedule), operation="inventory.sync")
    with pytest.raises(InputError, match="keeps its operation"):
        services.change_schedule(schedule, wanted, actor=cast.otto)


def test_doing_it_twice_changes_nothing(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    for _ in range(2):
        services.pause_schedule(schedule, actor=cast.otto)
    for _ in range(2):
        services.archive_schedule(schedule, actor=cast.otto)
    assert actions() == ["schedule.add", "schedule.pause", "schedule.archive"]


def test_an_archived_schedule_is_restored_before_it_is_used(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    archived = services.archive_schedule(schedule, actor=cast.otto)
    for use in (
        lambda: services.run_now(archived, actor=cast.otto, trigger=Trigger.PERSON, nonce="1"),
        lambda: services.pause_schedule(archived, actor=cast.otto),
        lambda: services.change_schedule(archived, services.wanted_of(archived), actor=cast.otto),
    ):
        with pytest.raises(Conflict, match="archived"):
            use()
    with tenant_scope(cast.contoso):
        assert list(queries.schedule_list()) == []
        assert list(queries.schedule_list(archived=True)) == [schedule]
    assert services.restore_schedule(schedule, actor=cast.otto).is_on


def test_a_copy_is_paused_and_owned_by_who_makes_it(cast):
    Membership.objects.filter(user=cast.ana).update(role=Role.MANAGER)
    schedule = make_schedule(cast.contoso, cast.otto)
    copies = [services.duplicate_schedule(schedule, actor=cast.ana) for _ in range(2)]
    assert [copy.name for copy in copies] == ["Copy of Nightly", "Copy 2 of Nightly"]
    assert {copy.owner for copy in copies} == {cast.ana}
    assert not any(copy.is_on for copy in copies)


def test_deleting_leaves_its_runs(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    tick(NIGHT)
    services.delete_schedule(schedule, actor=cast.otto)
    assert not Schedule.all_tenants.exists()
    run = newest_run()
    assert run.is_open
    assert cancel_run(run, actor=cast.otto).outcome == "cancelled"
    assert actions() == ["schedule.add", "schedule.delete"]


# ── Runs that people ask for ──────────────────────────────────────────────────────────────────────────────


def now(schedule, actor, nonce):
    return services.run_now(schedule, actor=actor, trigger=Trigger.PERSON, nonce=nonce)


def test_run_now_is_the_persons_own_and_once_for_each_request(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    run, created = now(schedule, cast.ana, "form-1")
    assert created
    assert (run.operation, run.initiator) == ("backup_schedule.run_now", cast.ana)
    assert run.subject == "Nightly (check permissions), asked for now"
    assert run.context == {"schedule": schedule.pk}
    again, created = now(schedule, cast.ana, "form-1")
    assert (again.pk, created) == (run.pk, False)
    other, created = now(schedule, cast.ana, "form-2")
    assert created
    assert other.pk != run.pk


def test_run_now_needs_what_the_work_needs(cast):
    schedule = make_schedule(cast.contoso, cast.otto, operation="retention.apply")
    with pytest.raises(NotAllowed, match="the right to run schedules at once"):
        now(schedule, cast.olu, "1")
    with pytest.raises(NotAllowed, match="the right to delete backup sets"):
        now(schedule, cast.ana, "2")
    with pytest.raises(NotFound):
        now(schedule, cast.eve, "3")
    assert not OperationRun.all_tenants.exists()


def test_a_slot_that_was_skipped_or_failed_is_done_again(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    tick(NIGHT)
    busy = newest_run()
    tick(NIGHT + DAY)
    with tenant_scope(cast.contoso):
        skipped, started = queries.slot_list(schedule)
        with pytest.raises(Conflict, match="not ended"):
            services.retry_slot(started, actor=cast.ana, trigger=Trigger.PERSON, nonce="1")
        cancel_run(busy, actor=cast.otto)
        started.refresh_from_db()
        first, _ = services.retry_slot(started, actor=cast.ana, trigger=Trigger.PERSON, nonce="1")
        second, _ = services.retry_slot(skipped, actor=cast.ana, trigger=Trigger.PERSON, nonce="1")
    assert (first.operation, first.parent, first.initiator) == ("backup_schedule.retry", busy, cast.ana)
    assert second.subject == "Nightly, due 2026-11-25 02:00 UTC"
    assert len(told_of(schedule)) == 2


def test_nobody_smuggles_other_work_in_under_a_schedules_name(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    params = services.run_params(schedule)
    for changes in ({"operation": "inventory.sync"}, {"params": {"x": 1}}):
        with pytest.raises(InputError, match="not the work of the schedule"):
            start_run(
                "backup_schedule.run_now",
                tenant=cast.contoso,
                params={**params, **changes},
                actor=cast.otto,
                trigger=Trigger.PERSON,
            )
    with pytest.raises(NotFound):
        start_run(
            "backup_schedule.run_now",
            tenant=cast.fabrikam,
            params=params,
            actor=cast.otto,
            trigger=Trigger.PERSON,
        )


def test_a_slot_has_one_run_whoever_asks_for_another(cast):
    make_schedule(cast.contoso, cast.otto)
    tick(NIGHT)
    run = cancel_run(newest_run(), actor=cast.otto)
    with pytest.raises(Conflict, match="dealt with already"):
        start_run(
            run.operation,
            tenant=cast.contoso,
            params=run.params,
            actor=cast.otto,
            trigger=Trigger.PERSON,
        )


# ── What is shown ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_next_slots_of_a_tenant_come_soonest_first(cast):
    make_schedule(cast.contoso, cast.otto, name="Late", at="07:00")
    make_schedule(cast.contoso, cast.otto, name="Early", at="03:00")
    services.pause_schedule(make_schedule(cast.contoso, cast.otto, name="Off"), actor=cast.otto)
    with tenant_scope(cast.contoso):
        found = queries.next_due(number=3)
    assert [each.name for each, _ in found] == ["Early", "Late"]
    assert found[0][1].at == datetime(2026, 11, 24, 3, tzinfo=UTC)


def test_a_row_has_what_came_last_and_what_comes_next(cast):
    make_schedule(cast.contoso, cast.otto)
    services.pause_schedule(make_schedule(cast.contoso, cast.otto, name="Off"), actor=cast.otto)
    tick(NIGHT)
    with tenant_scope(cast.contoso):
        rows = queries.schedule_rows(queries.schedule_list(), at=NIGHT + timedelta(hours=1))
    assert (rows[0].last_run, rows[0].last_slot.state) == (newest_run(), "started")
    assert rows[0].following.at == NIGHT + DAY
    assert rows[0].cadence == "Every day at 02:00 UTC"
    assert (rows[1].following, rows[1].last_run) == (None, None)


# ── Followers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_member_follows_for_oneself(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    services.follow_schedule(schedule, user=cast.olu, told=Tell.ALWAYS, actor=cast.olu)
    assert queries.people_told(schedule, problem=False) == sorted([cast.otto.pk, cast.olu.pk])
    services.unfollow_schedule(schedule, user=cast.olu, actor=cast.olu)
    assert queries.people_told(schedule, problem=True) == [cast.otto.pk]


def test_who_is_no_member_is_not_told(cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    with pytest.raises(InputError, match="not a member"):
        services.follow_schedule(schedule, user=cast.eve, told=Tell.ALWAYS, actor=cast.otto)
    services.follow_schedule(schedule, user=cast.ana, told=Tell.ALWAYS, actor=cast.otto)
    with pytest.raises(NotAllowed):
        services.unfollow_schedule(schedule, user=cast.ana, actor=cast.olu)
    Membership.objects.filter(user__in=[cast.ana, cast.otto]).delete()
    assert queries.people_told(schedule, problem=True) == []
