"""The threads of one process write in the order in which they asked, people before runs.

SQLite lets one connection write at a time and has no queue: who finds it busy sleeps and asks again, longer
each time, so that a transaction of five milliseconds waits for hundred. Here a transaction first takes its
turn among the threads of this process; other processes are met as ever, within `busy_timeout`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from django.db.backends.sqlite3 import base

#: A turn is a courtesy: who did not get it by then goes on, and is told by SQLite whether it is busy.
_PATIENCE_SECONDS = 30.0


class Turns:
    """A lock that is handed on in the order of asking: to a person's request first, to work then."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._people: deque[threading.Event] = deque()
        self._work: deque[threading.Event] = deque()

    def take(self, patience: float) -> bool:
        """Wait for the turn, at most so many seconds; whether it was got."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            called = threading.Event()
            waiting = self._people if getattr(_thread, "serves_person", False) else self._work
            waiting.append(called)
        called.wait(patience)
        with self._guard:
            if not called.is_set():
                waiting.remove(called)
            return called.is_set()

    def pass_on(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._guard:
            waiting = self._people or self._work
            if waiting:
                waiting.popleft().set()
            else:
                self._taken = False


_thread = threading.local()


@contextlib.contextmanager
def for_a_person() -> Iterator[None]:
    """What this thread writes within the block, a person waits for."""
    before = getattr(_thread, "serves_person", False)
    _thread.serves_person = True
    try:
        yield
    finally:
        _thread.serves_person = before


_turns: dict[str, Turns] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions begin in turn."""

    _turn: Turns | None = None

    def _start_transaction_under_autocommit(self) -> None:
        turns = _turns.setdefault(str(self.settings_dict["NAME"]), Turns())
        if turns.take(_PATIENCE_SECONDS):
            self._turn = turns
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in the stubs
        except BaseException:
            self._pass_on()
            raise

    def _commit(self) -> Any:
        done = super()._commit()  # type: ignore[misc]  # not in the stubs
        self._pass_on()  # only now: a commit that failed is rolled back, and the lock is ours until then
        return done

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]  # not in the stubs
        finally:
            self._pass_on()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]  # not in the stubs
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.pass_on()
