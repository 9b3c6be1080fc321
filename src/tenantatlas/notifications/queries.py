"""What the bell shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from tenantatlas.tenants.models import Tenant

from .models import Notification, Tone

#: Of more unread ones than this, the bell says only that there are more.
MOST_UNREAD = 99
#: Tones of which several of the same kind are one line.
_REPEATED = frozenset({Tone.WARNING, Tone.DANGER, Tone.PURPLE})


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the bell: the newest notification, and how many more say the same."""

    newest: Notification
    more: int = 0
    unread: bool = False


def unread_count(user_id: int) -> int:
    """How many notifications the person has not seen; of very many, one more than are told."""
    return Notification.objects.filter(user_id=user_id, read=False)[: MOST_UNREAD + 1].count()


def latest_notifications(user_id: int, *, limit: int = 20) -> QuerySet[Notification]:
    """The person's newest notifications, unread or not."""
    return notification_list(user_id)[:limit]


def notification_list(
    user_id: int, *, unread: bool = False, tones: Sequence[str] = (), tenant: str = "", text: str = ""
) -> QuerySet[Notification]:
    """The person's notifications, newest first; what is empty does not filter."""
    rows = Notification.objects.filter(user_id=user_id).select_related("tenant")
    if unread:
        rows = rows.filter(read=False)
    if tones:
        rows = rows.filter(tone__in=list(tones))
    if tenant:
        rows = rows.filter(tenant__slug=tenant)
    if text:
        rows = rows.filter(Q(title__icontains=text) | Q(body__icontains=text))
    return rows.order_by("-updated_at", "-id")


def tenants_told_of(user_id: int) -> QuerySet[Tenant]:
    """The tenants that the person's notifications are about."""
    told = Notification.objects.filter(user_id=user_id).values("tenant")
    return Tenant.objects.filter(pk__in=told).order_by("name")


def lines(rows: Iterable[Notification]) -> list[Line]:
    """Problems that say the same are one line, in the place of the newest; everything else is its own."""
    found: dict[object, Line] = {}
    for row in rows:
        key = (row.tenant_id, row.tone, row.title, row.body) if row.tone in _REPEATED else row.pk
        first = found.get(key)
        found[key] = Line(
            newest=first.newest if first else row,
            more=first.more + 1 if first else 0,
            unread=not row.read or (first.unread if first else False),
        )
    return list(found.values())
