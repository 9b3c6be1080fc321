"""The log of one run: its timeline and how its items ended, in order of time. The database only.

Nothing is written for it: every line is a row that exists already, so it is as bounded and as free of
secrets as those rows are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from .lifecycle import EventKind, ItemState, Outcome, words_of
from .models import OperationRun, RunEvent, RunItem

LOG_COLUMNS = ("at", "level", "message", "item", "reason", "request_id")
_AT_ONCE = 500


class Level(StrEnum):
    """How much a line matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One thing that happened."""

    at: datetime
    level: Level
    message: str
    item: str = ""
    reason: str = ""
    request_id: str = ""


#: Levels from the least to the most; a filter shows its own and those above.
LEVELS = tuple(Level)

_EVENT_LEVELS = {
    EventKind.WAITING: Level.WARNING,
    EventKind.THROTTLED: Level.WARNING,
    EventKind.RESCUED: Level.WARNING,
    EventKind.CANCEL_ASKED: Level.WARNING,
}
_ITEM_LEVELS = {
    ItemState.SUCCEEDED: Level.INFO,
    ItemState.SKIPPED: Level.INFO,
    ItemState.NOT_STARTED: Level.WARNING,
    ItemState.UNKNOWN: Level.ERROR,
    ItemState.NEEDS_DECISION: Level.ERROR,
    ItemState.FAILED: Level.ERROR,
}
_END_LEVELS = {
    Outcome.SUCCEEDED: Level.INFO,
    Outcome.CANCELLED: Level.WARNING,
    Outcome.PARTIALLY_SUCCEEDED: Level.WARNING,
}


def log_lines(run: OperationRun, *, least: Level = Level.INFO) -> Iterator[LogLine]:
    """Every line of that level or above, oldest first."""
    events = _events(run).order_by("at", "id").iterator(chunk_size=_AT_ONCE)
    items = _items(run, least).order_by("ended_at", "position").iterator(chunk_size=_AT_ONCE)
    lines = (_event_line(run, event) for event in events)
    for line in heapq.merge(lines, map(_item_line, items), key=lambda line: line.at):
        if LEVELS.index(line.level) >= LEVELS.index(least):
            yield line


def newest_lines(run: OperationRun, *, least: Level = Level.INFO, most: int) -> list[LogLine]:
    """The newest lines of that level or above, newest first."""
    events = [_event_line(run, event) for event in _events(run).order_by("-at", "-id")[:most]]
    items = [_item_line(item) for item in _items(run, least).order_by("-ended_at", "-position")[:most]]
    wanted = [line for line in events if LEVELS.index(line.level) >= LEVELS.index(least)] + items
    return sorted(wanted, key=lambda line: line.at, reverse=True)[:most]


def _events(run: OperationRun) -> QuerySet[RunEvent]:
    rows: QuerySet[RunEvent] = RunEvent.all_tenants.filter(run=run)
    return rows


def _items(run: OperationRun, least: Level) -> QuerySet[RunItem]:
    states = [
        state.value for state, level in _ITEM_LEVELS.items() if LEVELS.index(level) >= LEVELS.index(least)
    ]
    rows: QuerySet[RunItem] = RunItem.all_tenants.filter(run=run, state__in=states, ended_at__isnull=False)
    return rows


def _event_line(run: OperationRun, event: RunEvent) -> LogLine:
    kind = EventKind(event.kind)
    level = _EVENT_LEVELS.get(kind, Level.INFO)
    if kind is EventKind.ENDED and run.outcome:
        level = _END_LEVELS.get(Outcome(run.outcome), Level.ERROR)
    words = words_of(kind).capitalize()
    return LogLine(at=event.at, level=level, message=f"{words}: {event.message}" if event.message else words)


def _item_line(item: RunItem) -> LogLine:
    words = words_of(item.state) + (f" ({item.action})" if item.action else "")
    said = f"{item.label}: {words}" + (f". {item.message}" if item.message else "")
    return LogLine(
        at=item.ended_at or item.run.created_at,
        level=_ITEM_LEVELS[ItemState(item.state)],
        message=said,
        item=item.key,
        reason=item.reason,
        request_id=item.request_id,
    )
