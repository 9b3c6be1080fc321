"""One budget per (app, tenant, family), reads and writes apart, shared by everybody who uses the same store.

A bucket is a steady rate (GCRA: each request moves the time at which the next may go) with a small burst. An
answer 429 pauses the whole bucket, not one request.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tenantatlas.core import clock
from tenantatlas.core.errors import Throttled

from .limits import Family, family_named
from .values import GraphTarget
from .waiting import LoopThread

T = TypeVar("T")

#: A pause that is longer is not slept through: whoever asks puts the work aside until then.
PUT_ASIDE_AFTER = 60.0
#: Graph may say 0 or nothing; asking again at once only prolongs the block.
SHORTEST_PAUSE = 3.0
_LONGEST_GUESS = 60.0
_MARGIN = 0.99
_READ_BURST = 20


@dataclass(frozen=True)
class Bucket:
    """The name of a bucket. `kind` is "read" (every verb) or "write".

    Serial families are counted by Graph over all apps of a tenant, so their buckets have no client id.
    """

    client_id: str
    tenant_guid: str
    family: str
    kind: str

    @property
    def key(self) -> str:
        """The name as one text, for stores."""
        return f"{self.client_id}|{self.tenant_guid}|{self.family}|{self.kind}"


class BudgetStore(Protocol):
    """Where buckets live. Thread-safe; called often, so cheap.

    `blocking` stores (a database) are called in a worker thread. All times are seconds from now, in the
    seconds of `core.clock`.
    """

    blocking: bool

    def reserve(self, bucket: Bucket, *, count: int, per_second: float, burst: float) -> float:
        """Take `count` requests; the answer is how long to wait before sending them, pauses included.

        0 is now. The promise is void when the bucket is paused meanwhile: then reserve again.
        """
        ...

    def pause(self, bucket: Bucket, *, seconds: float) -> None:
        """Let nothing of the bucket go for so long from now; a longer pause in force stays.

        What was reserved before is forgotten; after the pause the bucket starts at its steady rate, without
        burst.
        """
        ...

    def paused_for(self, bucket: Bucket) -> float:
        """How much longer the bucket is paused (0: not at all)."""
        ...


@dataclass
class _State:
    free_at: float = 0.0
    paused_until: float = 0.0
    slack: float = 0.0


class MemoryBudgets:
    """Buckets of one process."""

    blocking = False

    def __init__(self) -> None:
        self._states: dict[Bucket, _State] = {}
        self._lock = threading.Lock()

    def reserve(self, bucket: Bucket, *, count: int, per_second: float, burst: float) -> float:
        """See `BudgetStore`."""
        with self._lock:
            state = self._states.setdefault(bucket, _State())
            now = clock.monotonic()
            state.slack = burst / per_second
            state.free_at = max(state.free_at, now) + count / per_second
            return max(state.free_at - state.slack, state.paused_until, now) - now

    def pause(self, bucket: Bucket, *, seconds: float) -> None:
        """See `BudgetStore`."""
        with self._lock:
            state = self._states.setdefault(bucket, _State())
            until = clock.monotonic() + seconds
            if until > state.paused_until:
                state.paused_until = until
                state.free_at = until + state.slack

    def paused_for(self, bucket: Bucket) -> float:
        """See `BudgetStore`."""
        with self._lock:
            state = self._states.get(bucket)
            return max(0.0, state.paused_until - clock.monotonic()) if state else 0.0


@dataclass(frozen=True)
class _Rate:
    """What one bucket may do at our share: in no window more than the share of Graph's limit."""

    per_second: float
    burst: float

    @classmethod
    def of(cls, family: Family, *, kind: str, share: float) -> _Rate:
        per_s = family.write_per_s if kind == "write" else family.read_per_s
        limit = per_s * share * family.window_s * _MARGIN
        if family.serial:
            burst = 1.0
        elif kind == "write":
            burst = max(1.0, per_s * share * 0.4)
        else:
            burst = float(_READ_BURST)
        burst = min(burst, limit / 2)
        return cls(per_second=(limit - burst) / family.window_s, burst=burst)


@dataclass
class _Strikes:
    count: int = 0
    since: float = -1.0


class Budget:
    """One target's share of the budgets; lives on the loop thread."""

    def __init__(
        self,
        store: BudgetStore,
        target: GraphTarget,
        *,
        loop: LoopThread,
        rng: random.Random,
    ) -> None:
        self._store = store
        self._target = target
        self._loop = loop
        self._rng = rng
        self._strikes: dict[Bucket, _Strikes] = {}

    def _bucket(self, name: str, kind: str) -> Bucket:
        if family_named(name).serial:
            return Bucket("*", self._target.tenant_guid, name, "read")
        return Bucket(self._target.client_id, self._target.tenant_guid, name, kind)

    def _buckets(self, name: str, *, write: bool) -> tuple[Bucket, ...]:
        kinds = ("write", "read") if write else ("read",)
        return tuple(dict.fromkeys(self._bucket(name, kind) for kind in kinds))

    @contextlib.asynccontextmanager
    async def turn(self, name: str, *, count: int = 1, write: bool = False) -> AsyncIterator[None]:
        """Wait for the budget, then hold the turn: in a serial family nobody else sends within the block."""
        async with self._alone(name):
            await self._take(name, count=count, write=write)
            yield

    @contextlib.asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        if not family_named(name).serial:
            yield
            return
        key = (id(self._loop), self._target.tenant_guid, name)
        async with _turns.setdefault(key, asyncio.Lock()):
            yield

    async def _take(self, name: str, *, count: int, write: bool) -> None:
        family = family_named(name)
        buckets = self._buckets(name, write=write)
        while True:
            wait = 0.0
            for bucket in buckets:
                rate = _Rate.of(family, kind=bucket.kind, share=self._target.share)
                wait = max(wait, await self._reserve(bucket, count, rate))
            if wait <= 0:
                return
            if wait > PUT_ASIDE_AFTER:
                await self._refuse_long_pause(buckets)
            await self._loop.wait_until(clock.monotonic() + wait)
            if await self._longest_pause(buckets) <= 0:
                return

    async def _refuse_long_pause(self, buckets: tuple[Bucket, ...]) -> None:
        pause = await self._longest_pause(buckets)
        if pause > PUT_ASIDE_AFTER:
            raise Throttled(retry_after=pause)

    async def _longest_pause(self, buckets: tuple[Bucket, ...]) -> float:
        return max([await self._paused_for(bucket) for bucket in buckets])

    async def _reserve(self, bucket: Bucket, count: int, rate: _Rate) -> float:
        def call() -> float:
            return self._store.reserve(bucket, count=count, per_second=rate.per_second, burst=rate.burst)

        return await self._ask(call)

    async def _paused_for(self, bucket: Bucket) -> float:
        return await self._ask(lambda: self._store.paused_for(bucket))

    async def _ask(self, call: Callable[[], T]) -> T:
        return await self._loop.aside(call) if self._store.blocking else call()

    async def slow_down(
        self, name: str, *, asked: float | None, sent_at: float, write: bool = False
    ) -> float:
        """An answer 429: pause the bucket and say for how long. `asked` is what Graph's `Retry-After` said.

        Answers to requests that were sent before the last pause began tell nothing new about how patient to
        be.
        """
        bucket = self._buckets(name, write=write)[0]
        strikes = self._strikes.setdefault(bucket, _Strikes())
        if sent_at > strikes.since:
            strikes.count += 1
            strikes.since = clock.monotonic()
        guess = self._rng.uniform(0.0, min(_LONGEST_GUESS, 2.0 * 2.0 ** min(strikes.count, 10)))
        seconds = max(SHORTEST_PAUSE, guess if asked is None else asked)
        await self._ask(lambda: self._store.pause(bucket, seconds=seconds))
        return seconds

    def went_well(self, name: str, *, write: bool = False) -> None:
        """An answer that was not 429: the next one starts counting afresh."""
        strikes = self._strikes.get(self._buckets(name, write=write)[0])
        if strikes is not None and clock.monotonic() > strikes.since:
            strikes.count = 0


_turns: dict[tuple[int, str, str], asyncio.Lock] = {}
