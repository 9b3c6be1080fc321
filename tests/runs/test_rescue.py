"""The keeper finds what fell between two chairs, and only one keeper acts on it."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from tenantatlas.core import clock
from tenantatlas.runs import dispatch, journal, monitoring, rescue
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem, Worker
from tenantatlas.runs.services import start_run


class Engine:
    """What the engine would know, and what it was given."""

    def __init__(self):
        self.states = {}
        self.given = []
        self.dropped = []
        self.forgotten = [3, 0]

    def job_states(self, handed):
        return {pair: self.states.get(pair, "none") for pair in handed}

    def hand_over(self, run):
        self.given.append((run.pk, run.dispatch))
        return True

    def drop_job(self, run_id, dispatch_number):
        self.dropped.append((run_id, dispatch_number))

    def forget_finished(self, _before):
        return self.forgotten.pop(0)


@pytest.fixture
def fake_engine(monkeypatch):
    fake = Engine()
    for name in ("job_states", "hand_over", "drop_job", "forget_finished"):
        monkeypatch.setattr(dispatch, name, getattr(fake, name))
    return fake


def begin(cast):
    made, _ = start_run(
        "toy.play", tenant=cast.contoso, params={"names": ["a"]}, actor=cast.ana, trigger=Trigger.PERSON
    )
    return made


@pytest.fixture
def run(cast):
    return begin(cast)


def change(run, **fields):
    OperationRun.all_tenants.filter(pk=run.pk).update(**fields)


def fresh(run):
    return OperationRun.all_tenants.get(pk=run.pk)


def long_ago(seconds=3600.0):
    return clock.now() - timedelta(seconds=seconds)


def worker(name, *, silent=0.0, stopped=False):
    rescue.register_worker(name, embedded=False)
    Worker.objects.filter(pk=name).update(
        heartbeat_at=Now() - timedelta(seconds=silent), stopped_at=Now() if stopped else None
    )


# ── Queued runs ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_queued_run_without_a_job_is_handed_over_again(run, fake_engine):
    assert rescue.dispatch_orphans() == 0
    change(run, dispatched_at=long_ago())
    assert rescue.dispatch_orphans() == 1
    assert fake_engine.given == [(run.pk, 1)]
    assert rescue.dispatch_orphans() == 0


@pytest.mark.parametrize("state", ["waiting", "working"])
def test_one_with_a_job_is_left_alone(run, fake_engine, state):
    change(run, dispatched_at=long_ago())
    fake_engine.states[run.pk, 1] = state
    assert rescue.dispatch_orphans() == 0


def test_a_used_up_job_gets_the_next_number(run, fake_engine):
    change(run, dispatched_at=long_ago())
    fake_engine.states[run.pk, 1] = "over"
    assert rescue.dispatch_orphans() == 1
    assert fake_engine.given == [(run.pk, 2)]
    assert fresh(run).dispatch == 2


@pytest.mark.usefixtures("run", "fake_engine")
def test_a_launch_hands_over_what_is_queued_at_once():
    assert rescue.dispatch_orphans(older_than=0) == 1


def test_waiting_runs_are_no_orphans_until_their_time_has_come(run, fake_engine):
    later = clock.now() + timedelta(minutes=1)
    journal.put_aside(run.pk, dispatch=1, reason="throttled", until=later)
    change(run, dispatched_at=long_ago())
    assert rescue.dispatch_orphans() == 0
    assert rescue.end_waits() == 0
    change(run, waiting_until=long_ago())
    assert rescue.end_waits() == 1
    assert rescue.end_waits() == 0
    assert fake_engine.given == [(run.pk, 2)]
    assert fresh(run).waiting_reason == ""


def test_of_two_keepers_one_ends_a_wait(run):
    journal.put_aside(run.pk, dispatch=1, reason="throttled", until=long_ago())
    assert journal.end_wait(run.pk, dispatch=2)
    assert not journal.end_wait(run.pk, dispatch=2)


# ── Fair shares ──


def start_many(cast, number, **who):
    made = []
    for name in "abcdefgh"[:number]:
        what = {"tenant": cast.contoso, "actor": cast.ana, "trigger": Trigger.PERSON, **who}
        made.append(start_run("toy.play", params={"names": [name]}, **what)[0])
    return made


def reasons(runs):
    return [fresh(run).waiting_reason for run in runs]


def test_a_tenant_has_three_runs_with_the_engine_and_others_are_not_behind_its_queue(cast, fake_engine):
    runs = start_many(cast, 6)
    other = start_many(cast, 1, tenant=cast.fabrikam, actor=cast.eve)
    assert reasons(runs) == ["", "", "", "fair_share", "fair_share", "fair_share"]
    assert reasons(other) == [""]
    dispatch.run_inline(runs[1])
    assert rescue.end_waits() == 1
    assert fake_engine.given[-1] == (runs[3].pk, 1)
    assert reasons(runs[3:]) == ["", "fair_share", "fair_share"]


def test_a_run_that_waits_makes_room(cast, fake_engine):
    runs = start_many(cast, 4)
    journal.put_aside(runs[0].pk, dispatch=1, reason="throttled", until=clock.now() + timedelta(hours=1))
    assert rescue.end_waits() == 1
    assert fake_engine.given[-1] == (runs[3].pk, 1)


def test_room_that_nobody_took_is_found(cast, fake_engine):
    runs = start_many(cast, 5)
    change(runs[0], tenant=cast.fabrikam)
    assert rescue.end_waits() == 0
    rescue.admit_waiting()
    rescue.admit_waiting()
    assert rescue.end_waits() == 1
    assert fake_engine.given[-1] == (runs[3].pk, 1)


# ── Running runs ──────────────────────────────────────────────────────────────────────────────────────────


def in_hand_of(run, name, *, silent):
    journal.claim_run(run.pk, dispatch=1, worker=name)
    change(run, heartbeat_at=long_ago(silent))


@pytest.mark.usefixtures("needs_postgresql")
@pytest.mark.parametrize("gone", [{"silent": 3600.0}, {"stopped": True}])
def test_runs_of_a_worker_that_is_gone_are_taken_over(run, fake_engine, gone):
    worker("w1", **gone)
    worker("w2")
    in_hand_of(run, "w1", silent=1)
    fake_engine.states[run.pk, 1] = "working"
    assert rescue.rescue_lost_runs("w2") == 1
    assert (fake_engine.given, fake_engine.dropped) == ([(run.pk, 2)], [(run.pk, 1)])
    rescued = fresh(run)
    assert (rescued.status, rescued.dispatch, rescued.stalls, rescued.worker) == ("queued", 2, 1, "")
    assert Worker.objects.get(pk="w1").stopped_at is not None
    assert rescue.rescue_lost_runs("w2") == 0


@pytest.mark.usefixtures("needs_postgresql")
@pytest.mark.django_db(transaction=True)
def test_what_a_lost_worker_has_open_is_ended_and_holds_up_nobody(transactional_cast, fake_engine):
    run = begin(transactional_cast)
    worker("w1", silent=3600.0)
    worker("w2")
    in_hand_of(run, "w1", silent=1)
    fake_engine.states[run.pk, 1] = "working"
    frozen = psycopg.connect(**connection.get_connection_params() | {"application_name": "tenantatlas-w1"})
    frozen.execute("UPDATE runs_operationrun SET heartbeat_at = now() WHERE id = %s", [run.pk])

    assert rescue.rescue_lost_runs("w2") == 1

    assert fresh(run).dispatch == 2
    with pytest.raises(psycopg.OperationalError):
        frozen.commit()
    frozen.close()


def test_a_live_worker_keeps_its_runs(run, fake_engine):
    worker("w1")
    in_hand_of(run, "w1", silent=1)
    fake_engine.states[run.pk, 1] = "working"
    assert rescue.rescue_lost_runs("w1") == 0
    change(run, heartbeat_at=long_ago())
    assert rescue.rescue_lost_runs("w1") == 0


def test_a_run_whose_job_broke_off_is_rescued_from_a_live_worker(run, fake_engine):
    worker("w1")
    in_hand_of(run, "w1", silent=3600)
    fake_engine.states[run.pk, 1] = "over"
    assert rescue.rescue_lost_runs("w1") == 1
    assert fake_engine.dropped == []


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("needs_sqlite")
def test_the_embedded_engine_brings_back_its_own_jobs_first(run, fake_engine):
    worker("old", stopped=True)
    worker("new")
    in_hand_of(run, "old", silent=1)
    fake_engine.states[run.pk, 1] = "working"
    assert rescue.rescue_lost_runs("new") == 0
    change(run, heartbeat_at=long_ago())
    assert rescue.rescue_lost_runs("new") == 1


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("needs_sqlite")
@pytest.mark.django_db
def test_a_new_embedded_worker_retires_the_old_ones():
    worker("old")
    worker("new")
    assert [one.pk for one in monitoring.workers()] == ["new"]


@pytest.mark.django_db
def test_a_retired_worker_is_not_alive():
    worker("w1")
    assert [one.pk for one in monitoring.workers()] == ["w1"]
    rescue.retire_worker("w1")
    assert list(monitoring.workers()) == []
    rescue.beat_worker("w1")
    assert [one.pk for one in monitoring.workers()] == ["w1"]


# ── The round ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_round_does_what_is_due(run, fake_engine, virtual_clock):
    keeper = rescue.Keeper(worker="w1")
    worker("w1", silent=10)
    change(run, dispatched_at=long_ago())
    keeper()
    assert fake_engine.given == [(run.pk, 1)]
    assert fake_engine.forgotten == []
    change(run, dispatched_at=long_ago())
    keeper()
    assert len(fake_engine.given) == 1
    virtual_clock.advance(3)
    keeper()
    assert len(fake_engine.given) == 2


# ── Retention ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("fake_engine")
def test_old_runs_go_with_all_that_belongs_to_them_and_children_stay(cast, run):
    old = dispatch.run_inline(run)
    child, _ = start_run(
        "toy.play",
        tenant=cast.contoso,
        params={"names": ["b"]},
        actor=cast.ana,
        trigger=Trigger.PERSON,
        parent=old,
    )
    child = dispatch.run_inline(child)
    still_open, _ = start_run(
        "toy.play", tenant=cast.contoso, params={"names": ["c"]}, actor=cast.ana, trigger=Trigger.PERSON
    )
    days = timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS)
    with clock.use_clock(clock.VirtualClock(old.ended_at + days + timedelta(microseconds=1))):
        assert rescue.apply_retention() == 1
    assert {one.pk for one in OperationRun.all_tenants.all()} == {child.pk, still_open.pk}
    assert fresh(child).parent_id is None
    assert not RunItem.all_tenants.filter(run_id=old.pk).exists()
    assert not RunEvent.all_tenants.filter(run_id=old.pk).exists()


def test_a_job_that_a_lost_worker_took_is_given_to_others(run, fake_engine):
    change(run, dispatched_at=long_ago())
    fake_engine.states[run.pk, 1] = "lost"
    assert rescue.dispatch_orphans() == 1
    assert fake_engine.given == [(run.pk, 2)]
    assert fake_engine.dropped == [(run.pk, 1)]
    assert (fresh(run).status, fresh(run).dispatch, fresh(run).stalls) == ("queued", 2, 0)
    assert rescue.dispatch_orphans() == 0
