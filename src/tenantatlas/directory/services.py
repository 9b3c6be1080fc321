"""Keeping the cache of groups."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from tenantatlas.core import clock
from tenantatlas.core.json import Json, storable_text

from .models import DirectoryGroup, GroupKind

#: How long a group keeps its name here after it was last seen.
KEPT_DAYS = 90

_DYNAMIC, _UNIFIED = "DynamicMembership", "Unified"


def record_groups(rows: Iterable[Json], *, run_id: int) -> int:
    """Store these groups as seen now, in the tenant in scope; how many there were. Repeatable."""
    at = clock.now()
    groups = {
        row["id"]: DirectoryGroup(
            graph_id=row["id"],
            name=storable_text(str(row.get("displayName") or row["id"]))[:1000],
            kind=kind_of(row),
            present=True,
            first_seen=at,
            last_seen=at,
            last_run_id=run_id,
        )
        for row in rows
    }
    DirectoryGroup.objects.bulk_create(
        [groups[graph_id] for graph_id in sorted(groups)],
        update_conflicts=True,
        unique_fields=("tenant", "graph_id"),
        update_fields=("name", "kind", "present", "last_seen", "last_run_id"),
    )
    return len(groups)


def forget_unseen_groups(*, run_id: int) -> int:
    """The run has read the whole directory: groups that it did not see are gone; how many."""
    unseen = DirectoryGroup.objects.filter(present=True).exclude(last_run_id=run_id)
    return unseen.update(present=False)


def forget_old_groups() -> int:
    """Delete what no sync has seen for `KEPT_DAYS`, in the tenant in scope; how many went."""
    moment = clock.now() - timedelta(days=KEPT_DAYS)
    removed, _ = DirectoryGroup.objects.filter(last_seen__lt=moment).delete()
    return removed


def kind_of(row: Json) -> GroupKind:
    """What kind of group this is, in the admin center's words."""
    types = row.get("groupTypes") or []
    dynamic = _DYNAMIC in types
    if _UNIFIED in types:
        return GroupKind.DYNAMIC_M365 if dynamic else GroupKind.M365
    if not row.get("securityEnabled"):
        return GroupKind.DISTRIBUTION
    if row.get("mailEnabled"):
        return GroupKind.MAIL_SECURITY
    return GroupKind.DYNAMIC_SECURITY if dynamic else GroupKind.SECURITY
