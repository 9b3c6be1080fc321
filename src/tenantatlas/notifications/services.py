"""Telling people, once per subject."""

from __future__ import annotations

from tenantatlas.core import clock

from .models import Notification, Tone


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
    said = {
        "tenant_id": tenant_id,
        "title": title[:200],
        "body": body[:600],
        "tone": Tone(tone),
        "url": url,
        "read": False,
        "updated_at": now,
    }
    row, _ = Notification.objects.update_or_create(
        user_id=user_id, subject=subject, defaults=said, create_defaults={**said, "created_at": now}
    )
    return row


def mark_read(*, user_id: int, notification_id: int) -> bool:
    """The person has seen this one; False when it is not theirs."""
    return bool(Notification.objects.filter(pk=notification_id, user_id=user_id).update(read=True))


def mark_all_read(*, user_id: int) -> int:
    """The person has seen everything; returns how many were unread."""
    return Notification.objects.filter(user_id=user_id, read=False).update(read=True)
