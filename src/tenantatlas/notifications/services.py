"""Telling people, once per subject, as far as they want to be told."""

from __future__ import annotations

from tenantatlas.accounts.models import User
from tenantatlas.accounts.preferences import ALWAYS, NOTIFICATION_KINDS, ONLY_PROBLEMS, preference
from tenantatlas.core import clock

from .models import Notification, Tone

#: Tones that a person who asked for problems only is told about.
PROBLEMS = frozenset({Tone.WARNING, Tone.DANGER, Tone.PURPLE})
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
) -> Notification | None:
    """Tell the person about the subject: a new row at first, later the same one, changed and unread again.

    None when they do not want to be told of this kind; a subject that they were told about stays current.
    """
    tone = Tone(tone)
    if not _wanted(user_id, subject, tone):
        return None
    now = clock.now()
    row = Notification(
        user_id=user_id,
        subject=subject,
        tenant_id=tenant_id,
        title=title[:200],
        body=body[:600],
        tone=tone,
        url=url,
        read=False,
        created_at=now,
        updated_at=now,
    )
    (stored,) = Notification.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["user", "subject"], update_fields=_SAID_AGAIN
    )
    return stored


def _wanted(user_id: int, subject: str, tone: Tone) -> bool:
    """Whether the person wants to hear this, or has heard of the subject: they are not left with old news."""
    kind = subject.partition("/")[0]
    if kind not in NOTIFICATION_KINDS:
        return True
    preferences = User.objects.filter(pk=user_id).values_list("preferences", flat=True).first() or {}
    wish = preference(preferences, f"notify.{kind}")
    if wish == ALWAYS or (wish == ONLY_PROBLEMS and tone in PROBLEMS):
        return True
    return Notification.objects.filter(user_id=user_id, subject=subject).exists()


def mark_read(*, user_id: int, notification_id: int) -> bool:
    """The person has seen this one; False when it is not theirs."""
    return bool(Notification.objects.filter(pk=notification_id, user_id=user_id).update(read=True))


def mark_all_read(*, user_id: int) -> int:
    """The person has seen everything; returns how many were unread."""
    return Notification.objects.filter(user_id=user_id, read=False).update(read=True)
