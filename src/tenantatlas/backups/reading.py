"""Reading a tenant's policies whole: what capture and drift have in common.

    list:<path>        one collection to its last page; its rows are staged, and each becomes an item
    <type>/<id>        one policy: its document is read, many at a time
    recheck:<path>     the list once more: what went, came or moved meanwhile

The items of one throttle family follow each other in one lane; families run side by side. Every item can be
repeated: what is stored is found by its natural key.
"""

from __future__ import annotations

import contextvars
import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import ClassVar, Generic, TypeVar

from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import Row, read_documents, read_policies, read_row
from tenantatlas.inventory.listing import (
    CollectionRead,
    ListedPolicy,
    choose_collections,
    read_collection,
    row_evidence,
)
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.inventory.operations import collection_item, collection_result, facts_of
from tenantatlas.inventory.services import record_collection
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import collections, get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import (
    ItemResult,
    ItemSpec,
    Operation,
    RunContext,
    failed_item,
    puts_aside,
)
from tenantatlas.tenants.connections import client_for

from .completeness import ABSENT, CHANGED, LIST, RECHECK, VANISHED, ItemFacts, TypeSummary, shorten, summarise
from .payloads import drop_staged_rows, stage_rows, staged_rows

P = TypeVar("P")
_GONE = 404
#: How many policies are read, and then stored, together.
_AT_ONCE = 40


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which policies to read: types, and of them only `policies` ((type, id) → name) unless that is None.

    The types in `whole` are read whole all the same.
    """

    types: tuple[PolicyType, ...]
    policies: Mapping[tuple[str, str], str] | None = None
    whole: frozenset[str] = frozenset()

    def covers(self, type_key: str, graph_id: str) -> bool:
        """Whether this policy is to be read."""
        return self.policies is None or type_key in self.whole or (type_key, graph_id) in self.policies


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One policy as it was read whole. `evidence` is that of its list row; empty where it was read by id."""

    item: RunItem
    policy_type: PolicyType
    graph_id: str
    document: Document = field(repr=False)
    evidence: str = ""


class PolicyReading(Operation[P], Generic[P]):
    """Its items are collections and policies. Subclasses say which, and what becomes of the documents."""

    chunk_size = 120
    #: Every throttle family at once: most of a lane's time is waiting for its own budget.
    parallel_lanes = 12
    #: Whether collections are listed a second time at the end.
    checks_again: ClassVar[bool] = True

    @abstractmethod
    def scope(self, ctx: RunContext) -> Scope:
        """What to read."""

    @abstractmethod
    def take(self, ctx: RunContext, taken: Sequence[Taken]) -> Iterable[ItemResult]:
        """Do what the operation is for with these documents; one result for each."""

    def items_of(self, ctx: RunContext, scope: Scope, read: CollectionRead) -> Iterable[ItemSpec]:
        """The items that a list gives: each policy in scope, and those that should be there and are not."""
        chosen = [one for one in read.policies if scope.covers(one.policy_type.key, one.graph_id)]
        addresses = stage_rows(ctx.tenant, run_id=ctx.run.pk, rows=[one.row.raw for one in chosen])
        for listed, address in zip(chosen, addresses, strict=True):
            yield policy_item(listed, address)
        if read.status == ReadStatus.COMPLETE:
            seen = {(one.policy_type.key, one.graph_id) for one in chosen}
            held = {policy_type.key: policy_type for policy_type in read.types}
            for (type_key, graph_id), name in (scope.policies or {}).items():
                if type_key in held and (type_key, graph_id) not in seen:
                    yield absent_item(held[type_key], graph_id, name)

    def lost(self, ctx: RunContext, item: RunItem, error: AtlasError) -> ItemResult:  # noqa: ARG002 - for subclasses
        """The result of a policy that could not be read whole."""
        if is_gone(error):
            return ItemResult(
                key=item.key,
                state=ItemState.FAILED,
                reason=VANISHED,
                message="It was in the list and gone when it was to be read.",
                request_id=str(error.details.get("request_id", "")),
            )
        return failed_item(item.key, error)

    # ── The executor's side ──

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item per collection; their policies become items once they are listed."""
        for path, types in choose_collections(self.scope(ctx).types).items():
            yield replace(collection_item(path, types), finds_items=True)

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterable[ItemResult]:
        """Policies that follow each other are read together; everything else singly."""
        for kind, group in groupby(items, key=_kind):
            if ctx.cancelled():
                return
            if kind == "row":
                yield from self._read(ctx, list(group))
            else:
                yield from super().process_chunk(ctx, list(group))

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """One collection, first or second time; or a policy that is known not to be there."""
        kind = _kind(item)
        if kind == "list":
            return self._list(ctx, item)
        if kind == "recheck":
            return self._list_again(ctx, item)
        return ItemResult(
            key=item.key,
            state=ItemState.FAILED,
            reason=ABSENT,
            message="It is no longer in the tenant.",
            hint="Leave it out, or restore it from an earlier backup set.",
        )

    def _list(self, ctx: RunContext, item: RunItem) -> ItemResult:
        path = facts_of(item).get("list") or facts_of(item)["recheck"]
        scope = self.scope(ctx)
        read = read_collection(client_for(ctx.tenant), path, choose_collections(scope.types)[path])
        ctx.beat()
        record_collection(read, run_id=ctx.run.pk)
        specs = list(self.items_of(ctx, scope, read))
        ctx.crash_point("list_staged")
        ctx.add_items([*specs, *self._second_look(read, specs)])
        ctx.crash_point("list_recorded")
        return collection_result(item.key, read)

    def _second_look(self, read: CollectionRead, specs: Sequence[ItemSpec]) -> Iterator[ItemSpec]:
        """A list of one page without further reads is one moment; everything else is looked at again."""
        lasts = read.pages > 1 or any(
            policy_type.reads_item or policy_type.parts for policy_type in read.types
        )
        if self.checks_again and read.status == ReadStatus.COMPLETE and lasts and specs:
            yield ItemSpec(
                key=f"{RECHECK}{read.path}",
                label=f"Second look at {', '.join(policy_type.label for policy_type in read.types)}"[:400],
                type_key=read.types[0].key if len(read.types) == 1 else "",
                lane=read.types[0].family,
                payload={"recheck": read.path},
            )

    def _list_again(self, ctx: RunContext, item: RunItem) -> ItemResult:
        path = facts_of(item)["recheck"]
        scope = self.scope(ctx)
        types = choose_collections(scope.types)[path]
        if not ctx.items().filter(key=f"{LIST}{path}").exists():
            return self._list(ctx, item)  # a retry of the second look: everything is read once more
        before = _first_look(ctx, types)
        read = read_collection(client_for(ctx.tenant), path, types)
        if read.status != ReadStatus.COMPLETE:
            return ItemResult(
                key=item.key,
                state=ItemState.FAILED,
                reason="not_checked_again",
                message=f"Whether anything changed meanwhile is not known: {read.sentence}",
            )
        return _compare_looks(item.key, before, read, scope)

    def _read(self, ctx: RunContext, items: list[RunItem]) -> Iterator[ItemResult]:
        """Some at a time; while Graph answers for the next ones, these are stored."""
        parts = [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading-ahead") as ahead:
            following = ahead.submit(self._reading(ctx, parts[0]))
            for part, next_part in itertools.pairwise([*parts, None]):
                outcomes = following.result()
                if ctx.cancelled():
                    return
                if next_part is not None:
                    following = ahead.submit(self._reading(ctx, next_part))
                yield from self._take_read(ctx, part or [], outcomes)

    def _take_read(
        self, ctx: RunContext, items: list[RunItem], outcomes: Mapping[str, Taken | AtlasError]
    ) -> Iterator[ItemResult]:
        taken: list[Taken] = []
        stop: AtlasError | None = None
        for item in items:
            outcome = outcomes[item.key]
            if isinstance(outcome, Taken):
                taken.append(outcome)
                continue
            if outcome.stops_run or puts_aside(outcome):
                stop = outcome
            if not puts_aside(outcome):
                yield self.lost(ctx, item, outcome)
        if taken:
            ctx.beat()
            ctx.crash_point("documents_read")
            results = list(self.take(ctx, taken))
            ctx.crash_point("documents_stored")
            yield from results
        if stop is not None:
            raise stop

    def _reading(self, ctx: RunContext, items: list[RunItem]) -> Callable[[], dict[str, Taken | AtlasError]]:
        """The reading of these documents, for another thread: the database is asked here and now."""
        client = client_for(ctx.tenant)
        addresses = [facts_of(item)["row"] for item in items]
        staged = staged_rows(ctx.tenant, run_id=ctx.run.pk, addresses=addresses)
        reading = partial(_read_documents, client, items, staged)
        return partial(contextvars.copy_context().run, reading)

    def summaries(self, ctx: RunContext) -> list[TypeSummary]:
        """How completely each type was read."""
        facts = [
            ItemFacts(**row)
            for row in ctx.items().values(
                "key", "type_key", "label", "state", "reason", "message", "payload", "details"
            )
        ]
        chosen = {policy_type.key for policy_type in self.scope(ctx).types}
        held = {
            path: [policy_type.key for policy_type in types if policy_type.key in chosen]
            for path, types in collections().items()
        }
        return summarise(facts, held=held)

    def finish(self, ctx: RunContext) -> None:
        """Say by name what is missing, and let the staged rows go."""
        spoiled = [summary for summary in self.summaries(ctx) if summary.spoils]
        if spoiled:
            ctx.mark_incomplete("incomplete", describe_gaps(spoiled))
        drop_staged_rows(run_id=ctx.run.pk)

    def ended(self, run: OperationRun) -> None:
        """However the run ended, its staged rows are not needed any more."""
        drop_staged_rows(run_id=run.pk)


def describe_gaps(summaries: Iterable[TypeSummary]) -> str:
    """One sentence for each type that was not read completely."""
    return " ".join(
        f"{get_type(summary.type_key).label} is {summary.status.label.lower()}: {summary.detail}"
        for summary in summaries
    )


def policy_item(listed: ListedPolicy, address: str) -> ItemSpec:
    """The item that stands for one listed policy."""
    return ItemSpec(
        key=f"{listed.policy_type.key}/{listed.graph_id}",
        label=listed.name[:400],
        type_key=listed.policy_type.key,
        lane=listed.policy_type.family,
        payload={"row": address, "seen": row_evidence(listed.row)},
    )


def absent_item(policy_type: PolicyType, graph_id: str, name: str) -> ItemSpec:
    """The item that stands for a policy which was asked for and is not there."""
    return ItemSpec(
        key=f"{policy_type.key}/{graph_id}",
        label=name[:400],
        type_key=policy_type.key,
        lane=policy_type.family,
        payload={"absent": True},
    )


def graph_id_of(key: str) -> str:
    """The id of the policy that the item with this key stands for."""
    return key.partition("/")[2]


def is_gone(error: AtlasError) -> bool:
    """Whether Graph says that there is nothing there."""
    return error.details.get("status") == _GONE


def _kind(item: RunItem) -> str:
    return next((kind for kind in ("row", "list", "recheck") if kind in facts_of(item)), "other")


def _taken(
    item: RunItem, policy_type: PolicyType, row: Row | None, outcome: Document | AtlasError
) -> Taken | AtlasError:
    if isinstance(outcome, AtlasError):
        return outcome
    return Taken(
        item=item,
        policy_type=policy_type,
        graph_id=graph_id_of(item.key),
        document=outcome,
        evidence=row_evidence(row) if row else "",
    )


def _read_documents(
    client: GraphClient, items: Sequence[RunItem], staged: Mapping[str, bytes]
) -> dict[str, Taken | AtlasError]:
    """What reading each policy gives, by the item's key."""
    outcomes: dict[str, Taken | AtlasError] = {}
    for type_key, group in groupby(items, key=lambda item: item.type_key):
        policy_type, of_type = get_type(type_key), list(group)
        rows = {
            item.key: read_row(staged[facts_of(item)["row"]])
            for item in of_type
            if facts_of(item)["row"] in staged
        }
        found = read_documents(client, policy_type, rows.values())
        # The staged row of a retried item went with the run that staged it: such a policy is read by id.
        alone = [graph_id_of(item.key) for item in of_type if item.key not in rows]
        found |= read_policies(client, policy_type, alone) if alone else {}
        for item in of_type:
            outcomes[item.key] = _taken(item, policy_type, rows.get(item.key), found[graph_id_of(item.key)])
    return outcomes


_Looked = Mapping[tuple[str, str], tuple[str, str]]


def _first_look(ctx: RunContext, types: Iterable[PolicyType]) -> _Looked:
    """(evidence, name) of each policy as the first list had it."""
    rows = ctx.items().filter(type_key__in=[policy_type.key for policy_type in types])
    return {
        (type_key, graph_id_of(key)): ((payload or {})["seen"], label)
        for type_key, key, payload, label in rows.values_list("type_key", "key", "payload", "label")
        if "seen" in (payload or {})
    }


def _compare_looks(key: str, before: _Looked, read: CollectionRead, scope: Scope) -> ItemResult:
    after = {
        (one.policy_type.key, one.graph_id): (row_evidence(one.row), one.name)
        for one in read.policies
        if scope.covers(one.policy_type.key, one.graph_id)
    }
    moved: dict[str, list[str]] = {}
    for place in sorted(before.keys() | after.keys()):
        word = _moved(before.get(place), after.get(place))
        if word:
            name = (after.get(place) or before[place])[1]
            moved.setdefault(place[0], []).append(f"{name} ({word})")
    if not moved:
        return ItemResult(key=key, state=ItemState.SUCCEEDED, action="confirmed")
    names = [name for named in moved.values() for name in named]
    return ItemResult(
        key=key,
        state=ItemState.FAILED,
        reason=CHANGED,
        message=f"Changed while it was read: {shorten(names)}."[:600],
        hint="Run it again when nobody works on these policies.",
        details={type_key: named[:20] for type_key, named in moved.items()},
    )


def _moved(before: tuple[str, str] | None, after: tuple[str, str] | None) -> str:
    if before is None:
        return "appeared"
    if after is None:
        return "removed"
    return "" if before[0] == after[0] else "modified"
