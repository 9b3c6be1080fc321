"""Telling people, once per subject."""

from __future__ import annotations

from tenantatlas.core import clock

from .models import Notification, Tone

_SAID_AGAIN = ("tenant", "title", "body", "tone", "url", "read", "updated_at")


def notify_user(
    *,
    user_id: int,
    subject: str,
    tenant_id: int | None,
    title: str,
    body: str = "",
    tone: Tone | str = Tone.INFO,
    url: str = "",
) -> Notification:
    """Tell the person about the subject: a new row at first, later the same one, changed and unread again."""
    now = clock.now()
    row = Notification(
        user_id=user_id,
        subject=subject,
        tenant_id=tenant_id,
        title=title[:200],
        body=body[:600],
        tone=Tone(tone),
        url=url,
        read=False,
        created_at=now,
        updated_at=now,
    )
    (stored,) = Notification.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["user", "subject"], update_fields=_SAID_AGAIN
    )
    return stored


def mark_read(*, user_id: int, notification_id: int) -> bool:
    """The person has seen this one; False when it is not theirs."""
    return bool(Notification.objects.filter(pk=notification_id, user_id=user_id).update(read=True))


def mark_all_read(*, user_id: int) -> int:
    """The person has seen everything; returns how many were unread."""
    return Notification.objects.filter(user_id=user_id, read=False).update(read=True)
