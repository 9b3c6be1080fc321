"""Works one run: plan → each item once → roll up → finish. Knows nothing of the engine that carries it.

    begin ──▶ plan ──▶ work ──▶ work ── … ──▶ finish
      │         │        │                      │        each returns the word that decides what comes next
      ▼         ▼        ▼                      ▼
     gone     aside    aside, parked          gone

Every part finds its state in our rows, so doing a part twice does nothing twice. A part takes at most
about twenty seconds plus the chunk in hand. Items of one lane go in order, lanes side by side, each on a
thread of its own (`Crew.SIDE_BY_SIDE`) or one after the other in the calling thread (`Crew.ALONE`).
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import InterfaceError, OperationalError, connections

from tenantatlas.core import clock, ids
from tenantatlas.core.errors import (
    AtlasError,
    Cancelled,
    InternalError,
    NotAllowed,
    Snoozed,
    Throttled,
    WorkerLost,
    WritesHeld,
)
from tenantatlas.core.json import Json
from tenantatlas.core.log import log_fields, redact_text
from tenantatlas.tenants.queries import has_capability
from tenantatlas.tenants.scope import tenant_scope

from . import journal
from .lifecycle import ItemState, Trigger, WaitReason
from .models import OperationRun, RunItem
from .registry import (
    LONGEST_WAIT_IN_HAND,
    Fenced,
    ItemResult,
    ItemSpec,
    Operation,
    crash_point,
    get_operation,
    params_from_json,
    puts_aside,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenantatlas.tenants.models import Tenant

log = logging.getLogger(__name__)

PART_SECONDS = 20.0
_PLAN_AT_ONCE = 500
_RECORDED_AT_ONCE = 100
_FLUSH_SECONDS = 1.0
_HEART_SECONDS = 1.0
_TENANT_BUSY_SECONDS = 30.0
_THROTTLE_SECONDS = 30.0
_MOST_STALLS = 3
_MOST_ATTEMPTS = 500


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
        self.op = op
        self.params: Any = params_from_json(op, run.params)
        self.dispatch: int = run.dispatch
        self.hand = hand
        self.halted = threading.Event()
        self.asked = threading.Event()
        self.lost = threading.Event()

    def cancelled(self) -> bool:
        if self.halted.is_set() or self.asked.is_set() or self.hand.stopping.is_set():
            return True
        if self.hand.crew is Crew.ALONE:
            self.look()
        return self.asked.is_set()

    def look(self) -> None:
        """Read whether a person asked to stop."""
        asked = OperationRun.all_tenants.filter(pk=self.run.pk).exclude(cancel_asked_at=None)
        if asked.exists():
            self.asked.set()

    def beat(self) -> None:
        try:
            journal.beat(self.run.pk, dispatch=self.dispatch)
        except Fenced:
            self.lost.set()
            raise

    def add_items(self, specs: Iterable[ItemSpec]) -> int:
        number, rest = 0, iter(specs)
        while batch := list(islice(rest, _PLAN_AT_ONCE)):
            number += journal.add_items(self.run, dispatch=self.dispatch, specs=batch)
            crash_point("items_added")
        return number

    def record(self, result: ItemResult) -> None:
        journal.record_results(self.run.pk, dispatch=self.dispatch, results=[result])

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


# ── The parts ─────────────────────────────────────────────────────────────────────────────────────────────


def begin(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Take the run in hand, unless it is not ours or has to wait."""
    run = _fetch(run_id)
    if run is None or run.dispatch != dispatch or not run.is_open:
        return Word.GONE
    if _has_to_wait(run):
        return _aside(run, WaitReason.TENANT_BUSY, after=_TENANT_BUSY_SECONDS)
    if not journal.claim_run(run_id, dispatch=dispatch, worker=hand.worker):
        return Word.GONE
    crash_point("claimed")
    return Word.GO


def plan(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Store the run's items, once; a retry brings its items along."""

    def part(ctx: WorkContext) -> Word:
        _check_still_allowed(ctx)
        if ctx.run.planned_at is not None:
            return Word.GO
        if ctx.cancelled():
            return _stop_word(ctx)
        if ctx.run.stalls >= _MOST_STALLS:
            raise WorkerLost
        ctx.add_items(ctx.op.plan(ctx))
        journal.mark_planned(run_id, dispatch=dispatch)
        crash_point("planned")
        return Word.GO

    return _guarded(run_id, dispatch=dispatch, hand=hand, part=part)


def work(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Do items until none is left, the run has to stop or wait, or the time of one part is over."""
    return _guarded(run_id, dispatch=dispatch, hand=hand, part=_work_lanes)


def finish(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Complete the domain record, then the run."""

    def part(ctx: WorkContext) -> Word:
        journal.leave_unstarted(run_id, dispatch=dispatch, writes=ctx.op.writes_tenant)
        crash_point("rolled_up")
        if ctx.run.stalls <= 2 * _MOST_STALLS:
            ctx.op.finish(ctx)
        crash_point("finished")
        return Word.DONE

    word = _guarded(run_id, dispatch=dispatch, hand=hand, part=part)
    if word is Word.DONE:
        journal.finish_run(run_id, dispatch=dispatch)
        crash_point("ended")
    return word


def execute(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """All parts in a row."""
    word = begin(run_id, dispatch=dispatch, hand=hand)
    if word is Word.GO:
        word = plan(run_id, dispatch=dispatch, hand=hand)
    while word is Word.GO:
        word = work(run_id, dispatch=dispatch, hand=hand)
    if word is Word.DONE:
        word = finish(run_id, dispatch=dispatch, hand=hand)
    return word


# ── Around every part ─────────────────────────────────────────────────────────────────────────────────────


def _fetch(run_id: int) -> OperationRun | None:
    run: OperationRun | None = (
        OperationRun.all_tenants.select_related("tenant", "initiator").filter(pk=run_id).first()
    )
    return run


def _guarded(run_id: int, *, dispatch: int, hand: Hand, part: Callable[[WorkContext], Word]) -> Word:
    """Do the part in the run's tenant, with a heart; turn what it raises into a word."""
    run = _fetch(run_id)
    if run is None or not journal.claim_run(run_id, dispatch=dispatch, worker=hand.worker):
        return Word.GONE
    with tenant_scope(run.tenant), log_fields(run=run_id, operation=run.operation):
        try:
            ctx = WorkContext(run, op=get_operation(run.operation), hand=hand)
            with _heart(ctx):
                return _until_cancelled(ctx, part)
        except Fenced:
            return Word.GONE
        except AtlasError as error:
            return _stopped_by(run, error)
        except (OperationalError, InterfaceError):
            raise  # our database is away: whoever carries the run tries this part again
        except Exception as error:  # noqa: BLE001 - it ends its run, not the worker
            return _stopped_by(run, _our_fault(run, error))


def _until_cancelled(ctx: WorkContext, part: Callable[[WorkContext], Word]) -> Word:
    try:
        return part(ctx)
    except Cancelled:
        if not ctx.cancelled():
            raise
        return _stop_word(ctx)


def _stopped_by(run: OperationRun, error: AtlasError) -> Word:
    if isinstance(error, Snoozed):
        return _aside(run, error.reason, until=error.until)
    if isinstance(error, Throttled) and run.attempts < _MOST_ATTEMPTS:
        return _aside(run, WaitReason.THROTTLED, after=error.retry_after or _THROTTLE_SECONDS)
    try:
        journal.note_error(run.pk, dispatch=run.dispatch, error=error)
    except Fenced:
        return Word.GONE
    return Word.DONE


def _our_fault(run: OperationRun, error: Exception) -> InternalError:
    reference = ids.fresh_id()[:8]
    log.error(
        "run_broke", extra={"reference": reference, "error": redact_text(repr(error))[:500]}, exc_info=error
    )
    return InternalError(
        f"This is our fault: something unexpected happened (reference {reference}).",
        hint=f"The log has the details under reference {reference}.",
        details={"reference": reference, "run": run.pk},
    )


def _has_to_wait(run: OperationRun) -> bool:
    """Whether another run is writing to the tenant; else this one is its writer from now on."""
    if run.cancel_asked_at is not None or run.tenant.writes_held or run.error is not None:
        return False
    try:
        op = get_operation(run.operation)
    except AtlasError:
        return False  # planning says so, and ends the run
    return op.writes_tenant and not journal.claim_writer(run)


def _check_still_allowed(ctx: WorkContext) -> None:
    """Who started it must still be allowed to, and the tenant's writes must not be held."""
    run, op = ctx.run, ctx.op
    if op.writes_tenant and ctx.tenant.writes_held:
        raise WritesHeld
    if run.initiator is None:
        if run.trigger != Trigger.SYSTEM:
            raise NotAllowed("Who started this run is not known here any more.")
        return
    if not has_capability(run.initiator, ctx.tenant, op.needs):
        raise NotAllowed(f"{run.initiator_name} may not do this any more: needs {op.needs}.")


@contextmanager
def _heart(ctx: WorkContext) -> Iterator[None]:
    """Beat and look for a request to stop, each second, from a thread of its own."""
    if ctx.hand.crew is Crew.ALONE:
        ctx.look()
        yield
        return
    ctx.look()
    over = threading.Event()
    heart = threading.Thread(target=_beat_until, args=(ctx, over), name=f"heart-{ctx.run.pk}", daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()


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


def _aside(run: OperationRun, reason: str, *, until: datetime | None = None, after: float = 0.0) -> Word:
    when = until or clock.now() + timedelta(seconds=after / clock.scale())
    ours = journal.put_aside(run.pk, dispatch=run.dispatch, reason=reason, until=when)
    crash_point("put_aside")
    return Word.ASIDE if ours else Word.GONE


def _stop_word(ctx: WorkContext) -> Word:
    """Why the work stops at this boundary: a person, or this process."""
    if ctx.lost.is_set():
        return Word.GONE
    if ctx.asked.is_set():
        return Word.DONE
    if ctx.hand.stopping.is_set():
        ours = journal.put_aside(ctx.run.pk, dispatch=ctx.dispatch, reason="", until=None)
        return Word.PARKED if ours else Word.GONE
    return Word.GO


# ── The lanes ─────────────────────────────────────────────────────────────────────────────────────────────


def _work_lanes(ctx: WorkContext) -> Word:
    if ctx.run.error is not None:
        return Word.DONE
    _check_still_allowed(ctx)
    lanes = journal.open_lanes(ctx.run.pk)
    if not lanes:
        return Word.DONE
    ends = _work_alone(ctx, lanes) if ctx.hand.crew is Crew.ALONE else _work_side_by_side(ctx, lanes)
    errors = [error for error in ends.values() if error is not None]
    for error in errors:
        if not (isinstance(error, AtlasError) and puts_aside(error)):
            raise error
    if ctx.cancelled():
        return _stop_word(ctx)
    left = journal.open_lanes(ctx.run.pk)
    if left and all(ends.get(lane) is not None for lane in left):
        raise min(errors, key=_wake_time)
    return Word.GO if left else Word.DONE


def _wake_time(error: BaseException) -> datetime:
    if isinstance(error, Snoozed):
        return error.until
    seconds = getattr(error, "retry_after", None) or LONGEST_WAIT_IN_HAND
    return clock.now() + timedelta(seconds=seconds / clock.scale())


def _work_alone(ctx: WorkContext, lanes: Sequence[str]) -> dict[str, BaseException | None]:
    until = _part_end()
    return {lane: _work_lane(ctx, lane, until=until) for lane in lanes}


def _work_side_by_side(ctx: WorkContext, lanes: Sequence[str]) -> dict[str, BaseException | None]:
    until = _part_end()
    number = min(len(lanes), ctx.op.parallel_lanes)
    with ThreadPoolExecutor(max_workers=number, thread_name_prefix=f"run-{ctx.run.pk}") as pool:
        futures: dict[str, Future[BaseException | None]] = {
            lane: pool.submit(contextvars.copy_context().run, _work_lane_and_close, ctx, lane, until)
            for lane in lanes
        }
        return {lane: future.result() for lane, future in futures.items()}


def _work_lane_and_close(ctx: WorkContext, lane: str, until: float) -> BaseException | None:
    try:
        return _work_lane(ctx, lane, until=until)
    finally:
        connections.close_all()


def _part_end() -> float:
    return clock.monotonic() + PART_SECONDS * clock.scale()


def _work_lane(ctx: WorkContext, lane: str, *, until: float) -> BaseException | None:
    """Do the lane's items until the part is over; what ended it early is returned, and halts the others."""
    try:
        _settle_left_items(ctx, lane)
        while not ctx.cancelled() and clock.monotonic() < until:
            chunk = journal.take_items(ctx.run.pk, dispatch=ctx.dispatch, lane=lane, size=ctx.op.chunk_size)
            if not chunk:
                return None
            crash_point("items_taken")
            _do_chunk(ctx, chunk)
    except Fenced as error:
        ctx.lost.set()
        ctx.halted.set()
        return error
    except AtlasError as error:
        if isinstance(error, Cancelled) and ctx.cancelled():
            return None
        if not puts_aside(error):
            ctx.halted.set()
        return error
    except Exception as error:  # noqa: BLE001 - carried to the part's thread, which ends the run with it
        ctx.halted.set()
        return error
    return None


def _do_chunk(ctx: WorkContext, chunk: list[RunItem]) -> None:
    """Process the chunk, storing results as they come; what was not begun goes back."""
    left = {item.key: item for item in chunk}
    try:
        for results in _in_batches(ctx.op.process_chunk(ctx, chunk)):
            crash_point("items_processed")
            journal.record_results(ctx.run.pk, dispatch=ctx.dispatch, results=results)
            for result in results:
                left.pop(result.key, None)
            crash_point("items_recorded")
    except AtlasError as error:
        if not puts_aside(error):
            journal.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=list(left))
        raise
    unanswered = journal.keys_in_hand(ctx.run.pk, lane=chunk[0].lane) if left else []
    if unanswered and not ctx.cancelled():
        raise RuntimeError(f"{ctx.op.key} gave no result for {unanswered[:5]}")
    journal.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=unanswered)


def _in_batches(results: Iterable[ItemResult]) -> Iterator[list[ItemResult]]:
    """The results in batches: as many as there are, but none older than a second when the next one comes."""
    batch: list[ItemResult] = []
    since = clock.monotonic()
    rest = iter(results)
    while True:
        try:
            result = next(rest, None)
        except BaseException:
            if batch:
                yield batch
            raise
        if result is None:
            break
        batch.append(result)
        if len(batch) >= _RECORDED_AT_ONCE or clock.monotonic() - since >= _FLUSH_SECONDS * clock.scale():
            yield batch
            batch, since = [], clock.monotonic()
    if batch:
        yield batch


def _settle_left_items(ctx: WorkContext, lane: str) -> None:
    """Find out how the items ended that someone left in hand: a lost worker, or a run put aside."""
    not_done: list[str] = []
    for item in journal.items_left_in_hand(ctx.run.pk, lane=lane):
        if ctx.halted.is_set() or ctx.hand.stopping.is_set():
            break
        if ctx.run.stalls >= _MOST_STALLS:
            result: ItemResult | None = _given_up(ctx, item)
        else:
            result = _settled(ctx, item)
        if result is None:
            not_done.append(item.key)
        else:
            journal.record_results(ctx.run.pk, dispatch=ctx.dispatch, results=[result])
        crash_point("item_settled")
    journal.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=not_done)


def _settled(ctx: WorkContext, item: RunItem) -> ItemResult | None:
    try:
        return ctx.op.settle(ctx, item)
    except AtlasError as error:
        if error.stops_run or puts_aside(error):
            raise
        return ItemResult(
            key=item.key,
            state=ItemState.UNKNOWN,
            reason=error.code,
            message=f"How this ended could not be found out: {error.message}",
            hint=error.hint,
        )


def _given_up(ctx: WorkContext, item: RunItem) -> ItemResult:
    lost = WorkerLost()
    state = ItemState.UNKNOWN if ctx.op.writes_tenant else ItemState.FAILED
    return ItemResult(key=item.key, state=state, reason=lost.code, message=lost.message)
