"""What people are told: one row per person and subject."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tenantatlas.core import clock


class Tone(models.TextChoices):
    """How a notification reads at a glance."""

    INFO = "info", "Info"
    SUCCESS = "success", "Success"
    WARNING = "warning", "Warning"
    DANGER = "danger", "Danger"
    PURPLE = "purple", "Blocked"
    NEUTRAL = "neutral", "Neutral"


class Notification(models.Model):
    """What one person is told about one subject, as it is now. `subject` is a plain word such as `run/87`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    tenant = models.ForeignKey(
        "tenants.Tenant", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    subject = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    body = models.CharField(max_length=600, blank=True, default="")
    tone = models.CharField(max_length=10, choices=Tone.choices, default=Tone.INFO)
    url = models.CharField(max_length=300, blank=True, default="")
    read = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "subject"], name="one_notification_per_subject")
        ]
        indexes = [
            models.Index(F("user"), F("updated_at").desc(), F("id").desc(), name="notifications_newest"),
            models.Index(fields=["user"], condition=Q(read=False), name="notifications_unread"),
        ]

    def __str__(self) -> str:
        return self.title
