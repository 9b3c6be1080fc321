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

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError

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
from tenantatlas.core.log import log_fields, redact_text
from tenantatlas.tenants.scope import tenant_scope

from . import endings, items, journal
from .context import Hand, Word, WorkContext, heart_of, stop_word, why_not_any_more
from .lanes import MOST_STALLS, work_lanes
from .lifecycle import WaitReason
from .models import OperationRun
from .registry import (
    Fenced,
    crash_point,
    get_operation,
)

log = logging.getLogger(__name__)

_TENANT_BUSY_SECONDS = 30.0
_THROTTLE_SECONDS = 30.0


# ── The parts ─────────────────────────────────────────────────────────────────────────────────────────────


def begin(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Take the run in hand, unless it is not ours or has to wait."""
    run = _fetch(run_id)
    if run is None or run.dispatch != dispatch or not run.is_open:
        return Word.GONE
    if _has_to_wait(run):
        return _aside(run, WaitReason.TENANT_BUSY, until=_after(_TENANT_BUSY_SECONDS))
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
            return stop_word(ctx)
        if ctx.run.stalls >= MOST_STALLS:
            raise WorkerLost
        ctx.add_items(ctx.op.plan(ctx))
        items.mark_planned(run_id, dispatch=dispatch)
        crash_point("planned")
        return Word.GO

    return _guarded(run_id, dispatch=dispatch, hand=hand, part=part)


def work(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Do items until none is left, the run has to stop or wait, or the time of one part is over."""

    def part(ctx: WorkContext) -> Word:
        if ctx.run.error is not None:
            return Word.DONE
        _check_still_allowed(ctx)
        return work_lanes(ctx)

    return _guarded(run_id, dispatch=dispatch, hand=hand, part=part)


def finish(run_id: int, *, dispatch: int, hand: Hand) -> Word:
    """Complete the domain record, then the run."""

    def part(ctx: WorkContext) -> Word:
        items.leave_unstarted(run_id, dispatch=dispatch, writes=ctx.op.writes_tenant)
        crash_point("rolled_up")
        if ctx.run.stalls <= 2 * MOST_STALLS:
            ctx.op.finish(ctx)
        crash_point("finished")
        return Word.DONE

    word = _guarded(run_id, dispatch=dispatch, hand=hand, part=part)
    if word is Word.DONE:
        endings.finish_run(run_id, dispatch=dispatch)
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
            with heart_of(ctx):
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
        return stop_word(ctx)


def _stopped_by(run: OperationRun, error: AtlasError) -> Word:
    if isinstance(error, Snoozed):
        return _aside(run, error.reason, until=error.until)
    if isinstance(error, Throttled):
        until = _after(error.retry_after or _THROTTLE_SECONDS)
        if until <= _end_of_patience(run):
            return _aside(run, WaitReason.THROTTLED, until=until)
        error = _throttled_for_too_long(until)
    try:
        journal.note_error(run.pk, dispatch=run.dispatch, error=error)
    except Fenced:
        return Word.GONE
    return Word.DONE


def _end_of_patience(run: OperationRun) -> datetime:
    """Until when the run may wait for Graph, unless an item is recorded meanwhile."""
    since = journal.throttled_since(run.pk) or clock.now()
    return since + timedelta(hours=settings.ATLAS_THROTTLE_BUDGET_HOURS / clock.scale())


def _throttled_for_too_long(until: datetime) -> Throttled:
    return Throttled(
        f"Microsoft Graph has asked to wait for {settings.ATLAS_THROTTLE_BUDGET_HOURS:g} hours "
        "without letting one item through.",
        hint=f"What is done stays done. Retry the rest after {until:%Y-%m-%d %H:%M} UTC.",
    )


def _after(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds / clock.scale())


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
    if ctx.op.writes_tenant and ctx.tenant.writes_held:
        raise WritesHeld
    if why := why_not_any_more(ctx.run, ctx.op):
        raise NotAllowed(why)


def _aside(run: OperationRun, reason: str, *, until: datetime) -> Word:
    ours = journal.put_aside(run.pk, dispatch=run.dispatch, reason=reason, until=until)
    crash_point("put_aside")
    return Word.ASIDE if ours else Word.GONE
