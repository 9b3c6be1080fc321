"""How a run ends: with what its items add up to, unstarted, or given up; and when it is forgotten.

Part of `journal`, and by its rules: guarded updates, and everything that an end tells in one transaction.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, Q

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError
from tenantatlas.core.json import Json
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from . import registry
from .chronicle import audit_run, notify_people, tell_timeline
from .items import items_of, store_counts
from .journal import RUNS_PER_TENANT, admit_next, describe_error, wake
from .lifecycle import (
    BAD_ITEM_STATES,
    OPEN_ITEM_STATES,
    EventKind,
    ItemState,
    Outcome,
    RunEnd,
    RunStatus,
    WaitReason,
    roll_up,
)
from .models import OperationRun
from .reasons import follows_from_others
from .registry import Fenced

log = logging.getLogger(__name__)

#: How many codes a run keeps, how many messages of each, and how many messages are looked at.
_FAILURES_KEPT = 20
_MESSAGES_OF_ONE = 5
_MESSAGES_READ = 200
_OPEN_ITEMS = [state.value for state in OPEN_ITEM_STATES]
_BAD_ITEMS = [state.value for state in BAD_ITEM_STATES]

_TONES = {
    Outcome.SUCCEEDED: "success",
    Outcome.PARTIALLY_SUCCEEDED: "warning",
    Outcome.FAILED: "danger",
    Outcome.BLOCKED: "purple",
    Outcome.CANCELLED: "neutral",
}
_WORDS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.PARTIALLY_SUCCEEDED: "partly succeeded",
    Outcome.FAILED: "failed",
    Outcome.BLOCKED: "is blocked",
    Outcome.CANCELLED: "was cancelled",
}


def _runs() -> Any:
    return OperationRun.all_tenants


def finish_run(run_id: int, *, dispatch: int) -> OperationRun | None:
    """Complete the run with the outcome that its items, its error and its cancellation add up to.

    None when it was completed before, or is no longer ours.
    """
    with transaction.atomic():
        run = _locked(run_id)
        if run is None or run.dispatch != dispatch or run.status != RunStatus.RUNNING:
            return None
        _complete(run, cancelled=_was_cut_short(run))
    return run


def end_unstarted(run_id: int, *, dispatch: int, error: AtlasError | None) -> bool:
    """Complete a queued run that nobody has in hand: cancelled without an error, else failed by it."""
    with transaction.atomic():
        run = _locked(run_id)
        if run is None or run.dispatch != dispatch or run.status != RunStatus.QUEUED:
            return False
        if error is not None:
            run.error = describe_error(error)
        items_of(run_id).filter(state__in=_OPEN_ITEMS).update(
            state=ItemState.NOT_STARTED, ended_at=clock.now()
        )
        _complete(run, cancelled=error is None)
    return True


def give_up(run_id: int, *, dispatch: int, error: AtlasError) -> bool:
    """Complete a queued run whose records cannot be kept, with as much of them as can be."""
    with transaction.atomic():
        run = _locked(run_id)
        if run is None or run.dispatch != dispatch or run.status != RunStatus.QUEUED:
            return False
        run.error = describe_error(error)
        try:
            with transaction.atomic():
                _leave_open_items(run)
                _complete(run, cancelled=False, tell=_try_to_tell_operation)
        except Exception:
            log.exception("run_given_up_without_its_records", extra={"run": run_id})
            _runs().filter(pk=run_id, status=RunStatus.QUEUED).update(
                status=RunStatus.COMPLETED,
                outcome=Outcome.FAILED,
                ended_at=clock.now(),
                error=run.error,
                failures=[{**run.error, "count": 1}],
            )
            Tenant.objects.filter(writer_run=run_id).update(writer_run=None)
    return True


def delete_ended_before(moment: datetime, *, limit: int, tenant_id: int | None = None) -> int:
    """Delete at most so many runs completed before the moment, with their items and timeline.

    Imported history is as old as its stay here.
    """
    own = Q(imported_from="", status=RunStatus.COMPLETED, ended_at__lt=moment)
    old = _runs().filter(own | (~Q(imported_from="") & Q(dispatched_at__lt=moment))).order_by("ended_at")
    if tenant_id is not None:
        old = old.filter(tenant_id=tenant_id)
    ids = list(old.values_list("pk", flat=True)[:limit])
    with transaction.atomic():
        _runs().filter(parent_id__in=ids).update(parent=None)
        _runs().filter(pk__in=ids).delete()
    return len(ids)


def _locked(run_id: int) -> OperationRun | None:
    rows = _runs().select_related("tenant")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(of=("self",))
    run: OperationRun | None = rows.filter(pk=run_id).first()
    return run


def _leave_open_items(run: OperationRun) -> None:
    """What was in hand is unknown, whatever the run is: its operation cannot be asked any more."""
    now = clock.now()
    items_of(run.pk).filter(state=ItemState.IN_HAND).update(
        state=ItemState.UNKNOWN,
        reason="interrupted",
        message="The run broke while this was in hand.",
        ended_at=now,
    )
    items_of(run.pk).filter(state=ItemState.PENDING).update(state=ItemState.NOT_STARTED, ended_at=now)


def _was_cut_short(run: OperationRun) -> bool:
    if run.cancel_asked_at is None:
        return False
    left = Q(state=ItemState.NOT_STARTED) | Q(reason="stopped")
    return run.planned_at is None or items_of(run.pk).filter(left).exists()


def _complete(
    run: OperationRun, *, cancelled: bool, tell: Callable[[OperationRun], None] | None = None
) -> None:
    counts = store_counts(run.pk)
    outcome = roll_up(
        RunEnd(
            counts=counts,
            cancelled=cancelled,
            error_code=(run.error or {}).get("code", ""),
            incomplete=run.incomplete is not None,
        )
    )
    believed = {"status": run.status, "dispatch": run.dispatch}
    run.status, run.outcome, run.ended_at = RunStatus.COMPLETED.value, outcome.value, clock.now()
    run.counts, run.failures = counts, _failures(run)
    run.waiting_reason, run.waiting_until = "", None
    changed = (
        _runs()
        .filter(pk=run.pk, **believed)
        .update(
            status=run.status,
            outcome=run.outcome,
            ended_at=run.ended_at,
            counts=counts,
            failures=run.failures,
            error=run.error,
            waiting_reason="",
            waiting_until=None,
        )
    )
    if not changed:
        raise Fenced(f"run {run.pk} was completed by someone else")
    _release_writer(run)
    admit_next(run.tenant_id)
    tell_timeline(run, EventKind.ENDED, _WORDS[outcome].capitalize())
    audit_run(run, "ended", actor=None, details={"outcome": run.outcome, "counts": counts})
    notify_people(
        run,
        title=f"{registry.label_of(run.operation)} {_WORDS[outcome]}: {run.subject}",
        body=run.failures[0]["message"] if run.failures else "",
        tone=_TONES[outcome],
    )
    (tell or _tell_operation)(run)


def _try_to_tell_operation(run: OperationRun) -> None:
    try:
        with transaction.atomic():
            _tell_operation(run)
    except Exception:
        log.exception("operation_not_told", extra={"run": run.pk})


def _tell_operation(run: OperationRun) -> None:
    with tenant_scope(run.tenant):
        for op in _operations_of(run):
            op.ended(run)


def _operations_of(run: OperationRun) -> Iterator[registry.Operation[Any]]:
    """The one that did the work, then the one that carried it; none that this version does not know."""
    try:
        own = registry.get_operation(run.operation)
    except AtlasError:
        return
    if own.carries:
        with contextlib.suppress(AtlasError):
            yield registry.work_of(run)[0]
    yield own


def _failures(run: OperationRun) -> list[dict[str, Json]]:
    """What stopped the run, then causes, then what follows from them; the most frequent first.

    Of one code, each message is counted by itself.
    """
    bad = items_of(run.pk).filter(state__in=_BAD_ITEMS)
    totals = bad.values("reason").annotate(count=Count("pk")).order_by("-count", "reason")[:_FAILURES_KEPT]
    by_code = {row["reason"]: row["count"] for row in totals}
    said_of: dict[str, list[dict[str, Json]]] = {reason: [] for reason in by_code}
    for row in (
        bad.values("reason", "message")
        .annotate(count=Count("pk"), hint=Max("hint"))
        .order_by("-count", "message")[:_MESSAGES_READ]
    ):
        kept = said_of.get(row["reason"])
        if kept is not None and len(kept) < _MESSAGES_OF_ONE:
            kept.append(row)
    found = [each for reason, rows in said_of.items() for each in _said(reason, rows, by_code[reason])]
    for said in (run.incomplete, run.error):
        if said and said["code"] not in {row["code"] for row in found}:
            found.insert(0, {**said, "count": 1})
    stopped_by = (run.error or {}).get("code")
    return sorted(found, key=lambda row: (row["code"] != stopped_by, follows_from_others(row["code"])))


def _said(reason: str, rows: list[dict[str, Json]], total: int) -> Iterator[dict[str, Json]]:
    """The messages of one code, and how many items said something else."""
    code = reason or "failed"
    for row in rows:
        yield {"code": code, "message": row["message"], "hint": row["hint"], "count": row["count"]}
    rest = total - sum(row["count"] for row in rows)
    if rest:
        words = "1 more item says" if rest == 1 else f"{rest} more items say"
        yield {"code": code, "message": f"{words} something else.", "hint": "See the items.", "count": 1}


def _release_writer(run: OperationRun) -> None:
    if Tenant.objects.filter(writer_run=run.pk).update(writer_run=None):
        busy = {"status": RunStatus.QUEUED, "waiting_reason": WaitReason.TENANT_BUSY}
        wake(_runs().filter(tenant__tenant_guid=run.tenant.tenant_guid, **busy), limit=RUNS_PER_TENANT)
