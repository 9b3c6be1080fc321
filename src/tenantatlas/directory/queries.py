"""Names and ids of groups, from the cache. Reads the database only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json

from .models import DirectoryGroup


def known_groups(*, search: str = "") -> QuerySet[DirectoryGroup]:
    """The groups that the last sync saw, by name, in the tenant in scope."""
    found = DirectoryGroup.objects.filter(present=True).order_by("name", "graph_id")
    return found.filter(name__icontains=search) if search else found


def group_list(*, search: str = "", kind: str = "", present: bool | None = True) -> QuerySet[DirectoryGroup]:
    """The groups whose name or id has the text, by name; also those that are gone where `present` allows."""
    found = DirectoryGroup.objects.order_by("name", "graph_id")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(graph_id__icontains=search))
    if kind:
        found = found.filter(kind=kind)
    return found if present is None else found.filter(present=present)


def find_group(number: int) -> DirectoryGroup:
    """A group of the tenant in scope, gone or not."""
    found: DirectoryGroup | None = DirectoryGroup.objects.filter(pk=number).first()
    if found is None:
        raise NotFound(f"There is no group {number} here.", hint="See `tenantatlas directory list`.")
    return found


def groups_by_id(graph_ids: Iterable[str]) -> dict[str, DirectoryGroup]:
    """The groups with these ids, gone ones too: their names still help. Unknown ids are left out."""
    found = DirectoryGroup.objects.filter(graph_id__in=set(graph_ids))
    return {group.graph_id: group for group in found}


def groups_by_name(names: Iterable[str]) -> dict[str, Sequence[DirectoryGroup]]:
    """The present groups of each name, exactly as written; names are not unique in a directory."""
    found: dict[str, list[DirectoryGroup]] = {name: [] for name in names}
    for group in DirectoryGroup.objects.filter(name__in=list(found), present=True).order_by("graph_id"):
        found[group.name].append(group)
    return dict(found)


def group_names(graph_ids: Iterable[str]) -> dict[str, str]:
    """Id → name; an id that does not resolve is its own name."""
    wanted = list(graph_ids)
    known = groups_by_id(wanted)
    return {
        graph_id: known[graph_id].name if graph_id in known else graph_id
        for graph_id in dict.fromkeys(wanted)
    }


def last_synced() -> datetime | None:
    """When the tenant's groups were last seen; None where they never were."""
    seen: datetime | None = DirectoryGroup.objects.aggregate(at=Max("last_seen"))["at"]
    return seen


def group_facts(group: DirectoryGroup) -> dict[str, Json]:
    """A group as commands and exports print it."""
    return {
        "id": group.graph_id,
        "name": group.name,
        "kind": group.kind,
        "present": group.present,
        "first_seen": group.first_seen.isoformat(),
        "last_seen": group.last_seen.isoformat(),
    }
