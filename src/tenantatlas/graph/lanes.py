"""How many requests of a family are in flight: enough to use the budget at the latency seen, no more."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from types import TracebackType

_FEWEST = 2
_HEADROOM = 1.5
_MEMORY = 0.8


class Lane:
    """Room for some requests at once. By Little's law a rate r at latency L needs r·L in flight."""

    def __init__(self, *, per_second: float, each: int, cap: int) -> None:
        self._per_second = per_second
        self._each = each
        self._cap = cap
        self._latency: float | None = None
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def room(self) -> int:
        """How many may be in flight now."""
        if self._latency is None:
            return self._cap
        wanted = math.ceil(self._per_second * self._latency / self._each * _HEADROOM) + 1
        return max(_FEWEST, min(wanted, self._cap))

    def note(self, seconds: float) -> None:
        """One answer took so long."""
        known = seconds if self._latency is None else self._latency
        self._latency = _MEMORY * known + (1 - _MEMORY) * seconds

    async def __aenter__(self) -> None:
        while self._busy >= self.room:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()
                raise
        self._busy += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._busy -= 1
        self._wake()

    def _wake(self) -> None:
        free = self.room - self._busy
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
