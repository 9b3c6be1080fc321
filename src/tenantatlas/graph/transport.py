"""How a request reaches the network. The only import of aiohttp in the product.

Everything above speaks `GraphRequest` and `GraphResponse`; a simulator in the same process takes the place of the network
by `install_transport`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

#: "unsent": no byte of the request can have reached the other side. "unknown": it may have been received and acted upon.
Kind = Literal["unsent", "unknown"]

#: No answer, inflated, may be larger.
MAX_BODY = 64 * 1024 * 1024


class TransportFailed(Exception):
    """There is no whole answer. `reason` is a short sentence for people, without addresses or headers."""

    def __init__(self, reason: str, *, kind: Kind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: Kind = kind


class Headers(Mapping[str, str]):
    """Headers of an answer; names are looked up without regard to case."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {name.lower(): str(value) for name, value in (values or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, kw_only=True)
class GraphRequest:
    """One request. `deadline` is for all of it, in seconds. `on_sent` is called once all of it has been handed to the
    socket, and never where the request failed "unsent". `ca_pem` are certificate authorities to trust besides the system's.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    deadline: float = 60.0
    on_sent: Callable[[], None] | None = None
    ca_pem: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class GraphResponse:
    """One whole answer: the body is complete and inflated."""

    status: int
    headers: Mapping[str, str] = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.headers, Headers):
            object.__setattr__(self, "headers", Headers(self.headers))


class Transport(Protocol):
    """Sends one request once. Follows no redirect, tries nothing again."""

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The whole answer, or `TransportFailed`."""
        ...


_installed: Transport | None = None


def install_transport(transport: Transport | None) -> Transport | None:
    """Make this the process's transport (None: the network again) and return the one it replaces."""
    global _installed  # noqa: PLW0603 - one transport per process is the point
    previous, _installed = _installed, transport
    return previous
