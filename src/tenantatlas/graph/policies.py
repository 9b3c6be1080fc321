"""Policies, as Graph gives them: lists, documents with all their parts, existence.

Every row is decoded once, strictly, and travels with its own bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tenantatlas.core.errors import AtlasError
from tenantatlas.core.json import Json
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType

from .client import GraphClient


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a list. `error` where its bytes are not JSON that we accept; `body` is None then."""

    id: str
    raw: bytes = field(repr=False)
    body: Json = field(default=None, repr=False)
    error: AtlasError | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A whole list, one row per id. `repeated` are the ids that came more than once (the list moved meanwhile)."""

    rows: tuple[Row, ...]
    repeated: tuple[str, ...] = ()


def list_rows(client: GraphClient, path: str, *, family: str, query: str = "") -> Listing:
    """Every row of a collection. `query` is sent as given ("$expand=assignments"). Raises where a page is lost."""
    raise NotImplementedError


def read_documents(
    client: GraphClient, policy_type: PolicyType, rows: Iterable[Row]
) -> dict[str, Document | AtlasError]:
    """The whole document of each row, by id; where it could not be read whole, the reason in its place.

    The reason may be `Throttled` with `retry_after` over 60 seconds: put the work aside until then.
    """
    raise NotImplementedError


def read_policy(client: GraphClient, policy_type: PolicyType, graph_id: str) -> Document:
    """One policy by its id, with all its parts. Raises `Rejected` (details status 404) where it is gone."""
    raise NotImplementedError


def check_exists(client: GraphClient, path: str, *, family: str) -> bool:
    """Is there something at this path? False only where Graph says so; any other trouble is raised."""
    raise NotImplementedError


def check_many(client: GraphClient, paths: Iterable[str], *, family: str) -> dict[str, bool | AtlasError]:
    """`check_exists` of many paths at once."""
    raise NotImplementedError
