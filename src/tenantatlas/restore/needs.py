"""What the policies of a restore name, and what stands for it here. Reads the database only.

| found         | means                                                              |
|---------------|--------------------------------------------------------------------|
| found_by_id   | the target has the same id                                         |
| found_by_name | one of that name                                                   |
| ambiguous     | several of that name: a person decides                             |
| missing       | none: a person decides                                             |
| unseen        | not kept here (people), or never synchronised: the preview looks   |

Before the first preview this is what the cached directory and the inventory say. What a preview found out
counts more, until the directory is synchronised again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from tenantatlas.core.json import Json
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.directory.queries import last_synced
from tenantatlas.inventory.models import Policy, Presence, ReadStatus
from tenantatlas.inventory.queries import latest_type_reads

from .mapping import (
    SECTIONS,
    Candidate,
    Decision,
    Need,
    candidates_for,
    decide_by_candidates,
    read_mapping,
    write_mapping,
)
from .models import Restore

FOUND_BY_ID, FOUND_BY_NAME = "found_by_id", "found_by_name"
AMBIGUOUS, MISSING, UNSEEN = "ambiguous", "missing", "unseen"


@dataclass(frozen=True, kw_only=True)
class NamedThing:
    """One id that the policies name: how it was found, what stands for it unless a person says otherwise, and
    what a person said.
    """

    section: str
    id: str
    name: str
    found: str
    automatic: Decision
    decided: Decision | None

    @property
    def decision(self) -> Decision:
        """What counts."""
        return self.automatic if self.decided is None else self.decided

    @property
    def is_open(self) -> bool:
        """Whether policies that name it are left out, unless a person decides."""
        return self.decision.action is None and (self.found != UNSEEN or self.decided is not None)


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Everything that a person may decide, by section and name, and how fresh the directory is."""

    things: list[NamedThing]
    synced: datetime | None


def needs_of(restore: Restore) -> Needs:
    """What the policies of this restore name."""
    decided = read_mapping(restore.mapping) if restore.mapping else {}
    told = read_mapping(restore.needs) if restore.needs else {}
    known = _Known(restore)
    found = []
    for section, kind in SECTIONS.items():
        names = dict(restore.named.get(section, {}))
        if restore.plan_sha256:
            names |= {each: told[of, each].name for of, each in told if of == kind}
        for each, name in names.items():
            previewed = told.get((kind, each)) if known.is_older(kind) else None
            found.append(_thing(section, each, name, previewed, known, decided.get((kind, each))))
    order = list(SECTIONS)
    found.sort(key=lambda thing: (order.index(thing.section), thing.name.casefold(), thing.id))
    return Needs(things=found, synced=known.synced)


def _thing(
    section: str, each: str, name: str, previewed: Decision | None, known: _Known, decided: Decision | None
) -> NamedThing:
    kind = SECTIONS[section]
    name = name or (previewed.name if previewed else "")
    candidates = previewed.candidates if previewed else known.candidates(kind, each, name=name)
    seen = previewed is not None or known.is_kept(kind)
    return NamedThing(
        section=section,
        id=each,
        name=name,
        found=_word(each, candidates, seen=seen),
        automatic=decide_by_candidates(candidates, name=name),
        decided=decided,
    )


def _word(each: str, candidates: tuple[Candidate, ...], *, seen: bool) -> str:
    if not candidates:
        return MISSING if seen else UNSEEN
    if len(candidates) > 1:
        return AMBIGUOUS
    return FOUND_BY_ID if candidates[0].id == each else FOUND_BY_NAME


def mapping_of_choices(chosen: Mapping[tuple[str, str], Decision]) -> dict[str, Json]:
    """The mapping that says just this: (kind, id) → decision. Nothing decided is no mapping at all."""
    if not chosen:
        return {}
    return write_mapping(
        Need(kind=kind, id=each, decision=decision) for (kind, each), decision in chosen.items()
    )


class _Known:
    """What the cached directory and the inventory have, as far as this restore asks for it."""

    def __init__(self, restore: Restore) -> None:
        self._restore = restore
        self.synced = last_synced()
        reads = latest_type_reads()
        self._read = {
            kind for kind in reads if kind in SECTIONS.values() and reads[kind].status == ReadStatus.COMPLETE
        }
        policies = self._policies()
        self._by_kind = {kind: self._names(kind, policies) for kind in SECTIONS.values()}

    def is_kept(self, kind: str) -> bool:
        """Whether absence here means absence there."""
        return self.synced is not None if kind == "groups" else kind in self._read

    def is_older(self, kind: str) -> bool:
        """Whether the last preview knows more than what is cached."""
        previewed = self._restore.previewed_at
        if previewed is None:
            return False
        return kind != "groups" or self.synced is None or self.synced <= previewed

    def candidates(self, kind: str, each: str, *, name: str) -> tuple[Candidate, ...]:
        """What may be meant by an id of that kind."""
        return candidates_for(each, name=name, known=self._by_kind[kind])

    def _names(self, kind: str, policies: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
        if kind != "groups":
            return policies.get(kind, {})
        asked = self._asked("groups")
        present = DirectoryGroup.objects.filter(present=True)
        rows = present.filter(Q(graph_id__in=asked) | Q(name__in=set(asked.values()) - {""})) if asked else ()
        return {group.graph_id: group.name for group in rows}

    def _asked(self, section: str) -> dict[str, str]:
        """The ids that are asked for, with the names that they had."""
        told = self._restore.needs.get(section, {})
        return {**self._restore.named.get(section, {}), **{each: row["name"] for each, row in told.items()}}

    def _policies(self) -> dict[str, dict[str, str]]:
        """What the inventory has of the filters and scope tags asked for: policy type → id → name."""
        wanted = Q()
        for section in ("filters", "scopeTags"):
            asked = self._asked(section)
            if asked:
                known = Q(graph_id__in=asked) | Q(name__in=set(asked.values()) - {""})
                wanted |= Q(type_key=SECTIONS[section]) & known
        found: dict[str, dict[str, str]] = {}
        rows = Policy.objects.filter(wanted, presence=Presence.PRESENT) if wanted else ()
        for row in rows:
            found.setdefault(row.type_key, {})[row.graph_id] = row.name
        return found
