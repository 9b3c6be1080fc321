"""The mapping: what stands in the target for what a source policy names. Pure.

A mapping file is what `restore mapping` prints and a person fills in:

    {"version": 1,
     "groups":    {"<source id>": {"name": …, "candidates": [{"id", "name"}],
                                   "action": "map", "target": "<id>"}},
     "filters":   {"<source id>": {…, "action": "drop", "target": null}},
     "scopeTags": {"<source id>": {…, "action": null, "target": null}},      ← undecided
     "users":     {}}

| action | target | meaning                                             |
|--------|--------|-----------------------------------------------------|
| map    | an id  | write this id wherever the source id is named       |
| drop   | null   | leave out what names it, where that narrows nothing |
| null   | null   | undecided: what names it is not written             |

A key that is not in this picture is refused: a misspelt decision must not become no decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from tenantatlas.core import json
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json

VERSION = 1

#: Section of the file → the kind of reference that it decides (`policies.model.Reference.kind`).
SECTIONS: Mapping[str, str] = {
    "groups": "groups",
    "filters": "assignmentFilters",
    "scopeTags": "roleScopeTags",
    "users": "users",
}
#: The kinds that a person may decide; every other kind is found in the target or holds the item.
MAPPABLE = frozenset(SECTIONS.values())

_HINT = "Print a fresh file with `tenantatlas restore mapping RESTORE` and fill in action and target."


class MappingAction(StrEnum):
    """What a person decided for one id."""

    MAP = "map"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Something in the target that may be meant."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One line of the mapping. `action` None is undecided."""

    action: MappingAction | None = None
    target: str = ""
    name: str = ""
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Need:
    """One id of the source that stands for something in the target, and what was found or decided."""

    kind: str
    id: str
    decision: Decision


#: (kind, source id) → decision. Keys that are absent are undecided.
Decisions = Mapping[tuple[str, str], Decision]


def candidates_for(source_id: str, *, name: str, known: Mapping[str, str]) -> tuple[Candidate, ...]:
    """What `known` (id → name) offers: the same id alone, else everything of the same name, by id."""
    if source_id in known:
        return (Candidate(id=source_id, name=known[source_id]),)
    if not name:
        return ()
    return tuple(Candidate(id=id_, name=known[id_]) for id_ in sorted(known) if known[id_] == name)


def decide_by_candidates(candidates: tuple[Candidate, ...], *, name: str) -> Decision:
    """One candidate is the answer; none or several are a person's to decide."""
    if len(candidates) == 1:
        return Decision(action=MappingAction.MAP, target=candidates[0].id, name=name, candidates=candidates)
    return Decision(name=name, candidates=candidates)


def write_mapping(needs: Iterable[Need]) -> dict[str, Json]:
    """The file for these needs, every section present, ids sorted."""
    document: dict[str, Json] = {"version": VERSION} | {section: {} for section in SECTIONS}
    section_of = {kind: section for section, kind in SECTIONS.items()}
    for need in sorted(needs, key=lambda need: (need.kind, need.id)):
        document[section_of[need.kind]][need.id] = {
            "name": need.decision.name,
            "candidates": [{"id": each.id, "name": each.name} for each in need.decision.candidates],
            "action": need.decision.action.value if need.decision.action else None,
            "target": need.decision.target or None,
        }
    return document


def read_mapping(document: Json) -> dict[tuple[str, str], Decision]:
    """The decisions in a parsed mapping file; `InputError` names the place of what cannot be used."""
    if not isinstance(document, dict):
        _refuse("", "must be a JSON object")
    for key in document:
        if key != "version" and key not in SECTIONS:
            _refuse(key, f"is not a part of a mapping file; known are version, {', '.join(SECTIONS)}")
    if document.get("version") != VERSION:
        _refuse("version", f"must be {VERSION}")
    decisions: dict[tuple[str, str], Decision] = {}
    for section, kind in SECTIONS.items():
        entries = document.get(section, {})
        if not isinstance(entries, dict):
            _refuse(section, "must be an object of source ids")
        for source_id, entry in entries.items():
            decisions[kind, source_id] = _read_decision(entry, place=f"{section}.{source_id}")
    return decisions


def load_mapping(data: bytes) -> dict[tuple[str, str], Decision]:
    """The decisions in the bytes of a mapping file."""
    try:
        document = json.loads(data)
    except json.BadJson as error:
        raise InputError(f"The mapping file cannot be read: {error.message}", hint=_HINT) from error
    return read_mapping(document)


def _read_decision(entry: Json, *, place: str) -> Decision:
    if not isinstance(entry, dict):
        _refuse(place, "must be an object")
    for key in entry:
        if key not in ("name", "candidates", "action", "target"):
            _refuse(f"{place}.{key}", "is not known; known are name, candidates, action, target")
    action = entry.get("action")
    if action not in (None, "map", "drop"):
        _refuse(f"{place}.action", 'must be "map", "drop" or null')
    target = entry.get("target")
    if target is not None and (not isinstance(target, str) or not target.strip()):
        _refuse(f"{place}.target", "must be an id or null")
    if (action == MappingAction.MAP) != (target is not None):
        _refuse(f"{place}.target", 'belongs to the action "map", and "map" needs it')
    name = entry.get("name", "")
    if not isinstance(name, str | None):
        _refuse(f"{place}.name", "must be text")
    return Decision(
        action=MappingAction(action) if action else None,
        target=target or "",
        name=name or "",
        candidates=_read_candidates(entry.get("candidates", []), place=place),
    )


def _read_candidates(rows: Json, *, place: str) -> tuple[Candidate, ...]:
    if not isinstance(rows, list):
        _refuse(f"{place}.candidates", "must be a list")
    candidates = []
    for index, row in enumerate(rows):
        known = isinstance(row, dict) and set(row) == {"id", "name"}
        if not known or not all(isinstance(value, str) for value in row.values()):
            _refuse(f"{place}.candidates[{index}]", "must have an id and a name, and nothing else")
        candidates.append(Candidate(id=row["id"], name=row["name"]))
    return tuple(candidates)


def _refuse(place: str, what: str) -> NoReturn:
    where = f"The mapping file: {place} {what}." if place else f"The mapping file {what}."
    raise InputError(where, hint=_HINT, details={"field": place or "mapping"})
