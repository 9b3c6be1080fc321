"""What comes in and what goes out: plain requests and responses, and the ways in which a connection ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Break(StrEnum):
    """How the connection fails instead of carrying the whole response."""

    REFUSED = "refused"  # nothing was ever sent
    DROPPED = "dropped"  # the request went out and no answer came back
    CUT = "cut"  # the body stops in the middle


@dataclass(frozen=True, kw_only=True)
class SimRequest:
    """One HTTP request. `url` is absolute; header names are compared without case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header, or ""."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass(frozen=True, kw_only=True)
class SimResponse:
    """One HTTP response; `delay` are seconds of the clock that pass before it leaves."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    broken: Break | None = None
