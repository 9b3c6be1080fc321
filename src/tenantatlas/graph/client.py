"""The Graph client that the rest of the product uses: synchronous, safe to share between threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .budget import BudgetStore
from .values import GraphTarget, Page, Read, ReadOutcome, Reply, WriteReply


class GraphClient:
    """Reads and writes of one app in one tenant. Paths are absolute with version: "/beta/deviceManagement/…"."""

    def __init__(self, target: GraphTarget, *, budgets: BudgetStore | None = None) -> None:
        self.target = target
        raise NotImplementedError

    def get(self, path: str, *, family: str, deadline: float = 60.0) -> Reply:
        """One read, with retries. Raises the `core.errors` leaf that says what went wrong."""
        raise NotImplementedError

    def pages(self, path: str, *, family: str) -> Iterator[Page]:
        """A collection to its last page; raises where a page is lost, never ends early in silence."""
        raise NotImplementedError

    def read_many(self, reads: Iterable[Read]) -> dict[str, ReadOutcome]:
        """Many reads at once, batched by 20 where allowed; exactly one outcome for each key."""
        raise NotImplementedError

    def write(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        family: str,
        request_id: str,
        on_sent: Callable[[], None] | None = None,
    ) -> WriteReply:
        """One attempt of one write, never repeated here; waits for the write budget first.

        `on_sent` is called (from another thread) when the request has been handed to the socket; never where it was not
        sent. Raises only before sending: `SignInFailed`, `Throttled` (paused for over a minute), `Cancelled`.
        """
        raise NotImplementedError

    def token_claims(self) -> dict[str, Any]:
        """What the token says of itself (tid, roles, appid, exp …), never the token."""
        raise NotImplementedError
