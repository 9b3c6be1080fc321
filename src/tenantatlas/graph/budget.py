"""One budget per (app, tenant, family), reads and writes apart, shared by everybody who uses the same store.

A bucket is a steady rate (GCRA: each request moves the time at which the next may go) with a small burst. An answer 429
pauses the whole bucket, not one request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Bucket:
    """The name of a bucket. `kind` is "read" (every verb) or "write"."""

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

    `blocking` stores (a database) are called in a worker thread. All times are seconds from now, in the seconds of
    `core.clock`.
    """

    blocking: bool

    def reserve(self, bucket: Bucket, *, count: int, per_second: float, burst: float) -> float:
        """Take `count` requests; the answer is how long to wait before sending them (0: now). Pauses included."""
        ...

    def pause(self, bucket: Bucket, *, seconds: float) -> None:
        """Let nothing of the bucket go for so long from now; a longer pause in force stays."""
        ...

    def paused_for(self, bucket: Bucket) -> float:
        """How much longer the bucket is paused (0: not at all)."""
        ...
