"""The only `now()`, the only `sleep()`.

Times are aware datetimes in UTC. Waits are seconds. `ATLAS_TIME_SCALE=N` divides real waits by N (Graph's
windows,
back-off, latencies); it is refused by the settings unless Graph is on loopback. `now()` is never scaled:
rows hold
real time. Tests in one process install a `VirtualClock`, which moves when everybody who uses it waits.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a clock can do. `monotonic` counts the same (unscaled) seconds that `sleep` takes."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """Real time; waits and monotonic seconds run `scale` times as fast."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self.scale

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds / self.scale)


class VirtualClock:
    """Time that moves only when someone sleeps or says `advance`: a sleep costs nothing real."""

    scale = 1.0

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move time forward; never back."""
        with self._lock:
            self._elapsed += max(0.0, seconds)


_current: Clock = SystemClock()


def install_clock(clock: Clock) -> Clock:
    """Make this the process's clock and return the one it replaces."""
    global _current
    previous, _current = _current, clock
    return previous


@contextlib.contextmanager
def use_clock(clock: Clock) -> Iterator[Clock]:
    """Use this clock within the block."""
    previous = install_clock(clock)
    try:
        yield clock
    finally:
        install_clock(previous)


def now() -> datetime:
    """The current time, aware, UTC."""
    return _current.now()


def monotonic() -> float:
    """Seconds that only grow, on the same scale as `sleep`."""
    return _current.monotonic()


def sleep(seconds: float) -> None:
    """Wait so many seconds of this clock."""
    _current.sleep(seconds)


def current() -> Clock:
    """The installed clock."""
    return _current


def scale() -> float:
    """How many of this clock's seconds pass in a real one."""
    return getattr(_current, "scale", 1.0)
