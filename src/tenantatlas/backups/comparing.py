"""Two backup sets side by side. Our own store only; the live tenant is compared by `drift`.

Apart from `queries` because a comparison reads payloads: it costs time with the number of changed policies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field, replace

from tenantatlas.inventory.models import ReadStatus
from tenantatlas.policies.diff import Difference
from tenantatlas.policies.succession import pair

from .models import IMPORTED, BackupSet, PolicyVersion, SetStatus, SetType
from .queries import diff_versions, set_list
from .succession import made_again

_READ_WHOLE = (ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)
_LOOKED_AT = 50
_Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class SetDifference:
    """How one policy differs between two sets: added, removed, changed, or not known.

    `before` and `after` are its versions in the two sets, where they hold one.
    """

    kind: str
    type_key: str
    graph_id: str
    name: str
    detail: str = ""
    before: PolicyVersion | None = field(default=None, repr=False)
    after: PolicyVersion | None = field(default=None, repr=False)
    differences: tuple[Difference, ...] = ()


def compare_sets(before: BackupSet, after: BackupSet) -> Iterator[SetDifference]:
    """Every policy that differs, with what differs in it."""
    for one in moved_between(before, after):
        if one.before and one.after:
            yield replace(one, differences=diff_versions(one.before, one.after).differences)
        else:
            yield one


def moved_between(before: BackupSet, after: BackupSet) -> Iterator[SetDifference]:
    """Every policy that differs, without reading payloads.

    One that a restore made again is one policy. What a set did not read is *unknown*, never removed or added.
    """
    old, new = _versions(before), _versions(after)
    whole_before, whole_after = _types_read(before), _types_read(after)
    again = _made_again(old.keys(), new.keys())
    taken = frozenset(again.values())
    for place in sorted((old.keys() | new.keys()) - taken):
        was, now = old.get(place), new.get(again.get(place, place))
        if was and now:
            if was.digest != now.digest:
                yield _difference("changed", before=was, after=now)
        elif now:
            known = _asked_for(before, whole_before, place)
            yield _difference("added" if known else "unknown", after=now, detail=_why(before, known=known))
        elif was:
            known = _asked_for(after, whole_after, place)
            yield _difference("removed" if known else "unknown", before=was, detail=_why(after, known=known))


def _made_again(old: Set[_Place], new: Set[_Place]) -> dict[_Place, _Place]:
    """Where those policies are that both sets hold, each under another id. No query where none can be."""
    types = {type_key for type_key, _ in old - new} & {type_key for type_key, _ in new - old}
    return {
        (type_key, was): (type_key, now)
        for type_key, made in (made_again(types) if types else {}).items()
        for was, now in pair(_of_type(old, type_key), _of_type(new, type_key), made).items()
        if was != now
    }


def _of_type(places: Iterable[_Place], type_key: str) -> Iterator[str]:
    return (graph_id for key, graph_id in places if key == type_key)


def previous_set(backup_set: BackupSet) -> BackupSet | None:
    """What the set is best compared with: the one that it supersedes, else the newest one before.

    One of the same scope goes first. An import says nothing of the tenant.
    """
    if backup_set.supersedes is not None and backup_set.supersedes.status != SetStatus.DELETED:
        return backup_set.supersedes
    earlier = list(set_list().filter(pk__lt=backup_set.pk).exclude(source=IMPORTED)[:_LOOKED_AT])
    earlier = [one for one in earlier if one.status != SetStatus.CAPTURING]
    return next((one for one in earlier if one.scope == backup_set.scope), next(iter(earlier), None))


def _versions(backup_set: BackupSet) -> dict[tuple[str, str], PolicyVersion]:
    found = PolicyVersion.objects.filter(entries__backup_set=backup_set).select_related("blob", "tenant")
    return {(version.type_key, version.graph_id): version for version in found.defer("blob__sealed")}


def _types_read(backup_set: BackupSet) -> dict[str, bool]:
    """The types that were read to the end, and whether every policy of them was asked for."""
    read = SetType.objects.filter(backup_set=backup_set, status__in=_READ_WHOLE)
    return dict(read.values_list("type_key", "whole"))


def _asked_for(backup_set: BackupSet, read: dict[str, bool], place: tuple[str, str]) -> bool:
    type_key, graph_id = place
    return type_key in read and (read[type_key] or graph_id in (backup_set.scope.get("policies") or ()))


def _why(backup_set: BackupSet, *, known: bool) -> str:
    return "" if known else f"{backup_set.name} does not say: it did not hold this type completely."


def _difference(
    kind: str,
    *,
    before: PolicyVersion | None = None,
    after: PolicyVersion | None = None,
    detail: str = "",
) -> SetDifference:
    version = after or before
    assert version is not None  # noqa: S101 - one of them is given
    return SetDifference(
        kind=kind,
        type_key=version.type_key,
        graph_id=version.graph_id,
        name=version.name,
        detail=detail,
        before=before,
        after=after,
    )
