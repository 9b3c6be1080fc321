"""Schedules, their slots, who follows them, and the backup sets that they made.

Schedule ──< ScheduleSlot ──▶ OperationRun     one row for each time it was due: started, or why not
    ├──────< Follower                          members who are told besides the owner
    └──────< ScheduledSet ──▶ BackupSet        what retention counts
"""

from __future__ import annotations

from datetime import time

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from tenantatlas.core import clock
from tenantatlas.tenants.scope import TenantOwned

from .due import Cadence, CadenceKind


class Missed(models.TextChoices):
    """What becomes of slots that came while no scheduler was running."""

    RUN_ONCE = "run_once", "Run once when back"
    SKIP = "skip", "Skip"


class Tell(models.TextChoices):
    """On which outcomes a person is told."""

    ALWAYS = "always", "Always"
    PROBLEMS = "problems", "Only problems"
    NEVER = "never", "Never"


class SlotState(models.TextChoices):
    """What became of a slot."""

    STARTED = "started", "Started"
    SKIPPED = "skipped", "Skipped"


class SkipReason(models.TextChoices):
    """Why a slot was skipped."""

    OVERLAP = "overlap", "The run before was still at work"
    MISSED = "missed", "No scheduler was running"


class Schedule(TenantOwned):
    """An operation with frozen parameters, on a cadence in a zone of its own, with its owner's rights.

    `counts_from` is the moment from which slots count: when it was made, resumed or given another cadence.
    `handled_until` is how far slots have been looked at, `look_at` when to look next: a hint that saves
    looking at every schedule every time, never more than an hour ahead, and never what a slot is read from.
    """

    is_seen = False

    name = models.CharField(max_length=120)
    operation = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    cadence_kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in CadenceKind])
    at = models.TimeField(default=time(0, 0))
    weekdays = models.JSONField(default=list)
    cron = models.CharField(max_length=200, blank=True, default="")
    zone = models.CharField(max_length=60)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    owner_told = models.CharField(max_length=10, choices=Tell, default=Tell.ALWAYS)
    missed = models.CharField(max_length=10, choices=Missed, default=Missed.RUN_ONCE)
    #: How many complete backup sets retention keeps; None keeps all.
    keep_last = models.PositiveSmallIntegerField(null=True, blank=True)
    #: The longest time between two slots: how old its newest backup may become by the rule.
    promise_seconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)
    counts_from = models.DateTimeField()
    handled_until = models.DateTimeField()
    look_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    last_run = models.ForeignKey(
        "runs.OperationRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the owner was told that its backups are late; None while they are not.
    late_told_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(F("tenant"), Lower("name"), name="schedule_name_once_per_tenant"),
            models.CheckConstraint(
                condition=Q(keep_last=None) | Q(keep_last__gte=1), name="schedule_keeps_one_at_least"
            ),
            models.CheckConstraint(
                condition=Q(cadence_kind__in=[kind.value for kind in CadenceKind]),
                name="schedule_cadence_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["look_at"], condition=Q(paused_at=None, archived_at=None), name="schedules_to_look_at"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def cadence(self) -> Cadence:
        """The rule, in its zone."""
        return Cadence(
            kind=CadenceKind(self.cadence_kind),
            zone=self.zone,
            at=self.at,
            weekdays=tuple(self.weekdays),
            cron=self.cron,
        )

    @property
    def is_on(self) -> bool:
        """Neither paused nor archived."""
        return self.paused_at is None and self.archived_at is None


class ScheduleSlot(TenantOwned):
    """One time at which a schedule was due. The row is written with its run, so there is one of each."""

    is_seen = False

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="slots")
    key = models.CharField(max_length=100)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=SlotState)
    reason = models.CharField(max_length=10, choices=SkipReason, blank=True, default="")
    run = models.ForeignKey(
        "runs.OperationRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["schedule", "key"], name="slot_once_per_schedule"),
            models.CheckConstraint(
                condition=Q(state=SlotState.STARTED, reason="")
                | (Q(state=SlotState.SKIPPED, run=None) & ~Q(reason="")),
                name="skipped_slots_say_why",
            ),
        ]
        indexes = [models.Index(fields=["schedule", "-due_at"], name="slots_newest_first")]

    def __str__(self) -> str:
        return self.key


class Follower(TenantOwned):
    """A member who is told of the schedule's runs besides its owner."""

    is_seen = False

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="followers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    told = models.CharField(max_length=10, choices=Tell, default=Tell.PROBLEMS)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["schedule", "user"], name="follower_once")]

    def __str__(self) -> str:
        return f"{self.user_id} of {self.schedule_id}"


class ScheduledSet(TenantOwned):
    """A backup set that the schedule made; stays when its run is forgotten."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="sets")
    backup_set = models.OneToOneField("backups.BackupSet", on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.backup_set_id} of {self.schedule_id}"
