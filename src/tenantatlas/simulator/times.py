"""The simulator's time: the process's clock, moved on by whoever advances it."""

from __future__ import annotations

from datetime import datetime, timedelta

from tenantatlas.core import clock
from tenantatlas.core.clock import Clock


class Times:
    """Seconds since the simulator began (scaled as `sleep` is), and dates for bodies."""

    def __init__(self, installed: Clock | None = None) -> None:
        self._clock = installed
        self._base = self._source().monotonic()
        self._carried = 0.0
        self._ahead = timedelta(0)

    def _source(self) -> Clock:
        return self._clock or clock.current()

    def elapsed(self) -> float:
        """Seconds that have passed for this simulator, over all its lives."""
        return self._carried + self._source().monotonic() - self._base

    def now(self) -> datetime:
        """The date and time that the simulator believes in."""
        return self._source().now() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let seconds pass for the simulator alone."""
        self._carried += max(0.0, seconds)
        self._ahead += timedelta(seconds=max(0.0, seconds))

    def resume(self, elapsed: float) -> None:
        """Go on from where a saved simulator stopped."""
        self._carried = elapsed
        self._base = self._source().monotonic()


def graph_date(moment: datetime, *, ticks: int = 0) -> str:
    """A date as Graph writes it: seven fractional digits, Z. `ticks` (0-9) is the seventh."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{ticks % 10}Z"
