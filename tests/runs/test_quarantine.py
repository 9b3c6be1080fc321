"""A run whose records break is tried three times and then ended; everybody else goes on."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import OperationalError

from tenantatlas.core import clock
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import chronicle, dispatch, endings, engine, executor, quarantine, rescue, services
from tenantatlas.runs.context import Hand, Word
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem
from tenantatlas.runs.registry import Fenced
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.models import Tenant

from . import toys


def start(cast, operation="toy.play", names="ab"):
    run, _ = start_run(
        operation, tenant=cast.contoso, params={"names": list(names)}, actor=cast.ana, trigger=Trigger.PERSON
    )
    return run


def fresh(run):
    return OperationRun.all_tenants.select_related("tenant").get(pk=run.pk)


def states(run):
    return dict(RunItem.all_tenants.filter(run=run).order_by("position").values_list("key", "state"))


def breaks(*_args, **_options):
    raise ValueError("out of order")


def attempt(run):
    """One hand-over, as the engine contains it."""
    run = fresh(run)
    try:
        return executor.execute(run.pk, dispatch=run.dispatch, hand=Hand.alone("w1"))
    except ValueError as error:
        return quarantine.contain(run.pk, dispatch=run.dispatch, error=error)


def test_the_third_time_it_is_ended_and_who_started_it_is_told(cast):
    toys.script["ended"] = breaks
    run = start(cast)
    assert [attempt(run), attempt(run)] == [Word.ASIDE, Word.ASIDE]
    assert (fresh(run).status, fresh(run).dispatch, fresh(run).breakdowns) == ("queued", 3, 2)
    assert attempt(run) is Word.GONE
    done = fresh(run)
    assert (done.status, done.outcome, done.error["code"]) == ("completed", "partially_succeeded", "internal")
    assert "broke 3 times (ValueError, reference " in done.error["message"]
    assert states(done) == {"a": "succeeded", "b": "succeeded"}
    assert Notification.objects.get(subject=f"run/{run.pk}").tone == "warning"
    assert RunEvent.all_tenants.filter(run=run, message__startswith="Attempt 3 broke").exists()


def test_it_is_ended_even_when_nothing_can_be_told_any_more(cast, monkeypatch):
    run = start(cast, "toy.write")
    executor.begin(run.pk, dispatch=1, hand=Hand.alone("w1"))
    assert Tenant.objects.get(pk=cast.contoso.pk).writer_run == run.pk
    for number in (1, 2):
        assert quarantine.note(run.pk, dispatch=number, why="bug")
    monkeypatch.setattr(endings, "audit_run", breaks)
    assert not quarantine.note(run.pk, dispatch=3, why="bug")
    done = fresh(run)
    assert (done.status, done.outcome, done.failures[0]["code"]) == ("completed", "failed", "internal")
    assert Tenant.objects.get(pk=cast.contoso.pk).writer_run is None


def test_what_was_in_hand_is_unknown_and_the_rest_was_not_started(cast):
    run = start(cast)
    executor.begin(run.pk, dispatch=1, hand=Hand.alone("w1"))
    executor.plan(run.pk, dispatch=1, hand=Hand.alone("w1"))
    RunItem.all_tenants.filter(run=run, key="a").update(state="in_hand")
    for number in (1, 2, 3):
        quarantine.note(run.pk, dispatch=number, why="bug")
    assert states(run) == {"a": "unknown", "b": "not_started"}
    assert fresh(run).outcome == "failed"


def test_an_item_recorded_in_between_starts_the_count_anew(cast):
    run = start(cast)
    quarantine.note(run.pk, dispatch=1, why="bug")
    quarantine.note(run.pk, dispatch=2, why="bug")
    done = dispatch.run_inline(fresh(run))
    assert (done.outcome, done.breakdowns) == ("succeeded", 0)


def test_a_run_that_is_no_longer_ours_is_left_alone(cast):
    run = start(cast)
    assert quarantine.contain(run.pk, dispatch=1, error=Fenced()) is Word.GONE
    assert quarantine.contain(run.pk, dispatch=7, error=ValueError()) is Word.GONE
    assert (fresh(run).dispatch, fresh(run).breakdowns) == (1, 0)
    assert not endings.give_up(run.pk, dispatch=7, error=quarantine._given_up("bug"))


def test_the_engine_contains_what_breaks_in_a_step(cast, monkeypatch):
    run = start(cast)

    def part(run_id, *, dispatch, hand):  # noqa: ARG001 - as a part of the work is called
        raise ValueError("out of order")

    monkeypatch.setattr(engine.connections, "close_all", lambda: None)
    assert engine._contained(part)(run.pk, 1) == "aside"
    assert fresh(run).breakdowns == 1


def test_an_engine_that_ends_the_job_early_counts_too(cast, monkeypatch):
    run = start(cast)
    given = []
    monkeypatch.setattr(dispatch, "hand_over", lambda one: given.append(one.dispatch) or True)
    monkeypatch.setattr(dispatch, "job_states", lambda pairs: dict.fromkeys(pairs, "over"))
    for _ in range(5):
        rescue.dispatch_orphans(older_than=0)
    assert given == [2, 3]
    assert (fresh(run).status, fresh(run).error["code"]) == ("completed", "internal")


def test_a_broken_run_does_not_hold_up_the_keeper(cast, monkeypatch):
    first, second = start(cast), start(cast, names="c")
    given = []

    def hand_over(run):
        if run.pk == first.pk:
            raise ValueError("out of order")
        given.append(run.pk)
        return True

    monkeypatch.setattr(dispatch, "hand_over", hand_over)
    monkeypatch.setattr(dispatch, "job_states", lambda pairs: dict.fromkeys(pairs, "none"))
    assert rescue.dispatch_orphans(older_than=0) == 1
    assert given == [second.pk]


def test_a_database_that_is_away_is_nobodys_bug(cast, monkeypatch):
    start(cast)

    def away(_run):
        raise OperationalError("gone")

    monkeypatch.setattr(dispatch, "hand_over", away)
    monkeypatch.setattr(dispatch, "job_states", lambda pairs: dict.fromkeys(pairs, "none"))
    with pytest.raises(OperationalError):
        rescue.dispatch_orphans(older_than=0)


def test_who_started_it_may_be_told_nothing_and_still_it_ends(cast, monkeypatch):
    """The timeline line of a break is part of counting it: when that breaks, the engine tries again."""
    run = start(cast)
    monkeypatch.setattr(chronicle.RunEvent.all_tenants, "bulk_create", breaks)
    with pytest.raises(ValueError, match="out of order"):
        quarantine.note(run.pk, dispatch=1, why="bug")
    assert fresh(run).breakdowns == 0


def test_a_database_that_refuses_the_worker_is_told_and_forgotten(monkeypatch, caplog):
    monkeypatch.setattr(engine, "_process", engine._Process())
    full = OperationalError("database or disk is full")
    with clock.use_clock(clock.VirtualClock()) as time:
        engine._note_refused("keeper", full)
        time.advance(40)
        engine._note_refused("keeper", full)
        assert engine.refused_for(60) is None
        time.advance(25)
        assert engine.refused_for(60) is full
        engine._forget_refused("keeper")
        assert engine.refused_for(60) is full
        time.advance(2 * settings.ATLAS_HEARTBEAT_SECONDS)
        engine._forget_refused("keeper")
        assert engine.refused_for(60) is None
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]


def test_who_waits_for_a_run_is_told_that_the_database_refuses_it(cast, monkeypatch):
    run = start(cast)
    full = OperationalError("database or disk is full")
    monkeypatch.setattr(services, "worker_alive", lambda: True)
    monkeypatch.setattr(dispatch, "refused_for", lambda _seconds: full)
    with pytest.raises(OperationalError, match="disk is full"):
        services.work_until_done(run)
    assert fresh(run).is_open
