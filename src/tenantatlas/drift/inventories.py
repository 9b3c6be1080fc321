"""Two synchronisations of one selection side by side: what the lists tell, without asking Graph.

made again            by a restore: it is the same policy under a new id, and said to be
on one side only      added or removed, where the other side read the type whole; else not known
other evidence        changed; the facts that moved are named, the settings are not in a list
same evidence         the same, as far as lists tell
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tenantatlas.core.json import Json
from tenantatlas.inventory.models import ReadStatus, TypeRead
from tenantatlas.inventory.observations import Seen, policies_in
from tenantatlas.policies.diff import Difference, Kind
from tenantatlas.policies.model import PolicyType, Risk
from tenantatlas.policies.registry import get_type
from tenantatlas.policies.succession import Made, pair

from .models import FindingKind, Severity
from .services import Found
from .severity import severity_of_presence

READ_WHOLE = (ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)
_FACTS = (
    ("name", "Name"),
    ("last_modified", "Last modified"),
    ("assigned", "Assigned"),
    ("scope_tags", "Scope tags"),
    ("platform", "Platform"),
)
#: Facts that move with every change.
_SILENT = frozenset({"last_modified"})


def compare_reads(
    before: TypeRead | None, after: TypeRead | None, *, type_key: str, made: Made = ()
) -> Iterator[Found]:
    """How the policies of one type moved between two readings of it, by id and by what restores `made`."""
    old, new = (policies_in(read) if read else {} for read in (before, after))
    policy_type = get_type(type_key)
    pairs = pair(old, new, made)
    for graph_id in sorted((old.keys() | new.keys()) - (set(pairs.values()) - old.keys())):
        was, now = old.get(graph_id), new.get(pairs.get(graph_id, graph_id))
        if was and now:
            if was.evidence != now.evidence or _moved(was, now):
                yield _changed(policy_type, was, now)
        elif now:
            yield _one_sided(policy_type, now, FindingKind.ADDED, other=before)
        elif was:
            yield _one_sided(policy_type, was, FindingKind.REMOVED, other=after)


def read_whole(read: TypeRead | None) -> bool:
    """Whether what was not seen in this reading was not there."""
    return read is not None and read.status in READ_WHOLE


def _moved(was: Seen, now: Seen) -> tuple[Difference, ...]:
    pairs = ((path, label, _value(was, path), _value(now, path)) for path, label in _FACTS)
    return tuple(
        Difference(path=path, label=label, kind=Kind.CHANGED, before=before, after=after)
        for path, label, before, after in pairs
        if before != after
    )


def _value(seen: Seen, path: str) -> Json:
    value = getattr(seen, path)
    return list(value) if isinstance(value, tuple) else value


def _changed(policy_type: PolicyType, was: Seen, now: Seen) -> Found:
    moved = _moved(was, now)
    grew = _reach(now) > _reach(was)
    severity = Severity.HIGH if grew or policy_type.restore.risk is Risk.HIGH else Severity.MEDIUM
    if grew:
        words = "It is assigned more widely than it was."
    elif was.graph_id != now.graph_id and {one.path for one in moved} <= _SILENT:
        severity, words = (
            Severity.LOW,
            "A restore made it again, under a new id; the lists show it as it was.",
        )
    elif {one.path for one in moved} <= _SILENT:
        words = "It was changed; a list does not tell in what. Compare a backup set with live to see it."
    else:
        words = "It was changed."
    return Found(
        kind=FindingKind.CHANGED,
        type_key=policy_type.key,
        graph_id=now.graph_id,
        name=now.name,
        severity=severity,
        summary=words,
        differences=moved,
        before_digest=was.evidence[:64],
        after_digest=now.evidence[:64],
    )


def _reach(seen: Seen) -> int:
    return int(seen.assigned or 0)


def _one_sided(policy_type: PolicyType, seen: Seen, kind: FindingKind, *, other: TypeRead | None) -> Found:
    known = read_whole(other)
    kind = kind if known else FindingKind.UNKNOWN
    words: Mapping[FindingKind, str] = {
        FindingKind.ADDED: "It was not there in the inventory before.",
        FindingKind.REMOVED: "It is not in the newest inventory.",
        FindingKind.UNKNOWN: "One of the two inventories did not read this type completely.",
    }
    return Found(
        kind=kind,
        type_key=policy_type.key,
        graph_id=seen.graph_id,
        name=seen.name,
        severity=severity_of_presence(policy_type, kind),
        summary=words[kind],
    )
