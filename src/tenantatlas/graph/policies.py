"""Policies, as Graph gives them: lists, documents with all their parts, existence.

Every row is decoded once, strictly, and travels with its own bytes. A document is read in rounds: what
depends on nothing first, for all rows together so that batches are full, then what the answers make
necessary.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from tenantatlas.core import json
from tenantatlas.core.errors import AtlasError, ConsentMissing, Incomplete, Rejected, Throttled
from tenantatlas.core.json import BadJson, Json
from tenantatlas.policies.canonical import owners, with_parts
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import MASKS, Part, PolicyType, Shape

from .client import GraphClient
from .errors import clean
from .values import Read, ReadOutcome

logger = logging.getLogger(__name__)

_ITEM = "item"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a list. `error` where its bytes are not JSON that we accept; `body` is None then."""

    id: str
    raw: bytes = field(repr=False)
    body: Json = field(default=None, repr=False)
    error: AtlasError | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A whole list, one row per id.

    `repeated` are the ids that came more than once: the list moved meanwhile.
    """

    rows: tuple[Row, ...]
    repeated: tuple[str, ...] = ()


def list_rows(client: GraphClient, path: str, *, family: str, query: str = "") -> Listing:
    """Every row of a collection.

    `query` is sent as given ("$expand=assignments"). Raises where a page is lost.
    """
    rows: dict[str, Row] = {}
    repeated: dict[str, None] = {}
    for page in client.pages(_with_query(path, query), family=family):
        for number, raw in enumerate(page.rows):
            row = read_row(raw, place=f"#{len(rows) + number}")
            if row.id in rows:
                repeated[row.id] = None
            rows[row.id] = row
    return Listing(rows=tuple(rows.values()), repeated=tuple(repeated))


def read_row(raw: bytes, *, place: str = "#0") -> Row:
    """Decode one row. One that cannot be read, or has no id, is named by its place and carries the error."""
    try:
        body = json.loads(raw)
    except BadJson as error:
        return Row(id=place, raw=raw, error=error)
    row_id = body.get("id") if isinstance(body, dict) else None
    if not isinstance(row_id, str | int) or row_id == "":
        return Row(id=place, raw=raw, error=BadJson("A row of the list has no id."))
    return Row(id=str(row_id), raw=raw, body=body)


def read_documents(
    client: GraphClient, policy_type: PolicyType, rows: Iterable[Row]
) -> dict[str, Document | AtlasError]:
    """The whole document of each row, by id; where it could not be read whole, the reason in its place.

    The reason may be `Throttled` with `retry_after` over 60 seconds: put the work aside until then.
    """
    readings = [_Reading(policy_type, row) for row in rows]
    _gather(client, policy_type, readings, reads_item=policy_type.reads_item)
    return {reading.row.id: reading.result() for reading in readings}


def read_policies(
    client: GraphClient, policy_type: PolicyType, graph_ids: Iterable[str]
) -> dict[str, Document | AtlasError]:
    """The document of each of these policies, without a list.

    One that is gone is a `Rejected` with status 404.
    """
    query = policy_type.item_query or _expansions(policy_type.list_query)
    outcomes = client.read_many(
        Read(
            key=graph_id,
            path=_with_query(item_path(policy_type, graph_id), query),
            family=policy_type.family,
            batchable=policy_type.batchable,
        )
        for graph_id in dict.fromkeys(graph_ids)
    )
    results: dict[str, Document | AtlasError] = {}
    readings: dict[str, _Reading] = {}
    for graph_id, outcome in outcomes.items():
        if outcome.error is not None:
            results[graph_id] = _named(outcome.error, policy_type)
        else:
            readings[graph_id] = _Reading(policy_type, _row_with(graph_id, outcome.body or b""))
    _gather(client, policy_type, list(readings.values()), reads_item=False)
    return results | {graph_id: reading.result() for graph_id, reading in readings.items()}


def read_policy(client: GraphClient, policy_type: PolicyType, graph_id: str) -> Document:
    """One policy by its id, with all its parts. Raises `Rejected` (details status 404) where it is gone."""
    result = read_policies(client, policy_type, [graph_id])[graph_id]
    if isinstance(result, AtlasError):
        raise result
    return result


def check_exists(client: GraphClient, path: str, *, family: str) -> bool:
    """Is there something at this path? False only where Graph says so; any other trouble is raised."""
    result = check_many(client, [path], family=family)[path]
    if isinstance(result, AtlasError):
        raise result
    return result


def check_many(client: GraphClient, paths: Iterable[str], *, family: str) -> dict[str, bool | AtlasError]:
    """`check_exists` of many paths at once."""
    outcomes = client.read_many(Read(key=path, path=path, family=family) for path in dict.fromkeys(paths))
    return {path: _exists(outcome) for path, outcome in outcomes.items()}


def _exists(outcome: ReadOutcome) -> bool | AtlasError:
    if outcome.error is None:
        return True
    return False if outcome.status == HTTPStatus.NOT_FOUND else outcome.error


def item_path(policy_type: PolicyType, graph_id: str) -> str:
    """Where one policy of that type is."""
    return f"{policy_type.path}/{quote(graph_id, safe='')}"


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _expansions(query: str) -> str:
    """What of a list's query means the same for one item."""
    return "&".join(word for word in query.split("&") if word.startswith(("$expand=", "$select=")))


def _row_with(graph_id: str, raw: bytes) -> Row:
    try:
        return Row(id=graph_id, raw=raw, body=_read_object(raw))
    except BadJson as error:
        return Row(id=graph_id, raw=raw, error=error)


def _named(error: AtlasError, policy_type: PolicyType) -> AtlasError:
    """A missing permission has a name even where Graph does not say it."""
    if not isinstance(error, ConsentMissing) or error.details.get("permissions"):
        return error
    return ConsentMissing(
        f"A permission is missing: {' or '.join(policy_type.reads)}.",
        hint=error.hint,
        details={**error.details, "permissions": list(policy_type.reads)},
    )


class _Reading:
    """One policy while it is read."""

    def __init__(self, policy_type: PolicyType, row: Row) -> None:
        self.row = row
        self.error = row.error
        self._type = policy_type
        self._item: bytes | None = None
        self._parts: dict[str, tuple[bytes, ...]] = {}
        self._missing: dict[str, str] = {}

    def document(self) -> Document:
        """What was read so far."""
        return Document(
            type_key=self._type.key,
            object=self.row.raw,
            item=self._item,
            parts=dict(self._parts),
            missing=dict(self._missing),
        )

    def result(self) -> Document | AtlasError:
        """The document, or why there is none."""
        return self.document() if self.error is None else _named(self.error, self._type)

    def wants(self, parts: Iterable[Part]) -> Iterator[tuple[Part, Json, str]]:
        """The reads that these parts need now: part, what it is read for, and the key of the answer."""
        untouched = self._item is None and not self._parts
        body = self.row.body if untouched else with_parts(self._type, self.document())
        for part in parts:
            for owner in owners(part, body):
                wanted = part.when is None or part.when(owner)
                if wanted and (not part.for_each or part.row_id(owner)):
                    yield part, owner, part.key_for(owner)

    def take_item(self, outcome: ReadOutcome) -> None:
        """The answer to the item read."""
        if outcome.error is not None:
            self.error = outcome.error
            return
        try:
            _read_object(outcome.body or b"")
        except BadJson as error:
            self.error = error
            return
        self._item = outcome.body

    def take(self, part: Part, key: str, outcome: ReadOutcome) -> None:
        """The answer to one part's read."""
        try:
            self._parts[key] = _answer(part, outcome)
            self._check_count(part, key)
        except Throttled as error:
            self.error = error
        except AtlasError as error:
            if part.secret:
                self._missing[key] = clean(error.message)
            else:
                self.error = error

    def _check_count(self, part: Part, key: str) -> None:
        if not part.count_property:
            return
        expected = self.document().read_object().get(part.count_property)
        read = len(self._parts[key])
        if isinstance(expected, int) and expected != read:
            raise Incomplete(
                f"{part.count_property} says {expected}, but {read} were read.",
                hint="It may have changed while it was read: try again.",
            )


def _answer(part: Part, outcome: ReadOutcome) -> tuple[bytes, ...]:
    """The raw rows of a good answer; raises what is wrong with another."""
    if outcome.error is not None:
        if part.optional and outcome.status == HTTPStatus.NOT_FOUND:
            return ()
        raise outcome.error
    if outcome.rows is not None:
        return outcome.rows
    body = outcome.body or b""
    if not body and part.optional:
        return ()
    answer = _read_object(body)
    if part.shape is Shape.VALUE:
        _refuse_mask(answer)
    return (body,)


def _read_object(body: bytes) -> dict[str, Json]:
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise BadJson("The answer is not an object.")
    return answer


def _refuse_mask(answer: dict[str, Json]) -> None:
    if "value" not in answer:
        raise BadJson("The answer holds no value.")
    if isinstance(answer["value"], str) and answer["value"] in MASKS:
        raise Rejected("Graph gave a mask in the place of the value.")


def _gather(
    client: GraphClient, policy_type: PolicyType, readings: list[_Reading], *, reads_item: bool
) -> None:
    """Read items and parts, round by round."""
    rounds = _rounds(policy_type.parts, after_item=reads_item)
    for number in range(max([*rounds, 0 if reads_item else -1]) + 1):
        reads: list[Read] = []
        takers: dict[str, Callable[[ReadOutcome], None]] = {}
        for index, reading in enumerate(readings):
            if reading.error is not None:
                continue
            item = item_path(policy_type, reading.row.id)
            if number == 0 and reads_item:
                key = f"{index}/{_ITEM}"
                takers[key] = reading.take_item
                reads.append(_read(policy_type, key, _with_query(item, policy_type.item_query)))
            for part, owner, name in _wanted(reading, rounds.get(number, [])):
                key = f"{index}/{_ITEM}/{name}"
                takers[key] = _taker(reading, part, name)
                reads.append(_read(policy_type, key, part.path_for(item, row=owner), part=part))
        for key, outcome in client.read_many(reads).items() if reads else ():
            takers[key](outcome)


def _wanted(reading: _Reading, parts: list[Part]) -> list[tuple[Part, Json, str]]:
    """Each read once, though two rows may ask for the same."""
    if not parts:
        return []
    try:
        wanted = {name: (part, owner, name) for part, owner, name in reading.wants(parts)}
    except AtlasError as error:
        reading.error = error
        return []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Graph may send anything; a type's questions expect what it usually sends.
        logger.warning("policy_shape_unknown", extra={"error": type(error).__name__})
        reading.error = BadJson("The policy has a shape that its type does not know.")
        return []
    return list(wanted.values())


def _taker(reading: _Reading, part: Part, name: str) -> Callable[[ReadOutcome], None]:
    return lambda outcome: reading.take(part, name, outcome)


def _read(policy_type: PolicyType, key: str, path: str, *, part: Part | None = None) -> Read:
    return Read(
        key=key,
        path=path,
        family=policy_type.family,
        batchable=policy_type.batchable and (part is None or part.batchable),
        collection=part is not None and part.shape is Shape.COLLECTION,
    )


def _rounds(parts: tuple[Part, ...], *, after_item: bool) -> dict[int, list[Part]]:
    """Which parts can be read together: a part comes after the item and the parts that it is asked about."""
    number_of: dict[str, int] = {}
    rounds: dict[int, list[Part]] = {}
    for index, part in enumerate(parts):
        asks = bool(part.for_each or part.when)
        number = 1 if asks and after_item else 0
        for earlier in parts[:index]:
            if asks and _feeds(earlier, part):
                number = max(number, number_of[earlier.name] + 1)
        number_of[part.name] = number
        rounds.setdefault(number, []).append(part)
    return rounds


def _feeds(earlier: Part, later: Part) -> bool:
    """May the later part be asked about what the earlier one brings?"""
    if not earlier.into:
        return True
    place = f"{earlier.for_each}[].{earlier.into}" if earlier.for_each else earlier.into
    return later.for_each == place or later.for_each.startswith((f"{place}.", f"{place}["))
