"""One read, with its retries; and the trail of links from page to page."""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Throttled, Unavailable, Untrusted
from tenantatlas.core.json import BadJson

from .budget import PUT_ASIDE_AFTER, Budget
from .envelopes import Opened
from .errors import error_for, path_template, read_fault
from .lanes import Lane
from .limits import family_named
from .origins import path_within
from .refusals import Refusals
from .sending import Answer, Call, Sender
from .transport import TransportFailed, hint_for
from .values import GraphTarget
from .waiting import LoopThread

logger = logging.getLogger(__name__)

BATCH_SIZE = 20
_BATCHES_IN_FLIGHT = 8
_SINGLES_IN_FLIGHT = 32
_FAILURES = 3
_THROTTLES = 10
_FIRST_BACK_OFF = 2.0
_MOST_PAGES = 20_000
_MOST_EMPTY_PAGES = 200
#: These are worth another try besides 5xx: request timeout, locked, failed dependency.
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.LOCKED, HTTPStatus.FAILED_DEPENDENCY})


@dataclass
class Tries:
    """What a read has been through. Throttling and failing are counted apart."""

    throttled: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Again:
    """Try once more, after so many seconds."""

    seconds: float = 0.0


class Reader:
    """Reads of one target. Lives on the loop thread."""

    def __init__(
        self,
        target: GraphTarget,
        *,
        sender: Sender,
        budget: Budget,
        refusals: Refusals,
        loop: LoopThread,
        rng: random.Random,
    ) -> None:
        self.origin = target.cloud.graph_url
        self._share = target.share
        self._sender = sender
        self._budget = budget
        self._refusals = refusals
        self._loop = loop
        self._rng = rng
        self._lanes: dict[tuple[str, bool], Lane] = {}

    async def get(self, path: str, *, family: str, deadline: float = 60.0) -> Answer:
        """A good answer, or the error that says why there is none."""
        tries = Tries()
        call = Call(method="GET", path=path, deadline=deadline)
        while True:
            outcome = await self.attempt(call, family=family, tries=tries)
            if isinstance(outcome, Answer):
                return outcome
            await self.wait(outcome.seconds)

    async def page(self, path: str, *, family: str) -> tuple[Answer, Opened]:
        """One page of a collection, opened."""
        tries = Tries()
        while True:
            answer = await self.get(path, family=family)
            try:
                return answer, Opened(answer.body)
            except BadJson as error:
                await self.wait(self.after_failure(error.message, tries).seconds)

    async def wait(self, seconds: float) -> None:
        """Wait on the clock."""
        await self._loop.wait_until(clock.monotonic() + seconds)

    async def attempt(
        self, call: Call, *, family: str, tries: Tries, paths: tuple[str, ...] = ()
    ) -> Answer | Again:
        """Send once within lane and budget: a good answer, or the wait before the next try. Else raises.

        `paths` are what a batch asks for: Graph counts each of them.
        """
        batched = len(paths) > 1
        lane = self._lane(family, batched=batched)
        await self._sender.prepare()
        try:
            async with lane:
                self._refusals.check(family, "GET", paths or (call.path,))
                async with self._budget.turn(family, count=len(paths) or 1):
                    answer = await self._sender.read(call)
        except TransportFailed as error:
            return self.after_failure(error.reason, tries)
        lane.note(clock.monotonic() - answer.sent_at)
        if batched and answer.ok:
            return answer
        verdict = await self.judge(
            answer.status,
            answer.headers,
            answer.body,
            path=call.path,
            family=family,
            tries=tries,
            sent_at=answer.sent_at,
        )
        return answer if verdict is None else verdict

    async def judge(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        path: str,
        family: str,
        tries: Tries,
        sent_at: float,
    ) -> Again | None:
        """What one answer means: None (good) or another try; else raises."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            self._budget.went_well(family)
            self._refusals.note(family, "GET", path, None)
            return None
        fault = read_fault(status, headers, body)
        error = error_for(fault, path=path)
        if isinstance(error, Throttled):
            return await self._after_throttling(error, tries, family=family, path=path, sent_at=sent_at)
        if isinstance(error, Unavailable) or status in _PASSING:
            return self._once_more(tries, error, asked=fault.retry_after)
        self._refusals.note(family, "GET", path, error)
        raise error

    async def _after_throttling(
        self, error: Throttled, tries: Tries, *, family: str, path: str, sent_at: float
    ) -> Again:
        seconds = await self._budget.slow_down(family, asked=error.retry_after, sent_at=sent_at)
        logger.info(
            "graph_throttled",
            extra={"path": path_template(path), "family": family, "seconds": seconds},
        )
        tries.throttled += 1
        if seconds > PUT_ASIDE_AFTER:
            raise Throttled(retry_after=seconds, details=error.details)
        if tries.throttled > _THROTTLES:
            raise Throttled(
                "Microsoft Graph asked us to slow down again and again; this was given up for now.",
                hint="Try again later; something else may be using up the tenant's budget.",
                details=error.details,
            )
        return Again(seconds)

    def after_failure(self, reason: str, tries: Tries) -> Again:
        """No whole answer came."""
        return self._once_more(
            tries,
            Unavailable(
                f"Microsoft Graph could not be read: {reason.rstrip('.')}.",
                hint=hint_for(reason),
            ),
        )

    def _once_more(self, tries: Tries, error: AtlasError, *, asked: float | None = None) -> Again:
        tries.failed += 1
        if tries.failed > _FAILURES:
            raise error
        jitter = self._rng.uniform(0.0, _FIRST_BACK_OFF * 2.0 ** (tries.failed - 1))
        return Again(max(jitter, min(asked or 0.0, PUT_ASIDE_AFTER)))

    def _lane(self, family: str, *, batched: bool) -> Lane:
        lane = self._lanes.get((family, batched))
        if lane is None:
            limits = family_named(family)
            cap = _BATCHES_IN_FLIGHT if batched else _SINGLES_IN_FLIGHT
            lane = Lane(
                per_second=limits.read_per_s * self._share,
                each=BATCH_SIZE if batched else 1,
                cap=1 if limits.serial else cap,
            )
            self._lanes[family, batched] = lane
        return lane


class Trail:
    """The links followed so far in one collection.

    Each leads to our origin, none comes twice, and there is an end.
    """

    def __init__(self, origin: str, first: str) -> None:
        self._origin = origin
        self._seen = {_mark(first)}
        self._empty = 0

    def next(self, link: str | None, *, rows: int) -> str | None:
        """The path of the next page, verbatim; None at the end. Raises `Untrusted`."""
        if link is None:
            return None
        path = path_within(self._origin, link)
        mark = _mark(path)
        if mark in self._seen:
            raise Untrusted("Microsoft Graph's pages lead back to one already read; the list has no end.")
        self._seen.add(mark)
        self._empty = 0 if rows else self._empty + 1
        if len(self._seen) > _MOST_PAGES or self._empty > _MOST_EMPTY_PAGES:
            raise Untrusted("Microsoft Graph's list does not end.")
        return path


def _mark(path: str) -> bytes:
    return hashlib.blake2b(path.encode(), digest_size=16).digest()
