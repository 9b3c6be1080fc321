"""What callers give to the Graph client and what they get back. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantatlas.core.errors import AtlasError

from .clouds import Cloud

#: The delegated permission of the search for groups: their names, as the person may read them.
GROUP_SEARCH_PERMISSION = "GroupMember.Read.All"


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A client secret."""

    value: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate with its private key, as one PEM text."""

    pem: str = field(repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class GraphTarget:
    """One app registration in one tenant of one cloud. `share` is the part of Graph's budget that we take."""

    cloud: Cloud
    tenant_guid: str
    client_id: str
    credential: Secret | Certificate
    ca_pem: str = field(default="", repr=False)
    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A successful answer (2xx). `body` is as Graph sent it; empty where it sent none."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a collection: each row's own bytes."""

    rows: tuple[bytes, ...] = field(repr=False)
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One of many reads. `key` is the caller's name for it. A `collection` is read to its last page."""

    key: str
    path: str
    family: str
    batchable: bool = True
    collection: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadOutcome:
    """How one read ended: `body` or (for a collection) `rows`, or `error`. Never both, never neither.

    The error may be `Throttled` with `retry_after` over 60 seconds: then the caller puts its work aside until
    then.
    """

    status: int
    body: bytes | None = field(default=None, repr=False)
    rows: tuple[bytes, ...] | None = field(default=None, repr=False)
    error: AtlasError | None = None
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class WriteReply:
    """How the one attempt of a write ended.

    known=True   `status` tells: 2xx was applied (`error` is None); anything else was not applied (`error`
    says
                 why). `again` where the same write may be sent once more without further thought: it was
                 throttled, or never left this machine (status 0), or was turned away at the door with an old
                 token that has been renewed meanwhile.
    known=False  nobody knows whether it was applied (no answer, 5xx, an answer that is not Graph's): settle
    it
                 first.

    `error.details` hold status, graph_code, request_id, client_request_id; where Multi Admin Approval holds
    the write also `approval_code`. `body` is there only where it was applied.
    """

    known: bool
    status: int
    body: bytes = field(default=b"", repr=False)
    error: AtlasError | None = None
    request_id: str = ""
    throttled: bool = False
    again: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
