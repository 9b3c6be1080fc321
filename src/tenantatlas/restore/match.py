"""Which live policy a version belongs to. Pure.

1. the same id;
2. the id that an earlier restore gave it;
3. the type's rule (name, `@odata.type` …) among the live policies that are nobody else's. One is the match;
   several are a person's to decide.

What takes an earlier write back is about that very object: it is found by its id or not at all.

A live policy that another version of the set already stands for is never a candidate: with two policies of
one name, the lost one is created again and the other is left alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tenantatlas.core.json import Json
from tenantatlas.policies import matching
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.writes.general import is_built_in

from .mapping import Candidate
from .world import LiveType, PlanInput, Source


@dataclass(frozen=True, kw_only=True)
class Match:
    """The live policy, or the candidates between which nobody has decided, or neither."""

    live_id: str = ""
    candidates: tuple[Candidate, ...] = ()

    @property
    def is_ambiguous(self) -> bool:
        """Whether a person has to say which one is meant."""
        return bool(self.candidates)


def match_sources(given: PlanInput) -> dict[str, Match]:
    """The match of every source, by item key."""
    by_id = {source.key: _known_id(given, source) for source in (*given.sources, *given.siblings)}
    by_id_only = {source.key for source in given.sources if source.undone is not None}
    taken: dict[str, set[str]] = {}
    for source in (*given.sources, *given.siblings):
        taken.setdefault(source.policy_type.key, set()).add(by_id[source.key])
    matches = {
        source.key: Match(live_id=by_id[source.key])
        if by_id[source.key] or source.key in by_id_only
        else _match_by_rule(source, given.live_of(source.policy_type.key), taken[source.policy_type.key])
        for source in given.sources
    }
    return _one_for_each(given, matches)


def match_reference(given: PlanInput, policy_type: PolicyType, wanted: Json) -> Match:
    """The live policy of that type that a body stands for by the type's rule alone."""
    return _match_among(policy_type, wanted, given.live_of(policy_type.key).rows)


def _known_id(given: PlanInput, source: Source) -> str:
    rows = given.live_of(source.policy_type.key).rows
    if source.undone is not None:
        return source.undone.live_id if source.undone.live_id in rows else ""
    for graph_id in (source.source_id, given.successors.get(source.key, "")):
        if graph_id in rows:
            return graph_id
    return ""


def same_name(policy_type: PolicyType, wanted: Json, rows: Mapping[str, Json]) -> tuple[str, ...]:
    """The ids of the rows that have the same name."""
    name = wanted.get(policy_type.name_field)
    return tuple(sorted(key for key, row in rows.items() if row.get(policy_type.name_field) == name))


def _match_by_rule(source: Source, live: LiveType, taken: set[str]) -> Match:
    policy_type = source.policy_type
    ours = is_built_in(policy_type, source.body)
    rows = {
        graph_id: row
        for graph_id, row in live.rows.items()
        if graph_id not in taken and is_built_in(policy_type, row) == ours
    }
    return _match_among(policy_type, source.body, rows)


def _match_among(policy_type: PolicyType, wanted: Json, rows: Mapping[str, Json]) -> Match:
    found = matching.match(policy_type, wanted, rows)
    if isinstance(found, matching.Matched):
        return Match(live_id=found.id)
    if isinstance(found, matching.Ambiguous):
        return Match(candidates=_candidates(policy_type, rows, found.ids))
    return Match()


def _candidates(
    policy_type: PolicyType, rows: Mapping[str, Json], ids: Iterable[str]
) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(id=graph_id, name=str(rows[graph_id].get(policy_type.name_field, "")))
        for graph_id in sorted(ids)
    )


def _one_for_each(given: PlanInput, matches: dict[str, Match]) -> dict[str, Match]:
    """Two versions that the rule leads to the same live policy: a person decides which of them it is."""
    type_of = {source.key: source.policy_type for source in given.sources}
    claims = Counter((type_of[key].key, match.live_id) for key, match in matches.items() if match.live_id)

    def settled(key: str, match: Match) -> Match:
        policy_type = type_of[key]
        if claims[policy_type.key, match.live_id] < 2:  # noqa: PLR2004 - two claims to one policy
            return match
        rows = given.live_of(policy_type.key).rows
        return Match(candidates=_candidates(policy_type, rows, (match.live_id,)))

    return {key: settled(key, match) for key, match in matches.items()}
