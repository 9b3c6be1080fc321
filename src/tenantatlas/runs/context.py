"""A run in hand: who works it, what its operation may ask and tell, and the heart that beats meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError, connections

from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.tenants.queries import has_capability

from . import items, journal
from .lifecycle import ItemState, Trigger
from .models import OperationRun, RunItem
from .registry import Fenced, ItemResult, ItemSpec, Operation, crash_point, get_operation, params_from_json

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenantatlas.tenants.models import Tenant

_PLAN_AT_ONCE = 500
_HEART_SECONDS = 1.0
#: How long a right that was taken away may still be used: this, and the item in hand.
_RIGHT_SECONDS = 5.0


class Word(StrEnum):
    """What a part of the work says to whoever carries it."""

    GO = "go"  # there is more to do: the next part
    DONE = "done"  # nothing is left to do: finish
    ASIDE = "aside"  # put aside; the keeper brings it back
    PARKED = "parked"  # this process stops; another one goes on
    GONE = "gone"  # the run is not ours, or completed


class Crew(Enum):
    """Who works the lanes."""

    SIDE_BY_SIDE = "threads"
    ALONE = "calling thread"


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Which process works a run, how, and when it shall stop."""

    worker: str
    crew: Crew = Crew.SIDE_BY_SIDE
    stopping: threading.Event

    @staticmethod
    def alone(worker: str) -> Hand:
        """The calling thread, never asked to stop."""
        return Hand(worker=worker, crew=Crew.ALONE, stopping=threading.Event())


class WorkContext:
    """The `RunContext` of a run in hand."""

    def __init__(self, run: OperationRun, *, op: Operation[Any], hand: Hand) -> None:
        self.run = run
        self.tenant: Tenant = run.tenant
        self.op: Operation[Any]
        self.params: Any
        self.op, self.params = op.carried(params_from_json(op, run.params))
        self.dispatch: int = run.dispatch
        self.hand = hand
        self.halted = threading.Event()
        self.asked = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.get_ident()
        self._looked = clock.monotonic()

    def cancelled(self) -> bool:
        if self.halted.is_set() or self.asked.is_set() or self.hand.stopping.is_set():
            return True
        if self.hand.crew is Crew.ALONE and threading.get_ident() == self._thread:
            self.look()  # only here: another thread would open a database connection of its own
        return self.asked.is_set()

    def look(self) -> None:
        """Read whether a person asked to stop, and now and then whether who started it still may do this.

        Whoever may not any more halts the items; the next part of the work says so, and ends the run.
        """
        asked = OperationRun.all_tenants.filter(pk=self.run.pk).exclude(cancel_asked_at=None)
        if asked.exists():
            self.asked.set()
        if clock.monotonic() - self._looked >= _RIGHT_SECONDS * clock.scale():
            self._looked = clock.monotonic()
            if why_not_any_more(self.run, self.op):
                self.halted.set()

    def beat(self) -> None:
        try:
            items.beat(self.run.pk, dispatch=self.dispatch)
        except Fenced:
            self.lost.set()
            raise

    def add_items(self, specs: Iterable[ItemSpec]) -> int:
        number, rest = 0, iter(specs)
        while batch := list(islice(rest, _PLAN_AT_ONCE)):
            number += items.add_items(self.run, dispatch=self.dispatch, specs=batch)
            crash_point("items_added")
        return number

    def record(self, result: ItemResult) -> None:
        items.record_results(self.run.pk, dispatch=self.dispatch, results=[result])

    def set_context(self, **related: Json) -> None:
        self.run.context = journal.set_context(self.run.pk, dispatch=self.dispatch, related=related)

    def set_waiting(self, reason: str, until: datetime | None) -> None:
        journal.set_waiting(self.run.pk, dispatch=self.dispatch, reason=reason, until=until)

    def mark_incomplete(self, code: str, message: str) -> None:
        journal.note_incomplete(self.run.pk, dispatch=self.dispatch, code=code, message=message)

    def items(self, *states: ItemState) -> QuerySet[RunItem]:
        rows = RunItem.objects.filter(run_id=self.run.pk).order_by("position")
        return rows.filter(state__in=[state.value for state in states]) if states else rows

    def crash_point(self, name: str) -> None:
        crash_point(name)


def why_not_any_more(run: OperationRun, op: Operation[Any]) -> str:
    """Why who started the run may not do this now, asked of the database; empty when they may."""
    if run.initiator is None:
        known = run.trigger == Trigger.SYSTEM
        return "" if known else "Who started this run is not known here any more."
    for needed in sorted({get_operation(run.operation).needs, op.needs}):
        if not has_capability(run.initiator, run.tenant, needed):
            return f"{run.initiator_name} may not do this any more: needs {needed}."
    return ""


@contextmanager
def heart_of(ctx: WorkContext) -> Iterator[None]:
    """Beat and look for a request to stop, each second, from a thread of its own."""
    if ctx.hand.crew is Crew.ALONE:
        ctx.look()
        yield
        return
    ctx.look()
    over = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(ctx, over), name=f"heart-{ctx.run.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat_until(ctx: WorkContext, over: threading.Event) -> None:
    try:
        while not over.wait(_HEART_SECONDS):
            try:
                ctx.beat()
                ctx.look()
            except (OperationalError, InterfaceError):
                connections.close_all()  # our database is away; the next beat tries again
    except Fenced:
        ctx.halted.set()
    finally:
        connections.close_all()


def stop_word(ctx: WorkContext) -> Word:
    """Why the work stops at this boundary: a person, or this process."""
    if ctx.lost.is_set():
        return Word.GONE
    if ctx.asked.is_set():
        return Word.DONE
    if ctx.hand.stopping.is_set():
        ours = journal.put_aside(ctx.run.pk, dispatch=ctx.dispatch, reason="", until=None)
        return Word.PARKED if ours else Word.GONE
    return Word.GO
