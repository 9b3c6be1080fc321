"""The Graph client that the rest of the product uses: synchronous, safe to share between threads."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from tenantatlas.core import clock
from tenantatlas.core.errors import InputError, Overdue, Throttled, Unavailable
from tenantatlas.core.json import BadJson

from .auth import Tokens
from .batch import ManyReads
from .budget import Budget, BudgetStore, MemoryBudgets
from .errors import error_for
from .origins import own_path
from .reading import Reader, Trail
from .refusals import Refusals
from .sending import Answer, Call, Sender
from .transport import TransportFailed, hint_for
from .values import (
    Certificate,
    GraphTarget,
    Page,
    Read,
    ReadOutcome,
    Reply,
    Secret,
    WriteReply,
)
from .waiting import Hold, LoopThread, loop_thread, stop_waiting_when

__all__ = [
    "Certificate",
    "GraphClient",
    "GraphTarget",
    "Page",
    "Read",
    "ReadOutcome",
    "Reply",
    "Secret",
    "WriteReply",
    "stop_waiting_when",
]

_WRITE_DEADLINE = 100.0
#: Answers that say for certain that nothing was changed.
_NOT_APPLIED = (frozenset(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT}) | {HTTPStatus.NOT_IMPLEMENTED}

#: The buckets of clients that were given no store.
_process_budgets = MemoryBudgets()


class GraphClient:
    """Reads and writes of one app in one tenant. Paths are absolute with version: "/beta/deviceManagement/…".

    Callers wait in their own threads; the requests of all clients live on one loop thread.
    """

    def __init__(
        self, target: GraphTarget, *, budgets: BudgetStore | None = None, rng: random.Random | None = None
    ) -> None:
        _refuse_fast_time(target)
        self.target = target
        rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._store = budgets or _process_budgets
        self._rng = rng
        self._loop: LoopThread | None = None
        self._starting = threading.Lock()
        self._refusals = Refusals()

    def _here(self) -> LoopThread:
        """The loop thread of this process, with our parts on it (again after a fork)."""
        with self._starting:
            loop = loop_thread()
            if self._loop is not loop:
                self._start(loop)
            return loop

    def _start(self, loop: LoopThread) -> None:
        self._tokens = Tokens(self.target, loop=loop, rng=self._rng)
        self._sender = Sender(self.target, self._tokens)
        self._budget = Budget(self._store, self.target, loop=loop, rng=self._rng)
        self._reader = Reader(
            self.target,
            sender=self._sender,
            budget=self._budget,
            refusals=self._refusals,
            loop=loop,
            rng=self._rng,
        )
        self._loop = loop

    def get(self, path: str, *, family: str, deadline: float = 60.0) -> Reply:
        """One read, with retries. Raises the `core.errors` leaf that says what went wrong."""
        loop = self._here()
        answer = loop.run(self._reader.get(own_path(path), family=family, deadline=deadline))
        return Reply(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            request_id=answer.request_id,
        )

    def pages(self, path: str, *, family: str) -> Iterator[Page]:
        """A collection to its last page; raises where a page is lost, never ends early in silence."""
        loop = self._here()
        following: str | None = own_path(path)
        trail = Trail(self.target.cloud.graph_url, own_path(path))
        while following is not None:
            answer, opened = loop.run(self._reader.page(following, family=family))
            try:
                rows = opened.rows("value")
                following = trail.next(opened.text("@odata.nextLink"), rows=len(rows))
            except BadJson as error:
                raise Unavailable(f"Microsoft Graph's list cannot be read: {error.message}") from error
            yield Page(rows=rows, request_id=answer.request_id)

    def read_many(self, reads: Iterable[Read]) -> dict[str, ReadOutcome]:
        """Many reads at once, batched by 20 where allowed; exactly one outcome for each key.

        Raises only what makes all reading pointless (`SignInFailed`).
        """
        loop = self._here()
        return loop.run(ManyReads(self._reader, reads).run())

    def write(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        family: str,
        request_id: str,
        on_sent: Callable[[], None] | None = None,
        not_after: float | None = None,
    ) -> WriteReply:
        """One attempt of one write, never repeated here; waits for the write budget first.

        It is not sent after `not_after` (monotonic): somebody else may have taken the work over since.
        `on_sent` is called (in another thread) once the request has been handed to the socket; never where it
        was not sent. Raises only before sending: `SignInFailed`, `Unavailable` (no token to be had),
        `ConsentMissing` (refused three times just now), `Throttled` (paused for over a minute), `Cancelled`,
        `Overdue`.
        """
        loop = self._here()
        call = Call(
            method=method,
            path=own_path(path),
            body=body,
            deadline=_WRITE_DEADLINE,
            on_sent=on_sent,
            request_id=request_id,
        )
        self._refusals.check(family, method, [call.path])
        hold = Hold()
        return loop.run(self._write(call, family, hold, not_after), hold=hold)

    async def _write(self, call: Call, family: str, hold: Hold, not_after: float | None) -> WriteReply:
        await self._sender.prepare()
        async with self._budget.turn(family, write=True):
            if not_after is not None and clock.monotonic() > not_after:
                raise Overdue("The write was not sent: it waited for too long.")
            hold.held = True
            try:
                answer = await self._sender.write(call)
            except TransportFailed as error:
                return _without_answer(error)
        if answer.ok:
            self._budget.went_well(family, write=True)
            self._refusals.note(family, call.method, call.path, None)
            return WriteReply(
                known=True,
                status=answer.status,
                body=answer.body,
                headers=answer.headers,
                request_id=answer.request_id,
            )
        return await self._refused_write(call, family, answer)

    async def _refused_write(self, call: Call, family: str, answer: Answer) -> WriteReply:
        error = error_for(answer.fault(), path=call.path)
        throttled = isinstance(error, Throttled)
        if isinstance(error, Throttled):
            error.retry_after = await self._budget.slow_down(
                family, asked=error.retry_after, sent_at=answer.sent_at, write=True
            )
        else:
            self._refusals.note(family, call.method, call.path, error)
        return WriteReply(
            known=answer.status in _NOT_APPLIED,
            status=answer.status,
            headers=answer.headers,
            error=error,
            request_id=answer.request_id,
            throttled=throttled,
            again=throttled or answer.renewed,
        )

    def refused_in_a_row(self, family: str) -> int:
        """How many permissions of one kind were refused in a row in that family; three halt it."""
        return self._refusals.in_a_row(family)

    def token_claims(self) -> dict[str, Any]:
        """What the token says of itself (tid, roles, appid, exp …), never the token."""
        loop = self._here()
        return dict(loop.run(self._tokens.token()).claims)


def _without_answer(error: TransportFailed) -> WriteReply:
    unsent = error.kind == "unsent"
    what = "was not sent" if unsent else "had no answer"
    return WriteReply(
        known=unsent,
        status=0,
        again=unsent,
        error=Unavailable(
            f"The write {what}: {error.reason}.",
            hint=hint_for(error.reason),
        ),
    )


def _refuse_fast_time(target: GraphTarget) -> None:
    """Scaled time is for simulators: no budget of ours holds against the real Graph then."""
    if clock.scale() == 1:
        return
    for url in (target.cloud.graph_url, target.cloud.login_url):
        if not _is_loopback(urlsplit(url).hostname or ""):
            raise InputError(
                "ATLAS_TIME_SCALE is set, and this tenant is not on this machine.",
                hint="Unset ATLAS_TIME_SCALE to work with real tenants.",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
