"""What a run may be, what may become what, and how items roll up. Pure.

                   ┌──────────── put aside, rescued ────────────┐
                   ▼                                            │
    start ───▶  queued ───────── claimed ─────────▶  running ───┤
                   │                                            │
                   └─ cancelled, dispatch failed ─▶ completed ◀─┘   + outcome, and never changes again

    items                                              outcome
    ─────────────────────────────────────────────────  ───────────────────
    stopped by a person before all was done            cancelled
    nothing bad (also: nothing to do)                  succeeded
    some good, some bad                                partially_succeeded
    none good, a prerequisite is missing               blocked
    none good                                          failed

*Good* is succeeded; skipped counts as neither; failed, unknown, needs decision and (unless a person
stopped the run) not started are bad. An error that ended the run, and a result that its operation calls
incomplete, are bad too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"


class Outcome(StrEnum):
    """How a completed run ended."""

    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    """What started a run."""

    PERSON = "person"
    SCHEDULE = "schedule"
    API = "api"
    CLI = "cli"
    SYSTEM = "system"


class ItemState(StrEnum):
    """Where an item is. Pending and in hand are open; all others are the item's end."""

    PENDING = "pending"
    IN_HAND = "in_hand"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    NEEDS_DECISION = "needs_decision"
    NOT_STARTED = "not_started"


class WaitReason(StrEnum):
    """Why a queued run is put aside."""

    THROTTLED = "throttled"
    TENANT_BUSY = "tenant_busy"
    FAIR_SHARE = "fair_share"
    APPROVAL = "approval"
    STORAGE = "storage"
    SETTLING = "settling"


class EventKind(StrEnum):
    """What the timeline of a run tells."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    WAITING = "waiting"
    THROTTLED = "throttled"
    CANCEL_ASKED = "cancel_asked"
    RESCUED = "rescued"
    ENDED = "ended"


OPEN_STATUSES = (RunStatus.QUEUED, RunStatus.RUNNING)
OPEN_ITEM_STATES = (ItemState.PENDING, ItemState.IN_HAND)
BAD_ITEM_STATES = (ItemState.FAILED, ItemState.UNKNOWN, ItemState.NEEDS_DECISION)
#: The items that `retry_failed_items` does again: those that went wrong or were never begun.
RETRIED_ITEM_STATES = (*BAD_ITEM_STATES, ItemState.NOT_STARTED)

_MAY_BECOME: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.COMPLETED}),
    RunStatus.RUNNING: frozenset({RunStatus.QUEUED, RunStatus.COMPLETED}),
    RunStatus.COMPLETED: frozenset(),
}

#: The numeric keys that a run's counts may hold.
COUNT_KEYS = ("total", "processed", *(state.value for state in ItemState))

#: Error codes that mean a prerequisite is missing, not that the work went wrong.
BLOCKING_CODES = frozenset(
    {
        "sign_in",
        "consent",
        "storage",
        "key_missing",
        "not_allowed",
        "writes_held",
        "nothing_to_compare",
        "approval_missing",
    }
)


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """What is known when a run ends."""

    counts: Mapping[str, int]
    cancelled: bool = False
    error_code: str = ""
    incomplete: bool = False


def words_of(word: str) -> str:
    """What people read for a status or an outcome, within a sentence."""
    return word.replace("partially", "partly").replace("_", " ")


def may_become(status: RunStatus, following: RunStatus) -> bool:
    """Whether a run in the first status may go to the second."""
    return following in _MAY_BECOME[status]


def count_items(by_state: Mapping[str, int]) -> dict[str, int]:
    """The run's counts from the number of items in each state; states without items are left out."""
    counts = {state.value: by_state[state.value] for state in ItemState if by_state.get(state.value)}
    total = sum(counts.values())
    still_open = sum(counts.get(state.value, 0) for state in OPEN_ITEM_STATES)
    return {"total": total, "processed": total - still_open, **counts}


def roll_up(end: RunEnd) -> Outcome:
    """The outcome of a run that ends like this, by the table above."""
    undone = end.counts.get(ItemState.NOT_STARTED, 0)
    bad = sum(end.counts.get(state, 0) for state in BAD_ITEM_STATES)
    if end.cancelled:
        return Outcome.CANCELLED
    if not (bad or undone or end.error_code or end.incomplete):
        return Outcome.SUCCEEDED
    if end.counts.get(ItemState.SUCCEEDED, 0):
        return Outcome.PARTIALLY_SUCCEEDED
    return Outcome.BLOCKED if end.error_code in BLOCKING_CODES else Outcome.FAILED


#: Vocabularies of domain records and of older schemas, read as the lifecycle that people see.
_FOREIGN_WORDS: Mapping[str, tuple[RunStatus, Outcome | None]] = {
    "queued": (RunStatus.QUEUED, None),
    "pending": (RunStatus.QUEUED, None),
    "draft": (RunStatus.QUEUED, None),
    "scoped": (RunStatus.QUEUED, None),
    "checked": (RunStatus.QUEUED, None),
    "previewed": (RunStatus.QUEUED, None),
    "running": (RunStatus.RUNNING, None),
    "capturing": (RunStatus.RUNNING, None),
    "completed": (RunStatus.COMPLETED, Outcome.SUCCEEDED),
    "complete": (RunStatus.COMPLETED, Outcome.SUCCEEDED),
    "succeeded": (RunStatus.COMPLETED, Outcome.SUCCEEDED),
    "completed_with_errors": (RunStatus.COMPLETED, Outcome.PARTIALLY_SUCCEEDED),
    "partial": (RunStatus.COMPLETED, Outcome.PARTIALLY_SUCCEEDED),
    "incomplete": (RunStatus.COMPLETED, Outcome.PARTIALLY_SUCCEEDED),
    "partially_succeeded": (RunStatus.COMPLETED, Outcome.PARTIALLY_SUCCEEDED),
    "failed": (RunStatus.COMPLETED, Outcome.FAILED),
    "aborted": (RunStatus.COMPLETED, Outcome.FAILED),
    "blocked": (RunStatus.COMPLETED, Outcome.BLOCKED),
    "cancelled": (RunStatus.COMPLETED, Outcome.CANCELLED),
}


def read_foreign_status(word: str) -> tuple[RunStatus, Outcome | None]:
    """A domain record's word, or one of the two older vocabularies, as status and outcome.

    A word that nobody knows raises `KeyError`: a guess would show people a wrong state.
    """
    return _FOREIGN_WORDS[word]
