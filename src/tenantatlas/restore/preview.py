"""Reading what a plan is made from. Reads the tenant and our store; writes nothing anywhere.

    versions of the set ─► sources
    lists of the types that they are of, or name ─► rows
    matched policies, read whole ─► bodies          families side by side, with the reads that capture uses
    groups, apps … that they name ─► one GET each

A list that was not read to its end says nothing about absence: its type is *not read*, and nothing of it is
written. Where not one list answered there is no preview.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from tenantatlas.backups.models import PolicyVersion
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.services import load_document
from tenantatlas.core.errors import AtlasError, ConsentMissing
from tenantatlas.core.json import Json
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.graph.client import GraphClient, stop_waiting_when
from tenantatlas.graph.policies import Row, check_many, read_documents
from tenantatlas.inventory.listing import CollectionRead, choose_collections, read_collection
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.permissions import LOOKUPS
from tenantatlas.policies.registry import all_types, collections, get_type
from tenantatlas.runs.registry import puts_aside
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.permissions import missing_to_write

from .chosen import Chosen, chosen_versions, versions_of
from .journal import unsettled_creates, why_unsettled
from .mapping import read_mapping
from .match import match_sources
from .models import RestoreItem
from .params import PreviewParams
from .plan import check_paths, ids_named, types_needed
from .resolve import ids_to_check
from .takeback import taken_back
from .world import Existence, LiveType, PlanInput, Source, item_key

T = TypeVar("T")

_AT_ONCE = 60
_SIDE_BY_SIDE = 8


def choose(params: PreviewParams) -> list[Chosen]:
    """What the params name, of the tenant in scope; `InputError` names what is not there."""
    if params.takes_back:
        return taken_back(params)
    return [Chosen(version=version, graph_id=version.graph_id) for version in chosen_versions(params)]


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """What one thread found out."""

    documents: Mapping[tuple[str, str], Document | AtlasError] = field(default_factory=dict)
    existence: Mapping[tuple[str, str], Existence] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)


@dataclass
class TargetReader:
    """Reads the target for one preview. `look` is called between reads and raises to stop."""

    tenant: Tenant
    client: GraphClient
    look: Callable[[], None]
    stop: Callable[[], bool]
    reads: dict[str, CollectionRead] = field(default_factory=dict)

    def read(self, params: PreviewParams, chosen: Iterable[Chosen]) -> PlanInput:
        """Everything that the plan is made from. What the first list failed with, where none answered."""
        sources = tuple(self._chosen(each) for each in chosen)
        self._read_lists(types_needed(sources))
        self._refuse_silence()
        named = ids_named(sources)
        given = PlanInput(
            tenant_guid=self.tenant.tenant_guid,
            graph_url=self.client.target.cloud.graph_url,
            kind=params.kind,
            existing=params.existing,
            existing_by_type=params.existing_by_type,
            copy_suffix=params.copy_suffix,
            assignments=params.assignments,
            allow_deletes=self.tenant.allow_deletes,
            lacking=missing_to_write(
                self.tenant, {each.policy_type.key: each.policy_type for each in sources}.values()
            ),
            sources=sources,
            siblings=self._siblings(params, sources, named),
            live=self._rows(),
            groups=_groups(),
            names=_group_names(),
            mapping=read_mapping(params.mapping) if params.mapping else {},
            successors=_successors(),
            unsettled={key: why_unsettled(until) for key, until in unsettled_creates().items()},
        )
        return self._with_details(given, named)

    def _chosen(self, each: Chosen) -> Source:
        if each.undone is None:
            return self._source(each.version)
        body = {} if each.undone.remove else self._source(each.version).body
        return replace(_source_of(each.version, body), source_id=each.graph_id, undone=each.undone)

    def _source(self, version: PolicyVersion) -> Source:
        self.look()
        return _source_of(version, compose(get_type(version.type_key), load_document(version)))

    def _siblings(
        self, params: PreviewParams, sources: tuple[Source, ...], named: Mapping[str, frozenset[str]]
    ) -> tuple[Source, ...]:
        """Other versions of the set; with bodies where a source names them. Taking back needs none."""
        if params.takes_back:
            return ()
        chosen = {source.key for source in sources}
        wanted = {item_key(kind, graph_id) for kind, ids in named.items() for graph_id in ids}
        siblings = []
        for version in versions_of(find_set(params.set)):
            key = item_key(version.type_key, version.graph_id)
            if key in chosen:
                continue
            is_named = key in wanted
            siblings.append(self._source(version) if is_named else _source_of(version, {}))
        return tuple(siblings)

    def _read_lists(self, types: tuple[PolicyType, ...]) -> None:
        """The lists of these types, with everything that shares a collection with them."""
        paths = choose_collections(types)
        shared = {path: collections()[path] for path in paths}
        by_family: dict[str, list[str]] = {}
        for path, held in shared.items():
            by_family.setdefault(held[0].family, []).append(path)
        for read in self._side_by_side([partial(self._lists, paths, shared) for paths in by_family.values()]):
            self.reads.update(read)

    def _lists(
        self, paths: list[str], shared: Mapping[str, tuple[PolicyType, ...]]
    ) -> dict[str, CollectionRead]:
        return {path: read_collection(self.client, path, shared[path]) for path in paths}

    def _refuse_silence(self) -> None:
        """A tenant of which nothing could be read is not one in which there is nothing to do."""
        errors = [read.error for read in self.reads.values() if read.error is not None and not read.pages]
        if errors and len(errors) == len(self.reads):
            raise errors[0]

    def _rows(self) -> dict[str, LiveType]:
        """What the lists say, by type."""
        return {
            policy_type.key: LiveType(
                rows={listed.graph_id: listed.row.body for listed in read.of_type(policy_type)},
                failed="" if read.status == ReadStatus.COMPLETE else _why_not(read),
            )
            for read in self.reads.values()
            for policy_type in read.types
        }

    def _with_details(self, given: PlanInput, named: Mapping[str, frozenset[str]]) -> PlanInput:
        """With the matched policies whole, and whether what is named is there."""
        wanted = _matched_ids(given)
        checks = _checks(given, named)
        by_family: dict[str, dict[str, frozenset[str]]] = {}
        for key, graph_ids in wanted.items():
            by_family.setdefault(get_type(key).family, {})[key] = graph_ids
        work: list[Callable[[], _Answers]] = [
            partial(self._documents, of_family) for of_family in by_family.values()
        ]
        work += [partial(self._check, family, places) for family, places in checks.items()]
        documents: dict[tuple[str, str], Document | AtlasError] = {}
        existence: dict[tuple[str, str], Existence] = {}
        unasked: dict[str, str] = {}
        for answers in self._side_by_side(work):
            documents.update(answers.documents)
            existence.update(answers.existence)
            unasked.update(answers.unasked)
        bodies = _with_bodies(given.live, documents)
        return replace(given, live=bodies, checks=existence, unasked=unasked)

    def _documents(self, wanted: Mapping[str, frozenset[str]]) -> _Answers:
        found: dict[tuple[str, str], Document | AtlasError] = {}
        for key, graph_ids in wanted.items():
            policy_type = get_type(key)
            rows = self._listed_rows(policy_type, graph_ids)
            for start in range(0, len(rows), _AT_ONCE):
                some = read_documents(self.client, policy_type, rows[start : start + _AT_ONCE])
                for graph_id, outcome in some.items():
                    if isinstance(outcome, AtlasError) and _stops(outcome):
                        raise outcome
                    found[key, graph_id] = outcome
        return _Answers(documents=found)

    def _listed_rows(self, policy_type: PolicyType, graph_ids: frozenset[str]) -> list[Row]:
        listed = self.reads[policy_type.path].of_type(policy_type)
        return [each.row for each in listed if each.graph_id in graph_ids]

    def _check(self, family: str, places: Mapping[str, tuple[str, str]]) -> _Answers:
        answers = check_many(self.client, places, family=family)
        return _Answers(
            existence={places[path]: _existence(answer) for path, answer in answers.items()},
            unasked={
                places[path][0]: _why_unasked(places[path][0], answer)
                for path, answer in answers.items()
                if isinstance(answer, AtlasError)
            },
        )

    def _side_by_side(self, work: Iterable[Callable[[], T]]) -> list[T]:
        """Do this work in threads that touch Graph only, and give up soon where the run has to stop."""

        def guarded(one: Callable[[], T]) -> T:
            with stop_waiting_when(self.stop):
                return one()

        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="preview") as pool:
            futures = [pool.submit(guarded, one) for one in work]
        self.look()
        return [future.result() for future in futures]


def _source_of(version: PolicyVersion, body: Json) -> Source:
    return Source(
        policy_type=get_type(version.type_key),
        source_id=version.graph_id,
        version=version.pk,
        name=version.name,
        body=body,
    )


def _why_not(read: CollectionRead) -> str:
    return read.sentence or read.status.label


def _matched_ids(given: PlanInput) -> dict[str, frozenset[str]]:
    """The live policies that a source is matched with, by type."""
    matches = match_sources(given)
    found: dict[str, set[str]] = {}
    for source in given.sources:
        if matches[source.key].live_id:
            found.setdefault(source.policy_type.key, set()).add(matches[source.key].live_id)
    return {key: frozenset(ids) for key, ids in found.items()}


def _checks(given: PlanInput, named: Mapping[str, frozenset[str]]) -> dict[str, dict[str, tuple[str, str]]]:
    """The GETs to ask: family → path → (kind, id)."""
    paths = check_paths(given.sources)
    own = {policy_type.key for policy_type in all_types()}
    asked: dict[str, dict[str, tuple[str, str]]] = {}
    for kind, graph_ids in ids_to_check(given, named).items():
        if kind in own or kind not in paths:
            continue
        family = _family_of(paths[kind])
        for graph_id in sorted(graph_ids):
            asked.setdefault(family, {})[paths[kind].replace("{id}", graph_id)] = (kind, graph_id)
    return asked


_FAMILY_OF: tuple[tuple[str, str], ...] = (
    ("/deviceAppManagement/", "apps"),
    ("/identity/conditionalAccess/", "conditionalAccess"),
    ("/deviceManagement/", "deviceConfiguration"),
)


def _family_of(path: str) -> str:
    """The throttle family of a collection that is only looked into."""
    for own, types in collections().items():
        if path.startswith(f"{own}/"):
            return types[0].family
    return next((family for part, family in _FAMILY_OF if part in path), "identityAndAccess")


def _stops(error: AtlasError) -> bool:
    """Whether the error is about the whole run."""
    return puts_aside(error) or error.stops_run


def _existence(answer: AtlasError | object) -> Existence:
    if isinstance(answer, AtlasError):
        if _stops(answer):
            raise answer
        return Existence.UNKNOWN
    return Existence.PRESENT if answer else Existence.ABSENT


def _why_unasked(kind: str, error: AtlasError) -> str:
    """Why a kind could not be looked for: of a refusal, the permission, which Graph may not name."""
    if not isinstance(error, ConsentMissing):
        return error.message
    permissions = LOOKUPS.get(kind, ())
    if not permissions:
        return "Microsoft Graph tells it to signed-in people only, never to an app."
    return f"the app that reads is missing {permissions[0]}."


def _with_bodies(
    live: Mapping[str, LiveType], documents: Mapping[tuple[str, str], Document | AtlasError]
) -> dict[str, LiveType]:
    bodies: dict[str, dict[str, Json]] = {}
    unread: dict[str, dict[str, str]] = {}
    for (key, graph_id), outcome in documents.items():
        if isinstance(outcome, AtlasError):
            unread.setdefault(key, {})[graph_id] = outcome.message
        else:
            bodies.setdefault(key, {})[graph_id] = compose(get_type(key), outcome)
    return {
        key: replace(each, bodies=bodies.get(key, {}), unread=unread.get(key, {}))
        for key, each in live.items()
    }


def _groups() -> dict[str, str]:
    present = DirectoryGroup.objects.filter(present=True)
    return dict(present.values_list("graph_id", "name"))


def _group_names() -> dict[tuple[str, str], str]:
    """The name that every group of the cache has or had."""
    return {
        ("groups", graph_id): name
        for graph_id, name in DirectoryGroup.objects.values_list("graph_id", "name")
    }


def _successors() -> dict[str, str]:
    """Which id an earlier restore gave to a policy; the latest one counts."""
    made = RestoreItem.objects.exclude(created_id="").order_by("pk")
    return dict(made.values_list("key", "created_id"))
