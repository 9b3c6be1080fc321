"""What the bell shows."""

from __future__ import annotations

from django.db.models import QuerySet

from .models import Notification


def unread_count(user_id: int) -> int:
    """How many notifications the person has not seen."""
    return Notification.objects.filter(user_id=user_id, read=False).count()


def latest_notifications(user_id: int, *, limit: int = 20) -> QuerySet[Notification]:
    """The person's newest notifications, unread or not."""
    rows = Notification.objects.filter(user_id=user_id).select_related("tenant")
    return rows.order_by("-updated_at", "-id")[:limit]
