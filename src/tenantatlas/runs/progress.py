"""How far a run is, in numbers and in words; and what it waits for. The database only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from tenantatlas.core import clock

from . import registry
from .lifecycle import RunStatus, WaitReason, words_of
from .models import OperationRun

#: A heartbeat older than this is said in words.
QUIET_SECONDS = 30.0
_ESTIMATE_AFTER = 5


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is. `percent` only when both numbers can be trusted."""

    total: int
    processed: int
    percent: int | None
    sentence: str
    seconds_left: int | None = None
    #: In words: the wait that is on, or that the worker has been silent; empty otherwise.
    notice: str = ""
    #: The worker has been silent for longer than it should be.
    silent: bool = False


def progress(run: OperationRun) -> Progress:
    """How far the run is, as numbers and as one sentence."""
    total, processed = run.counts.get("total", 0), run.counts.get("processed", 0)
    trusted = run.total_known is True and total > 0
    return Progress(
        total=total,
        processed=processed,
        percent=min(100, processed * 100 // total) if trusted else None,
        sentence=_sentence(run, total=total, processed=processed),
        seconds_left=_seconds_left(run, total=total, processed=processed) if trusted else None,
        notice=_notice(run),
        silent=is_silent(run),
    )


def is_silent(run: OperationRun) -> bool:
    """Whether the run's worker has not been heard of for longer than usual."""
    return _silent_since(run) is not None


def _silent_since(run: OperationRun) -> datetime | None:
    if run.status != RunStatus.RUNNING or not run.is_open or run.heartbeat_at is None:
        return None
    quiet = (clock.now() - run.heartbeat_at).total_seconds() > QUIET_SECONDS
    return run.heartbeat_at if quiet else None


def _sentence(run: OperationRun, *, total: int, processed: int) -> str:
    label = registry.label_of(run.operation)
    if run.status == RunStatus.QUEUED:
        return f"{label}: waiting" if run.waiting_reason else f"{label}: queued"
    if run.status == RunStatus.COMPLETED:
        return f"{label}: {words_of(run.outcome)}, {processed} of {total} done"
    if run.is_stopping:
        return f"{label}: stopping; the item in hand finishes"
    if run.planned_at is None:
        return f"{label}: planning, {total} so far" if total else f"{label}: planning"
    if not run.total_known:
        return f"{label}: {processed} done, {total} found so far"
    return f"{label}: {processed} of {total}"


def _seconds_left(run: OperationRun, *, total: int, processed: int) -> int | None:
    """An estimate from the pace so far, once five items are done."""
    if run.status != RunStatus.RUNNING or processed < _ESTIMATE_AFTER or run.started_at is None:
        return None
    spent = max((clock.now() - run.started_at).total_seconds(), 0.0)
    return round(spent / processed * (total - processed))


def _notice(run: OperationRun) -> str:
    if run.imported_from and run.status != RunStatus.COMPLETED:
        return "It had not ended when it was imported"
    if not run.is_open:
        return ""
    silent = _silent_since(run)
    if silent is not None:
        seconds = (clock.now() - silent).total_seconds()
        said = f"The worker has been silent for {seconds:.0f} seconds, since {silent:%H:%M:%S} UTC"
        takeover = silent + timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
        if takeover > clock.now():
            return f"{said}; if it stays so, another one takes over at {takeover:%H:%M:%S} UTC"
        return f"{said}; the next worker that looks takes over"
    if run.waiting_reason:
        until = f"; continuing at {run.waiting_until:%H:%M:%S} UTC" if run.waiting_until else ""
        return _WAITS.get(run.waiting_reason, "Waiting") + until
    return ""


_WAITS = {
    WaitReason.THROTTLED.value: "Microsoft Graph asked us to slow down",
    WaitReason.TENANT_BUSY.value: "Another run is writing to this tenant",
    WaitReason.FAIR_SHARE.value: "Other runs of this tenant go first",
    WaitReason.APPROVAL.value: "Waiting for approval in the tenant",
    WaitReason.STORAGE.value: "Waiting for storage",
    WaitReason.SETTLING.value: "Looking for what became of a request without an answer",
}
