"""The one lock of an embedded install: the process that holds `ATLAS_HOME/lock` works the runs.

The kernel gives the lock up with the process, however that ends; the file's text is for people only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict

_ATTEMPTS = 10
_BETWEEN_SECONDS = 0.05


class HomeLock:
    """Exclusive, per home folder, held until `release` or the end of the process."""

    def __init__(self, home: Path) -> None:
        self.path = home / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise `Conflict`. Tries for half a second: others may be looking at it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                self._descriptor = descriptor
                return
            clock.sleep(_BETWEEN_SECONDS * clock.scale())
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise Conflict(
            f"Another process{f' ({holder})' if holder else ''} is already working in {self.path.parent}.",
            hint="With SQLite one process serves and works. Stop it first, or use PostgreSQL for several.",
        )

    def release(self) -> None:
        """Give the lock up; nothing happens when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def held_here(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def held_by_anyone(self) -> bool:
        """Whether some process holds the lock now."""
        if self.held_here:
            return True
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
