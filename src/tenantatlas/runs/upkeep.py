"""What every worker process does now and then besides working runs: one function each, found by name.

    @periodic("schedules.tick", every_seconds=15)
    def start_due_slots() -> None: ...     # in any app's `periodic.py`

They run one after the other on a thread of their own, in every worker process, so two may run the same
function at the same moment: whatever it does is a guarded update or a unique row first, so that one acts.
A function that raises is logged, and tried again when it is due next; the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import connection, connections
from django.utils.module_loading import autodiscover_modules

from tenantatlas.core import clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Periodic:
    """One such function."""

    name: str
    every_seconds: float
    act: Callable[[], object]


@dataclass
class Rounds:
    """Remembers, for one process, what is due when."""

    due_at: dict[str, float] = field(default_factory=dict)

    def every(self, seconds: float, name: str, act: Callable[[], object]) -> None:
        """Call it if so many seconds have passed since it was called last; the first time at once."""
        now = clock.monotonic() / clock.scale()
        if now >= self.due_at.get(name, 0.0):
            self.due_at[name] = now + seconds
            act()


_known: dict[str, Periodic] = {}


def periodic(name: str, *, every_seconds: float) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Have the function called in every worker process, about every so many seconds."""

    def register(act: Callable[[], object]) -> Callable[[], object]:
        taken = _known.get(name)
        if taken is not None and taken.act.__qualname__ != act.__qualname__:
            raise ValueError(f"two periodic functions are called {name}")
        _known[name] = Periodic(name=name, every_seconds=every_seconds, act=act)
        return act

    return register


def all_periodic() -> tuple[Periodic, ...]:
    """Every such function, by name."""
    autodiscover_modules("periodic")
    return tuple(found for _, found in sorted(_known.items()))


def database_now() -> datetime:
    """The time by which upkeep is due: the database's, where several machines share it."""
    if connection.vendor == "sqlite":
        return clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


@dataclass
class Upkeep:
    """One worker process's upkeep: does what is due each time it is called."""

    rounds: Rounds = field(default_factory=Rounds)

    def __call__(self) -> None:
        """One round."""
        for each in all_periodic():
            self.rounds.every(each.every_seconds, each.name, partial(_tried, each))


def _tried(one: Periodic) -> None:
    try:
        one.act()
    except Exception:
        log.exception("periodic_failed", extra={"periodic": one.name})
        connections.close_all()
