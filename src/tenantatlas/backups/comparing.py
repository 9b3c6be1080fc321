"""Two backup sets side by side. Our own store only; the live tenant is compared by `drift`.

Apart from `queries` because a comparison reads payloads: it costs time with the number of changed policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenantatlas.inventory.models import ReadStatus
from tenantatlas.policies.diff import Difference

from .models import BackupSet, PolicyVersion, SetType
from .queries import diff_versions

_READ_WHOLE = (ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)


@dataclass(frozen=True, kw_only=True)
class SetDifference:
    """How one policy differs between two sets: added, removed, changed, or not known."""

    kind: str
    type_key: str
    graph_id: str
    name: str
    detail: str = ""
    differences: tuple[Difference, ...] = ()


def compare_sets(before: BackupSet, after: BackupSet) -> Iterator[SetDifference]:
    """Every policy that differs. What a set did not read is *unknown*, never removed or added."""
    old, new = _versions(before), _versions(after)
    whole_before, whole_after = _types_read(before), _types_read(after)
    for place in sorted(old.keys() | new.keys()):
        was, now = old.get(place), new.get(place)
        if was and now:
            if was.digest != now.digest:
                yield _difference("changed", now, differences=diff_versions(was, now).differences)
        elif now:
            known = place[0] in whole_before and _in_scope(before, place[1])
            yield _difference("added" if known else "unknown", now, detail=_why(before, known=known))
        elif was:
            known = place[0] in whole_after and _in_scope(after, place[1])
            yield _difference("removed" if known else "unknown", was, detail=_why(after, known=known))


def _versions(backup_set: BackupSet) -> dict[tuple[str, str], PolicyVersion]:
    found = PolicyVersion.objects.filter(entries__backup_set=backup_set).select_related("blob", "tenant")
    return {(version.type_key, version.graph_id): version for version in found.defer("blob__sealed")}


def _types_read(backup_set: BackupSet) -> set[str]:
    read = SetType.objects.filter(backup_set=backup_set, status__in=_READ_WHOLE)
    return set(read.values_list("type_key", flat=True))


def _in_scope(backup_set: BackupSet, graph_id: str) -> bool:
    chosen = backup_set.scope.get("policies") or []
    return not chosen or graph_id in chosen


def _why(backup_set: BackupSet, *, known: bool) -> str:
    return "" if known else f"{backup_set.name} does not say: it did not hold this type completely."


def _difference(
    kind: str, version: PolicyVersion, *, detail: str = "", differences: tuple[Difference, ...] = ()
) -> SetDifference:
    return SetDifference(
        kind=kind,
        type_key=version.type_key,
        graph_id=version.graph_id,
        name=version.name,
        detail=detail,
        differences=differences,
    )
