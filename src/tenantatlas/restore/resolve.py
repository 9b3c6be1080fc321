"""What stands in the target for each id that a source policy names. Pure.

| kind                              | found by, in this order                                            |
|-----------------------------------|--------------------------------------------------------------------|
| groups, users                     | mapping · same id · name in the cached directory · else undecided  |
| assignment filters, scope tags    | mapping · restored with it · same id · name · else undecided       |
| other policy types                | restored with it · same id · the type's rule · else held           |
| kinds that we only check (apps …) | same id, if one GET found it · else held                           |

What could not be looked for (no permission, no answer) is held, whatever a cache or a mapping says of it.
*Held* means that the policy cannot be written; *undecided* that a person can change that. Nothing is ever
replaced by something wider, and what may be left out is for `policies.references` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.references import Found

from .mapping import (
    MAPPABLE,
    Decision,
    MappingAction,
    Need,
    candidates_for,
    decide_by_candidates,
)
from .match import match_reference
from .world import Existence, PlanInput, item_key

_KIND_WORDS: Mapping[str, str] = {
    "groups": "group",
    "assignmentFilters": "assignment filter",
    "roleScopeTags": "scope tag",
    "users": "user",
}


class Verdict(StrEnum):
    """What became of one reference."""

    RESOLVED = "resolved"
    DROPPED = "dropped"
    UNDECIDED = "undecided"
    HELD = "held"


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """One id of the source and what is written instead. `how` says where the answer came from."""

    kind: str
    id: str
    verdict: Verdict
    target: str = ""
    how: str = ""
    message: str = ""
    need: Need | None = None


#: What the plan knows of an item that a policy names: the id it has or will have, or why there is none.
Restored = Callable[[str], "Resolution | None"]


class Resolver:
    """Resolves references against one plan's input. `restored` answers for items of the same plan."""

    def __init__(self, given: PlanInput, *, types: Mapping[str, PolicyType], restored: Restored) -> None:
        self._given = given
        self._types = types
        self._restored = restored
        self._siblings = {source.key: source for source in given.siblings}

    def resolve(self, found: Found) -> Resolution:
        """What is written in place of this id."""
        decision = self._given.mapping.get((found.kind, found.id))
        if decision is not None:
            return self._decided(found, decision)
        restored = self._restored(item_key(found.kind, found.id))
        if restored is not None:
            return restored
        if found.kind in MAPPABLE:
            return self._mappable(found)
        if found.kind in self._types:
            return self._policy(found)
        return self._checked(found)

    def _resolved(self, found: Found, target: str, *, how: str, need: Need | None = None) -> Resolution:
        return Resolution(
            kind=found.kind, id=found.id, verdict=Verdict.RESOLVED, target=target, how=how, need=need
        )

    def _decided(self, found: Found, decision: Decision) -> Resolution:
        need = Need(kind=found.kind, id=found.id, decision=decision)
        if decision.action is None:
            return _undecided(found, "the mapping leaves it open", need=need)
        if decision.action is MappingAction.DROP:
            return Resolution(kind=found.kind, id=found.id, verdict=Verdict.DROPPED, how="mapping", need=need)
        if self._is_unknown(found.kind, decision.target):
            why = f"the mapping says {decision.target}, which {self._not_looked_for(found.kind)}"
            return _held(found, why, name=decision.name)
        if not self._is_there(found.kind, decision.target):
            return _undecided(
                found, f"the mapping says {decision.target}, which is not in the tenant", need=need
            )
        return self._resolved(found, decision.target, how="mapping", need=need)

    def _mappable(self, found: Found) -> Resolution:
        if found.kind in self._types and self._given.live_of(found.kind).failed:
            return _held(found, self._given.live_of(found.kind).failed)
        if self._is_unknown(found.kind, found.id):
            return _held(found, f"it {self._not_looked_for(found.kind)}", name=self.name_of(found))
        if self._is_there(found.kind, found.id):
            return self._resolved(found, found.id, how="same id")
        name = self.name_of(found)
        candidates = candidates_for(found.id, name=name, known=self._known(found.kind))
        decision = decide_by_candidates(candidates, name=name)
        need = Need(kind=found.kind, id=found.id, decision=decision)
        if decision.action is None:
            what = "several have its name" if candidates else "it is not in the tenant"
            return _undecided(found, what, need=need)
        return self._resolved(found, decision.target, how="same name", need=need)

    def name_of(self, found: Found) -> str:
        """The name that the id had, where anything remembers it."""
        sibling = self._siblings.get(item_key(found.kind, found.id))
        return sibling.name if sibling else self._given.names.get((found.kind, found.id), "")

    def _known(self, kind: str) -> Mapping[str, str]:
        """id → name of what the target has of a mappable kind."""
        if kind in self._types:
            name_field = self._types[kind].name_field
            rows = self._given.live_of(kind).rows
            return {graph_id: str(row.get(name_field, "")) for graph_id, row in rows.items()}
        checks = self._given.checks
        known = self._given.groups if kind == "groups" else {}
        return {
            graph_id: name
            for graph_id, name in known.items()
            if checks.get((kind, graph_id)) is not Existence.ABSENT
        }

    def _is_there(self, kind: str, graph_id: str) -> bool:
        return graph_id in self._known(kind) or self._given.checks.get((kind, graph_id)) is Existence.PRESENT

    def _is_unknown(self, kind: str, graph_id: str) -> bool:
        return self._given.checks.get((kind, graph_id)) is Existence.UNKNOWN

    def _not_looked_for(self, kind: str) -> str:
        why = self._given.unasked.get(kind, "")
        return "could not be looked for in the tenant" + (f": {why.removesuffix('.')}" if why else "")

    def _policy(self, found: Found) -> Resolution:
        live = self._given.live_of(found.kind)
        if live.failed:
            return _held(found, live.failed)
        if found.id in live.rows:
            return self._resolved(found, found.id, how="same id")
        sibling = self._siblings.get(item_key(found.kind, found.id))
        match = match_reference(self._given, self._types[found.kind], sibling.body) if sibling else None
        if match and match.live_id:
            return self._resolved(found, match.live_id, how="same name")
        if match and match.is_ambiguous:
            return _held(found, "several have its name")
        return _held(found, "it is not in the tenant and not part of this restore")

    def _checked(self, found: Found) -> Resolution:
        answer = self._given.checks.get((found.kind, found.id), Existence.UNKNOWN)
        if answer is Existence.PRESENT:
            return self._resolved(found, found.id, how="same id")
        if answer is Existence.ABSENT:
            return _held(found, "it is not in the tenant")
        return _held(found, f"it {self._not_looked_for(found.kind)}")


def describe(found: Found, *, name: str = "") -> str:
    """A reference in words: `the group "Pilot" (…id…)`."""
    word = _KIND_WORDS.get(found.kind, found.kind)
    return f"the {word} “{name}” ({found.id})" if name else f"the {word} {found.id}"


def ids_to_check(given: PlanInput, needed: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The ids to look for in the target by one GET each, by kind.

    `needed` are the ids that the sources name, by kind. Mapped targets and the directory's candidates are
    looked for too: the cache may remember what is gone.
    """
    wanted = {kind: set(found) for kind, found in needed.items()}
    for (kind, source_id), decision in given.mapping.items():
        if kind in wanted and decision.target and source_id in needed[kind]:
            wanted[kind].add(decision.target)
    for source_id in needed.get("groups", frozenset()):
        name = given.names.get(("groups", source_id), "")
        wanted["groups"] |= {each.id for each in candidates_for(source_id, name=name, known=given.groups)}
    return {kind: frozenset(found) for kind, found in wanted.items()}


def _undecided(found: Found, why: str, *, need: Need) -> Resolution:
    what = describe(found, name=need.decision.name)
    return Resolution(
        kind=found.kind,
        id=found.id,
        verdict=Verdict.UNDECIDED,
        message=f"It names {what}: {why}.",
        need=need,
    )


def _held(found: Found, why: str, *, name: str = "") -> Resolution:
    what = describe(found, name=name)
    return Resolution(kind=found.kind, id=found.id, verdict=Verdict.HELD, message=f"It names {what}: {why}.")
