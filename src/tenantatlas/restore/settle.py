"""What became of a write whose answer was lost.

A create is settled by looking, with growing waits up to W, for an object that

    was not there before · is not one that we made otherwise · has the same name and `@odata.type` ·
    was not made before we sent · carries what we sent

One is ours: it is adopted. Two or more are for a person. None after W: the create was not applied. A look
that failed has seen nothing and proves nothing; nor does a list with a row that cannot be read.
A name alone is never enough: a stranger's policy may have the same one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from tenantatlas.core import clock, json
from tenantatlas.core.errors import AtlasError
from tenantatlas.core.json import Json
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import Row, list_rows, read_documents, read_policies
from tenantatlas.policies import paths
from tenantatlas.policies.bodies import same
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import type_of_row

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 64.0
#: How far Graph's clock may be behind ours.
_NOT_FOUND = 404
_SKEW = timedelta(minutes=10)
_INTUNE = ("/deviceManagement/", "/deviceAppManagement/")


def settle_window(policy_type: PolicyType) -> float:
    """W: how long Graph may take to show what it has done, in seconds."""
    intune = any(part in policy_type.path for part in _INTUNE)
    return float(settings.ATLAS_SETTLE_INTUNE if intune else settings.ATLAS_SETTLE_ENTRA)


def growing_waits(window: float) -> Iterator[float]:
    """Waits of 2, 4, 8 … 64 seconds; the last one ends at the window."""
    waited, wait = 0.0, _FIRST_WAIT
    while waited < window:
        now = min(wait, window - waited)
        yield now
        waited += now
        wait = min(wait * 2, _LONGEST_WAIT)


class Looks:
    """When to look for what a lost answer made, and what kept the last look from seeing anything.

    With growing waits up to W; where the look at its end failed, once more so long.
    """

    def __init__(self, window: float) -> None:
        self.trouble: AtlasError | None = None
        self._window = window
        self._waits = growing_waits(window)
        self._longer = False

    def next_wait(self) -> float | None:
        """The seconds until the next look; None where it is time to give up."""
        wait = next(self._waits, None)
        if wait is not None or self.trouble is None or self._longer:
            return wait
        self._longer = True
        self._waits = growing_waits(self._window)
        return next(self._waits, None)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a whole list shows of one type: its rows by id.

    `error` is what is wrong with a row that cannot be read: then anything else may be there besides.
    """

    rows: dict[str, Row]
    error: AtlasError | None = None


@dataclass
class _Listed:
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun_at: float = float("-inf")
    rows: tuple[Row, ...] = ()


class Listings:
    """Whole lists of collections; whoever asks at about the same time shares one reading."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._lists: dict[str, _Listed] = {}
        self._lock = threading.Lock()

    def of_type(self, policy_type: PolicyType, *, since: float) -> Seen:
        """The type's rows, from a reading begun no earlier than `since` (monotonic)."""
        with self._lock:
            listed = self._lists.setdefault(policy_type.path, _Listed())
        with listed.lock:
            if listed.begun_at < since:
                begun_at = clock.monotonic()
                found = list_rows(
                    self._client, policy_type.path, family=policy_type.family, query=policy_type.list_query
                )
                listed.rows, listed.begun_at = found.rows, begun_at
            rows = listed.rows
        of_type = {row.id: row for row in rows if _is_of(policy_type, row)}
        return Seen(rows=of_type, error=_unread(rows))

    def whole(self, policy_type: PolicyType, *, since: float) -> dict[str, Row]:
        """The same rows by id; raises where a row of the list cannot be read."""
        seen = self.of_type(policy_type, since=since)
        if seen.error is not None:
            raise seen.error
        return seen.rows


def _is_of(policy_type: PolicyType, row: Row) -> bool:
    return row.error is None and type_of_row(policy_type.path, row.body) is policy_type


def _unread(rows: Iterable[Row]) -> AtlasError | None:
    return next((row.error for row in rows if row.error is not None), None)


def read_by_list(policy_type: PolicyType) -> bool:
    """Whether one list shows policies of the type whole, and singly would be too many requests."""
    return not (policy_type.batchable or policy_type.reads_item or policy_type.parts)


def read_live(
    client: GraphClient, listings: Listings, policy_type: PolicyType, graph_ids: Iterable[str]
) -> dict[str, Document | AtlasError]:
    """Some policies as they are now. Types that must not be batched are read with one list."""
    wanted = list(graph_ids)
    if not read_by_list(policy_type):
        return read_policies(client, policy_type, wanted)
    seen = listings.of_type(policy_type, since=clock.monotonic())
    shown = [seen.rows[graph_id] for graph_id in wanted if graph_id in seen.rows]
    found = read_documents(client, policy_type, shown)
    return {graph_id: found.get(graph_id) or seen.error or NotSeen() for graph_id in wanted}


class NotSeen(AtlasError):
    """The list does not show it."""

    code = "not_seen"
    http_status = 404
    exit_code = 5


def is_gone(outcome: object) -> bool:
    """Whether reading one object said that it is not there."""
    if not isinstance(outcome, AtlasError):
        return False
    return outcome.code == NotSeen.code or outcome.details.get("status") == _NOT_FOUND


@dataclass(frozen=True, kw_only=True)
class LostCreate:
    """A create whose answer was lost."""

    policy_type: PolicyType
    wanted: Json = field(repr=False)
    sent: Json = field(repr=False)
    before: frozenset[str]
    sent_at: datetime

    def candidates(self, rows: Mapping[str, Row], ours: Iterable[str]) -> list[Row]:
        """The rows that may be what was created."""
        excluded = self.before | frozenset(ours)
        name_field = self.policy_type.name_field
        return [
            row
            for row in rows.values()
            if row.id not in excluded
            and row.body.get(name_field) == self.sent.get(name_field, self.wanted.get(name_field))
            and _kind(self.policy_type, row.body) == _kind(self.policy_type, self.wanted)
            and not _made_before(row.body, self.sent_at - _SKEW)
        ]

    def find(self, client: GraphClient, listings: Listings, *, ours: Iterable[str]) -> tuple[str, ...]:
        """The ids of the objects that carry what was sent, as the tenant is now.

        Raises what kept it from reading one that may be it.
        """
        seen = listings.of_type(self.policy_type, since=clock.monotonic())
        rows = self.candidates(seen.rows, ours)
        found = []
        for graph_id, document in read_documents(client, self.policy_type, rows).items():
            if isinstance(document, AtlasError):
                if is_gone(document):
                    continue
                raise document
            if self.carried_by(compose(self.policy_type, document)):
                found.append(graph_id)
        if seen.error is not None and not found:
            raise seen.error
        return tuple(sorted(found))

    def carried_by(self, live: Json) -> bool:
        """Whether the object holds everything that was sent, as far as the service keeps it."""
        forms = [
            paths.remove(canonical_form(self.policy_type, body), self.policy_type.restore.rewrites)
            for body in (self.wanted, live)
        ]
        wanted, found = forms
        compared = [name for name in self.sent if name in wanted and name != "assignments"]
        return all(same(wanted[name], found.get(name)) for name in compared)


def _kind(policy_type: PolicyType, body: Json) -> str:
    return str(body.get("@odata.type") or policy_type.odata_type)


def _made_before(row: Json, moment: datetime) -> bool:
    text = row.get("createdDateTime")
    if not isinstance(text, str):
        return False
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return False
    return made.tzinfo is not None and made < moment


@dataclass(frozen=True, kw_only=True)
class LostChild:
    """A write below an object, whose answer was lost, that would make something twice."""

    path: str
    family: str
    by: tuple[str, ...]
    sent: Json = field(repr=False)

    def find(self, client: GraphClient) -> tuple[str, ...]:
        """The ids of the rows below the object that are what was sent. Raises where a row is not readable."""
        rows = list_rows(client, self.path, family=self.family).rows
        found = tuple(row.id for row in rows if row.error is None and self._is_it(row.body))
        error = _unread(rows)
        if error is not None and not found:
            raise error
        return found

    def _is_it(self, row: Json) -> bool:
        return all(_covers(row.get(name), self.sent.get(name)) for name in self.by)


def _covers(found: Json, sent: Json) -> bool:
    """Whether what is there holds what was sent; the service may have added to objects."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return all(_covers(found.get(name), value) for name, value in sent.items())
    return json.dumps_sorted(found) == json.dumps_sorted(sent)
