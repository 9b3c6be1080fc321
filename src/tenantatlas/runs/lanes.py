"""The lanes of a run: items of one lane in order, lanes side by side, each end stored as it is known."""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import connections

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Cancelled, Snoozed, WorkerLost
from tenantatlas.graph.waiting import stop_waiting_when

from . import items
from .context import Crew, Word, WorkContext, stop_word
from .lifecycle import ItemState
from .models import RunItem
from .registry import LONGEST_WAIT_IN_HAND, Fenced, ItemResult, crash_point, puts_aside

#: About how long one part of the work takes, plus the chunk in hand.
PART_SECONDS = 20.0
#: How many losses of a worker, without an item recorded in between, make what it had in hand suspect.
MOST_STALLS = 3
_RECORDED_AT_ONCE = 100
_FLUSH_SECONDS = 1.0


def work_lanes(ctx: WorkContext) -> Word:
    """Do items until none is left, the run has to stop or wait, or the time of one part is over."""
    lanes = items.open_lanes(ctx.run.pk)
    if not lanes:
        return Word.DONE
    ends = _work_alone(ctx, lanes) if ctx.hand.crew is Crew.ALONE else _work_side_by_side(ctx, lanes)
    errors = [error for error in ends.values() if error is not None]
    for error in errors:
        if not (isinstance(error, AtlasError) and puts_aside(error)):
            raise error
    if ctx.cancelled():
        return stop_word(ctx)
    left = items.open_lanes(ctx.run.pk)
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
            chunk = items.take_items(ctx.run.pk, dispatch=ctx.dispatch, lane=lane, size=ctx.op.chunk_size)
            if not chunk:
                return None
            crash_point("items_taken")
            with stop_waiting_when(ctx.cancelled):
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
            items.record_results(ctx.run.pk, dispatch=ctx.dispatch, results=results)
            for result in results:
                left.pop(result.key, None)
            crash_point("items_recorded")
    except AtlasError as error:
        if not puts_aside(error):
            items.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=list(left))
        raise
    unanswered = items.keys_in_hand(ctx.run.pk, lane=chunk[0].lane) if left else []
    if unanswered and not ctx.cancelled():
        raise RuntimeError(f"{ctx.op.key} gave no result for {unanswered[:5]}")
    items.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=unanswered)


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
    for item in items.items_left_in_hand(ctx.run.pk, lane=lane):
        if ctx.halted.is_set() or ctx.hand.stopping.is_set():
            break
        if ctx.run.stalls >= MOST_STALLS:
            result: ItemResult | None = _given_up(ctx, item)
        else:
            result = _settled(ctx, item)
        if result is None:
            not_done.append(item.key)
        else:
            items.record_results(ctx.run.pk, dispatch=ctx.dispatch, results=[result])
        crash_point("item_settled")
    items.release_items(ctx.run.pk, dispatch=ctx.dispatch, keys=not_done)


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
