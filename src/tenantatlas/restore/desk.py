"""Where the threads of an execution meet: work goes out, answers and alarms come back one at a time.

The database is touched by the thread that calls `turn`, and by no other: reads and writes of Graph happen in
pools and hand their results back as calls to make here.
"""

from __future__ import annotations

import contextvars
import heapq
import itertools
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.client import stop_waiting_when

T = TypeVar("T")

_WRITERS = 24
_READERS = 12
#: How long one turn waits at most, so that a request to stop is seen soon (real and clock seconds).
_LONGEST_TURN = 0.5
_LONGEST_NAP = 2.0


class Desk:
    """Runs work in threads and its consequences here."""

    def __init__(self, *, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._writers = ThreadPoolExecutor(max_workers=_WRITERS, thread_name_prefix="restore-write")
        self._readers = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="restore-read")
        self.writing = 0
        self.reading = 0

    def __enter__(self) -> Desk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writers.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)

    def write(self, work: Callable[[], T], *, then: Callable[[T | AtlasError], None]) -> None:
        """Do a write; `then` is called here with its result."""
        self.writing += 1

        def ended(result: T | AtlasError) -> None:
            self.writing -= 1
            then(result)

        self._writers.submit(contextvars.copy_context().run, self._work, work, ended)

    def read(self, work: Callable[[], T], *, then: Callable[[T | AtlasError], None]) -> None:
        """Do reads; `then` is called here with their result."""
        self.reading += 1

        def ended(result: T | AtlasError) -> None:
            self.reading -= 1
            then(result)

        self._readers.submit(contextvars.copy_context().run, self._work, work, ended)

    def tell(self, consequence: Callable[[], None]) -> None:
        """From any thread: have this called here."""
        self._results.put(consequence)

    def after(self, seconds: float, consequence: Callable[[], None]) -> None:
        """Have this called here in so many seconds."""
        heapq.heappush(self._alarms, (clock.monotonic() + seconds, next(self._numbers), consequence))

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing will ring."""
        return not (self.writing or self.reading or self._alarms) and self._results.empty()

    def turn(self) -> None:
        """Wait a moment for what comes, and let it have its consequences."""
        if self._results.empty():
            self._wait()
        while not self._results.empty():
            self._results.get()()
        now = clock.monotonic()
        while self._alarms and self._alarms[0][0] <= now:
            heapq.heappop(self._alarms)[2]()

    def _wait(self) -> None:
        until_alarm = self._alarms[0][0] - clock.monotonic() if self._alarms else _LONGEST_NAP
        if not (self.writing or self.reading):
            clock.sleep(max(0.0, min(until_alarm, _LONGEST_NAP)))
            return
        timeout = max(0.001, min(until_alarm / clock.scale(), _LONGEST_TURN))
        try:
            consequence = self._results.get(timeout=timeout)
        except queue.Empty:
            return
        self._results.put(consequence)

    def _work(self, work: Callable[[], T], ended: Callable[[T | AtlasError], None]) -> None:
        try:
            with stop_waiting_when(self._stop):
                result: T | AtlasError = work()
        except AtlasError as error:
            result = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes the results
            failure = error
            self.tell(lambda: _raise(failure))
            return
        self.tell(lambda: ended(result))


def _raise(error: BaseException) -> None:
    raise error
