"""The loop that Graph's requests live on, and waiting on it by `core.clock`.

There is one event loop thread per process, started when first needed; synchronous callers hand it coroutines
and wait. With the system clock a wait is real (divided by the time scale). With a `VirtualClock` nothing
sleeps: when all coroutines wait, the clock moves to the earliest moment that one of them waits for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import heapq
import itertools
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from tenantatlas.core import clock
from tenantatlas.core.errors import Cancelled

T = TypeVar("T")

#: How often a synchronous caller looks up from its wait to see whether it should stop.
_LOOK_UP_EVERY = 0.5
#: Each may hold a database connection of its own.
_THREADS_ASIDE = 2
#: How many turns of the loop pass without news before all coroutines are taken to be waiting.
_QUIET_TURNS = 8

_Stop = Callable[[], bool]
_stop: contextvars.ContextVar[_Stop | None] = contextvars.ContextVar("graph_stop", default=None)


@contextlib.contextmanager
def stop_waiting_when(stop: _Stop) -> Iterator[None]:
    """Within the block, waits for Graph end with `Cancelled` soon after `stop()` says so.

    A write that is on its way is never abandoned.
    """
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


class Hold:
    """Set, on the loop, by work that may not be abandoned any more."""

    def __init__(self) -> None:
        self.held = False


class LoopThread:
    """An event loop in a daemon thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._sleepers = _Sleepers(self.loop)
        self._aside = concurrent.futures.ThreadPoolExecutor(
            max_workers=_THREADS_ASIDE, thread_name_prefix="graph-aside"
        )
        self._thread = threading.Thread(target=self._work, name="graph-loop", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T], *, hold: Hold | None = None) -> T:
        """Work the coroutine on the loop and return its result in the calling thread."""
        stop = _stop.get()
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            if stop is None:
                return future.result()
            return self._look_up(future, stop, hold or Hold())
        except BaseException:
            future.cancel()
            raise

    def _look_up(self, future: concurrent.futures.Future[T], stop: _Stop, hold: Hold) -> T:
        while not stop():
            with contextlib.suppress(concurrent.futures.TimeoutError):
                return future.result(timeout=_LOOK_UP_EVERY)
            if future.done():
                return future.result()

        def give_up() -> None:
            if not hold.held:
                future.cancel()

        self.loop.call_soon_threadsafe(give_up)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Cancelled("Stopped while waiting for Microsoft Graph.") from None

    async def aside(self, call: Callable[[], T]) -> T:
        """Work something that blocks (a database) in one of a few threads beside the loop."""
        return await self.loop.run_in_executor(self._aside, call)

    async def wait_until(self, moment: float) -> None:
        """Return when `core.clock.monotonic()` has reached that moment."""
        now = clock.monotonic()
        while now < moment:
            current = clock.current()
            if isinstance(current, clock.VirtualClock):
                await self._sleepers.sleep_until(current, moment)
            else:
                await asyncio.sleep((moment - now) / clock.scale())
            now = clock.monotonic()

    def stop(self) -> None:
        """End the thread; whatever is on the loop is abandoned."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)


class _Sleepers:
    """Who waits for which moment of a virtual clock; the earliest is woken first."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._pump: asyncio.Task[None] | None = None

    async def sleep_until(self, virtual: clock.VirtualClock, moment: float) -> None:
        woken = self._loop.create_future()
        heapq.heappush(self._waiting, (moment, next(self._order), woken))
        if self._pump is None or self._pump.done():
            self._pump = self._loop.create_task(self._move(virtual))
        await woken

    async def _move(self, virtual: clock.VirtualClock) -> None:
        while self._waiting:
            for _ in range(_QUIET_TURNS):
                await asyncio.sleep(0)
            moment, _, woken = heapq.heappop(self._waiting)
            if not woken.done():
                virtual.advance(moment - virtual.monotonic())
                woken.set_result(None)


_lock = threading.Lock()
_current: LoopThread | None = None


def loop_thread() -> LoopThread:
    """The process's loop thread, started if need be."""
    global _current  # noqa: PLW0603 - one loop per process is the point
    with _lock:
        if _current is None:
            _current = LoopThread()
        return _current


def _forget() -> None:
    """A forked child has no loop thread: it starts its own when it needs one."""
    global _current, _lock
    _current, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
