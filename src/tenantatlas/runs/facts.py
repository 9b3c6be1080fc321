"""A run, and an item, as one flat object: what `--json` prints, and what files of the pages hold."""

from __future__ import annotations

from datetime import datetime

from tenantatlas.core import clock
from tenantatlas.core.json import Json

from .models import OperationRun, RunItem

RUN_COLUMNS = (
    "run",
    "tenant",
    "operation",
    "subject",
    "status",
    "outcome",
    "counts",
    "started_by",
    "trigger",
    "created",
    "started",
    "ended",
    "waited_seconds",
    "took_seconds",
    "imported_from",
)
ITEM_COLUMNS = (
    "key",
    "type",
    "label",
    "state",
    "action",
    "reason",
    "message",
    "hint",
    "before_digest",
    "after_digest",
    "request_id",
    "details",
    "attempts",
    "started",
    "ended",
)


def run_facts(run: OperationRun) -> dict[str, Json]:
    """The columns above, and the related ids (`set`, `restore`)."""
    return {
        "run": run.pk,
        "tenant": run.tenant.slug,
        "operation": run.operation,
        "subject": run.subject,
        "status": run.status,
        "outcome": run.outcome,
        "counts": run.counts,
        "started_by": run.initiator_name,
        "trigger": run.trigger,
        "created": time_text(run.created_at),
        "started": time_text(run.started_at),
        "ended": time_text(run.ended_at),
        "waited_seconds": seconds_between(run.created_at, run.started_at or run.ended_at or clock.now()),
        "took_seconds": seconds_between(run.started_at, run.ended_at),
        "imported_from": run.imported_from,
        **run.context,
    }


def item_facts(item: RunItem) -> dict[str, Json]:
    """The columns above."""
    return {
        "key": item.key,
        "type": item.type_key,
        "label": item.label,
        "state": item.state,
        "action": item.action,
        "reason": item.reason,
        "message": item.message,
        "hint": item.hint,
        "before_digest": item.before_digest,
        "after_digest": item.after_digest,
        "request_id": item.request_id,
        "details": item.details,
        "attempts": item.attempts,
        "started": time_text(item.started_at),
        "ended": time_text(item.ended_at),
    }


def time_text(moment: datetime | None) -> str | None:
    """ISO 8601, UTC, to the second."""
    return moment.isoformat(timespec="seconds") if moment else None


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """The seconds from one to the other, never negative; None while one of them is not known."""
    return max(0.0, round((end - start).total_seconds(), 3)) if start and end else None
