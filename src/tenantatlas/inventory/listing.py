"""Reading a collection's list, and saying truthfully how far that went.

One collection may hold several policy types: it is read once, and each row goes to its type.

    what happened                              status
    ─────────────────────────────────────────  ───────────
    read to the last page                      complete
    a later page lost, or a row unreadable     partial: the rows that came are kept
    refused for want of a permission           denied
    this cloud or licence lacks it             unavailable
    anything else on the first page            partial, with no rows
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from tenantatlas.core import json
from tenantatlas.core.errors import AtlasError, ConsentMissing, NotOffered
from tenantatlas.core.ids import sha256_hex
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import Row, read_row
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import all_types, collections, get_type, type_of_row
from tenantatlas.runs.registry import puts_aside

from .models import ReadStatus

#: Properties that Graph moves when a policy changes. `isAssigned` moves where the dates do not.
_MOVES = ("lastModifiedDateTime", "modifiedDateTime", "version")
_MOVES_BESIDES = ("isAssigned", "state")


@dataclass(frozen=True, kw_only=True)
class ListedPolicy:
    """One row of a list, and the type that it belongs to."""

    policy_type: PolicyType
    row: Row

    @property
    def graph_id(self) -> str:
        """The id that Graph gave it."""
        return self.row.id

    @property
    def name(self) -> str:
        """Its name, or its id where it has none."""
        return json.storable_text(str(self.row.body.get(self.policy_type.name_field) or self.row.id))


@dataclass(frozen=True, kw_only=True)
class CollectionRead:
    """How one collection was read.

    `error` is what ended it early. `unreadable` counts rows that make no sense, `uncovered` those of a kind
    that no policy type covers.
    """

    path: str
    types: tuple[PolicyType, ...]
    status: ReadStatus
    policies: tuple[ListedPolicy, ...] = field(default=(), repr=False)
    pages: int = 0
    unreadable: int = 0
    uncovered: int = 0
    error: AtlasError | None = None

    @property
    def sentence(self) -> str:
        """What is missing or left out, and why; empty when nothing is."""
        if self.error is not None and self.pages:
            lost = f"Page {self.pages + 1} of the list could not be read"
            return f"{lost}, so what follows is not known: {self.error.message}"
        if self.error is not None:
            return self.error.message
        if self.unreadable:
            return f"{self.unreadable} row(s) of the list could not be understood."
        if self.uncovered:
            return (
                f"{self.uncovered} object(s) here are of kinds that no policy type covers; they are left out."
            )
        return ""

    def of_type(self, policy_type: PolicyType) -> tuple[ListedPolicy, ...]:
        """The rows of one type."""
        return tuple(listed for listed in self.policies if listed.policy_type.key == policy_type.key)


def choose_types(keys: Iterable[str]) -> tuple[PolicyType, ...]:
    """The named types, or all; an unknown key is an `InputError` with its neighbours."""
    chosen = {key: get_type(key) for key in keys}
    return tuple(t for t in all_types() if t.key in chosen) if chosen else all_types()


def choose_collections(types: Iterable[PolicyType]) -> dict[str, tuple[PolicyType, ...]]:
    """The collections to read for these types, each with those of its types that were chosen."""
    wanted = {policy_type.key for policy_type in types}
    chosen = {
        path: tuple(policy_type for policy_type in held if policy_type.key in wanted)
        for path, held in collections().items()
    }
    return {path: held for path, held in chosen.items() if held}


def read_collection(client: GraphClient, path: str, types: tuple[PolicyType, ...]) -> CollectionRead:
    """Read the list to its last page, one row per id. Raises only what concerns the whole run."""
    wanted = {policy_type.key for policy_type in types}
    rows: dict[str, ListedPolicy] = {}
    pages = unreadable = uncovered = 0
    error: AtlasError | None = None
    query = types[0].list_query
    try:
        for page in client.pages(f"{path}?{query}" if query else path, family=types[0].family):
            for raw in page.rows:
                row = read_row(raw)
                policy_type = None if row.error else type_of_row(path, row.body)
                unreadable += row.error is not None
                uncovered += row.error is None and policy_type is None
                if policy_type and policy_type.key in wanted:
                    rows[row.id] = ListedPolicy(policy_type=policy_type, row=row)
            pages += 1
    except AtlasError as caught:
        if caught.stops_run or puts_aside(caught):
            raise
        error = _named(_sorted_out(caught, client, types), types)
    return CollectionRead(
        path=path,
        types=types,
        status=_status(error, pages=pages, unreadable=unreadable),
        policies=tuple(rows.values()),
        pages=pages,
        unreadable=unreadable,
        uncovered=uncovered,
        error=error,
    )


def row_evidence(row: Row) -> str:
    """What of a list row moves when the policy does. Equal evidence hints that nothing changed; no proof."""
    moves = [str(row.body[name]) for name in _MOVES if row.body.get(name) is not None]
    if not moves:
        return sha256_hex(row.raw)
    return sha256_hex("|".join([*moves, *(str(row.body.get(name)) for name in _MOVES_BESIDES)]).encode())


def _sorted_out(error: AtlasError, client: GraphClient, types: tuple[PolicyType, ...]) -> AtlasError:
    """A plain 403 means a licence that is missing only where the permission is not."""
    if not isinstance(error, NotOffered) or error.details.get("status") != HTTPStatus.FORBIDDEN:
        return error
    roles = client.token_claims().get("roles")
    if roles is None or set(roles) & set(types[0].reads):
        return error
    return ConsentMissing(details=error.details)


def _named(error: AtlasError, types: tuple[PolicyType, ...]) -> AtlasError:
    """A missing permission has a name even where Graph does not say it."""
    if not isinstance(error, ConsentMissing) or error.details.get("permissions"):
        return error
    reads = types[0].reads
    return ConsentMissing(
        f"A permission is missing: {' or '.join(reads)}.",
        hint=error.hint or f"Grant {reads[0]} to the app registration, with admin consent.",
        details={**error.details, "permissions": list(reads)},
    )


def _status(error: AtlasError | None, *, pages: int, unreadable: int) -> ReadStatus:
    if error is None:
        return ReadStatus.PARTIAL if unreadable else ReadStatus.COMPLETE
    if not pages and isinstance(error, ConsentMissing):
        return ReadStatus.DENIED
    if not pages and isinstance(error, NotOffered):
        return ReadStatus.UNAVAILABLE
    return ReadStatus.PARTIAL
