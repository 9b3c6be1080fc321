"""A run's life against a plain model: two workers, cancelling, crashes, rescues, waits, in any order."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tenantatlas.audit.queries import verify_chain
from tenantatlas.core import clock
from tenantatlas.core.errors import Rejected, Throttled
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import executor, items, journal
from tenantatlas.runs.context import Hand, Word
from tenantatlas.runs.lifecycle import RunStatus, Trigger, may_become
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem
from tenantatlas.runs.services import cancel_run, start_run
from tests.cast import make_cast

from . import toys

PARTS = (executor.begin, executor.plan, executor.work, executor.finish)
WORKERS = st.sampled_from(["w1", "w2"])
ENDED = ("succeeded", "failed", "skipped", "unknown", "needs_decision", "not_started")


class Undo(Exception):
    """Ends an example's transaction."""


class RunLife(RuleBasedStateMachine):
    """The model: which part each worker believes comes next, and under which dispatch."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        toys.script.clear()
        self.believes: dict[str, tuple[int, Word, int]] = {}
        self.statuses = [RunStatus.QUEUED]
        self.final: dict | None = None

    def teardown(self) -> None:
        try:
            assert verify_chain(self.cast.contoso.pk).intact
        finally:
            self.transaction.__exit__(Undo, Undo(), None)

    @initialize(operation=st.sampled_from(["toy.play", "toy.write"]), bad=st.sets(st.sampled_from("abcdefg")))
    def start(self, operation, bad):
        self.cast = make_cast()
        self.run, _ = start_run(
            operation,
            tenant=self.cast.contoso,
            params={"names": list("abcdefg"), "lanes": 2},
            actor=self.cast.ana,
            trigger=Trigger.PERSON,
        )
        for name in bad:
            toys.script[name] = self.refuse

    @staticmethod
    def refuse(_ctx, _item):
        raise Rejected("No.")

    def row(self) -> OperationRun:
        return OperationRun.all_tenants.select_related("tenant").get(pk=self.run.pk)

    @rule(worker=WORKERS)
    def take(self, worker):
        """The engine gives a worker the run's present job."""
        self.believes[worker] = (self.row().dispatch, Word.GO, 0)

    @precondition(lambda self: self.believes)
    @rule(worker=WORKERS)
    def do_next_part(self, worker):
        """A worker goes on where it believes to be, zombie or not."""
        dispatch, word, part = self.believes.get(worker, (0, Word.GONE, 0))
        if word is Word.GO:
            word = PARTS[part](self.run.pk, dispatch=dispatch, hand=Hand.alone(worker))
            part = max(part, min(part + 1, 2))
            self.believes[worker] = (dispatch, word, part)
        elif word is Word.DONE:
            executor.finish(self.run.pk, dispatch=dispatch, hand=Hand.alone(worker))
            del self.believes[worker]

    @rule(worker=WORKERS)
    def crash(self, worker):
        """A worker dies; the engine repeats its last part somewhere."""
        if worker in self.believes:
            dispatch, _, part = self.believes.pop(worker)
            other = "w2" if worker == "w1" else "w1"
            self.believes[other] = (dispatch, Word.GO, max(0, part - 1))

    @rule(worker=WORKERS)
    def crash_with_items_in_hand(self, worker):
        dispatch, word, part = self.believes.get(worker, (0, Word.GONE, 0))
        row = self.row()
        if word is Word.GO and part >= 2 and row.dispatch == dispatch and row.status == RunStatus.RUNNING:
            items.take_items(self.run.pk, dispatch=dispatch, lane="lane0", size=2)
        self.crash(worker)

    @rule()
    def rescue(self):
        """The keeper believes the worker to be dead, rightly or not."""
        row = self.row()
        journal.rescue_run(row.pk, dispatch=row.dispatch, why="silent")

    @rule(name=st.sampled_from("abcdefg"))
    def throttle_once(self, name):
        def slow_down(_ctx, _item):
            del toys.script[name]
            raise Throttled(retry_after=600)

        if name not in toys.script:
            toys.script[name] = slow_down

    @rule()
    def wait_is_over(self):
        row = self.row()
        journal.end_wait(row.pk, dispatch=row.dispatch)

    @rule()
    def cancel(self):
        cancel_run(self.row(), actor=self.cast.ana)

    @invariant()
    def only_allowed_steps(self):
        status = RunStatus(self.row().status)
        if status != self.statuses[-1]:
            assert may_become(self.statuses[-1], status)
            self.statuses.append(status)

    @invariant()
    def a_completed_run_never_changes(self):
        values = OperationRun.all_tenants.filter(pk=self.run.pk).values().get()
        if values["status"] == RunStatus.COMPLETED:
            self.final = self.final or values
            assert values == self.final

    @invariant()
    def completed_means_all_told(self):
        row = self.row()
        states = dict(RunItem.all_tenants.filter(run=row).values_list("key", "state"))
        ends = RunEvent.all_tenants.filter(run=row, kind="ended").count()
        assert ends == (row.status == RunStatus.COMPLETED)
        assert Notification.objects.filter(user=self.cast.ana).count() == 1
        if row.status == RunStatus.COMPLETED:
            assert all(state in ENDED for state in states.values())
            assert row.counts.get("total") == len(states)
            holder = type(row.tenant).objects.get(pk=row.tenant_id).writer_run
            assert holder is None

    @invariant()
    def each_item_has_one_result(self):
        """A second result for an item would have been refused by the journal with an error."""
        done = [what[1] for what in toys.told if what[0] == "ended"]
        assert len(done) <= 1

    def _end(self) -> None:
        """Left alone with one worker, every run ends."""
        for _ in range(40):
            row = self.row()
            if row.status == RunStatus.COMPLETED:
                return
            if row.status == RunStatus.RUNNING:
                journal.rescue_run(row.pk, dispatch=row.dispatch, why="silent")
            executor.execute(row.pk, dispatch=self.row().dispatch, hand=Hand.alone("w9"))
        raise AssertionError("the run does not end")

    @precondition(lambda self: self.statuses[-1] != RunStatus.COMPLETED)
    @rule()
    def let_it_end(self):
        self._end()


def live(examples, steps):
    with clock.use_clock(clock.VirtualClock()):

        class Fresh(RunLife):
            def __init__(self) -> None:
                toys.told.clear()
                super().__init__()

        run_state_machine_as_test(
            Fresh,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )


@pytest.mark.django_db
def test_a_run_lives_like_the_model():
    live(examples=25, steps=20)


@pytest.mark.deep
@pytest.mark.django_db
def test_a_run_lives_like_the_model_for_long():
    live(examples=400, steps=50)
