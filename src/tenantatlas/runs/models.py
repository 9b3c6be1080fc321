"""The record of all work: runs, their items and timeline; the workers; this install's identity."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tenantatlas.core import clock, ids
from tenantatlas.core.errors import DispatchFailed
from tenantatlas.tenants.scope import TenantOwned

from .lifecycle import (
    OPEN_STATUSES,
    RETRIED_ITEM_STATES,
    EventKind,
    ItemState,
    Outcome,
    RunStatus,
    Trigger,
)

#: Runs that have not ended; `outcome_iff_completed` makes that the same as being queued or running. Asked in
#: these words: SQLite takes a partial index only where its condition stands in the query, without parameters.
OPEN = Q(ended_at__isnull=True)


def _choices(words: type[RunStatus | Outcome | Trigger | ItemState | EventKind]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ").capitalize()) for word in words]


class OperationRun(TenantOwned):
    """One piece of work, from queued to completed. Only `runs.journal` writes it."""

    is_seen = False

    operation = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=_choices(RunStatus), default=RunStatus.QUEUED.value)
    outcome = models.CharField(max_length=20, choices=_choices(Outcome), blank=True, default="")
    subject = models.CharField(max_length=200)
    initiator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    initiator_name = models.CharField(max_length=200)
    trigger = models.CharField(max_length=10, choices=_choices(Trigger))
    identity_hash = models.CharField(max_length=64)
    nonce = models.CharField(max_length=80, blank=True, default="")
    params = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    #: [{"code", "message", "hint", "count"}]: what went wrong, most frequent first.
    failures = models.JSONField(default=list)
    #: Related ids only, such as {"set": 12}.
    context = models.JSONField(default=dict)
    #: What stopped the run, if anything did: {"code", "message", "hint"}.
    error = models.JSONField(null=True, blank=True)
    #: Why the result is not complete though no item failed: {"code", "message", "hint"}.
    incomplete = models.JSONField(null=True, blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children"
    )
    correlation_id = models.CharField(max_length=36, default=ids.fresh_id)
    #: Where the history of an earlier system had this run, such as "restore_run/17"; empty for our own.
    imported_from = models.CharField(max_length=100, blank=True, default="")

    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(null=True, blank=True)
    #: Whether the number of items is final. False: it grew although it had been, and is not trusted again.
    total_known = models.BooleanField(null=True, default=None)
    waiting_reason = models.CharField(max_length=40, blank=True, default="")
    waiting_until = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)
    cancel_asked_by = models.CharField(max_length=200, blank=True, default="")

    #: The number of this hand-over to the engine: the fence that keeps out workers with an older one.
    dispatch = models.PositiveIntegerField(default=1)
    dispatched_at = models.DateTimeField(default=clock.now)
    worker = models.CharField(max_length=36, blank=True, default="")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    #: How often a worker was lost since the last item was recorded.
    stalls = models.PositiveSmallIntegerField(default=0)
    #: How often keeping this run's records broke since the last item was recorded.
    breakdowns = models.PositiveSmallIntegerField(default=0)
    #: Since when Graph has asked to wait without an item recorded in between.
    throttled_since = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "identity_hash"],
                condition=OPEN,
                name="one_open_run_per_identity",
            ),
            models.UniqueConstraint(
                fields=["tenant", "operation", "nonce"],
                condition=~Q(nonce=""),
                name="one_run_per_nonce",
            ),
            models.UniqueConstraint(
                fields=["tenant", "imported_from"],
                condition=~Q(imported_from=""),
                name="one_run_per_import",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status=RunStatus.COMPLETED.value, ended_at__isnull=False)
                    & Q(outcome__in=[outcome.value for outcome in Outcome])
                )
                | (
                    Q(status__in=[status.value for status in OPEN_STATUSES])
                    & Q(outcome="", ended_at__isnull=True)
                ),
                name="outcome_iff_completed",
            ),
            models.CheckConstraint(
                condition=Q(waiting_reason="") | ~Q(status=RunStatus.COMPLETED.value),
                name="completed_runs_wait_for_nothing",
            ),
        ]
        indexes = [
            models.Index(F("tenant"), F("id").desc(), name="runs_newest_first"),
            models.Index(fields=["tenant", "operation", "status"], name="runs_by_operation"),
            models.Index(fields=["tenant", "created_at", "outcome"], name="runs_by_day"),
            models.Index(F("tenant"), F("operation"), F("id").desc(), name="runs_newest_of_operation"),
            models.Index(fields=["ended_at", "status", "waiting_until"], condition=OPEN, name="runs_open"),
            models.Index(fields=["tenant", "ended_at", "id"], condition=OPEN, name="runs_open_of_tenant"),
            models.Index(
                fields=["tenant", "parent"], condition=Q(parent__isnull=False), name="runs_children"
            ),
            models.Index(
                fields=["ended_at"], condition=Q(status=RunStatus.COMPLETED.value), name="runs_ended"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.operation})"

    @property
    def is_open(self) -> bool:
        """Queued or running here; imported history never is."""
        return self.status != RunStatus.COMPLETED and not self.imported_from

    @property
    def not_handed_over(self) -> bool:
        """Ended at once, because the engine did not take it."""
        return not self.is_open and any(each["code"] == DispatchFailed.code for each in self.failures)

    @property
    def is_waiting(self) -> bool:
        """Put aside: queued, with a reason."""
        return self.status == RunStatus.QUEUED and bool(self.waiting_reason)

    @property
    def is_stopping(self) -> bool:
        """A person asked to stop, and the run has not ended yet."""
        return self.is_open and self.cancel_asked_at is not None

    @property
    def may_retry(self) -> bool:
        """Ended, with items that `retry_failed_items` would do again."""
        undone = any(self.counts.get(state.value) for state in RETRIED_ITEM_STATES)
        return undone and not self.is_open and not self.imported_from

    @property
    def word(self) -> str:
        """The one word that a pill shows: the outcome, or the status while there is none."""
        return self.outcome or self.status


class RunItem(TenantOwned):
    """One item of one run, by its natural key."""

    is_seen = False

    run = models.ForeignKey(OperationRun, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=300)
    position = models.PositiveIntegerField()
    label = models.CharField(max_length=400)
    type_key = models.CharField(max_length=120, blank=True, default="")
    lane = models.CharField(max_length=120, blank=True, default="")
    payload = models.JSONField(null=True, blank=True)
    #: Working it may add items: until it has ended, nobody knows how many there will be.
    finds_items = models.BooleanField(default=False)
    state = models.CharField(max_length=14, choices=_choices(ItemState), default=ItemState.PENDING.value)
    action = models.CharField(max_length=40, blank=True, default="")
    reason = models.CharField(max_length=60, blank=True, default="")
    message = models.CharField(max_length=600, blank=True, default="")
    hint = models.CharField(max_length=400, blank=True, default="")
    before_digest = models.CharField(max_length=64, blank=True, default="")
    after_digest = models.CharField(max_length=64, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    details = models.JSONField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="one_item_per_key"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ItemState]), name="item_state_known"
            ),
        ]
        indexes = [models.Index(fields=["run", "state", "lane", "position"], name="items_by_state")]

    def __str__(self) -> str:
        return self.label


class RunEvent(TenantOwned):
    """One line of a run's timeline."""

    is_seen = False

    run = models.ForeignKey(OperationRun, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=clock.now)
    kind = models.CharField(max_length=14, choices=_choices(EventKind))
    message = models.CharField(max_length=300, blank=True, default="")

    class Meta(TenantOwned.Meta):
        abstract = False
        indexes = [models.Index(fields=["run", "id"], name="events_in_order")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"


class Worker(models.Model):
    """A process that works runs. `heartbeat_at` is the database's time: processes may disagree."""

    id = models.CharField(max_length=36, primary_key=True)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    embedded = models.BooleanField(default=False)
    started_at = models.DateTimeField(default=clock.now)
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["stopped_at", "heartbeat_at"], name="workers_alive")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Installation(models.Model):
    """The one row that tells this install from another one that used the same engine store before."""

    key = models.CharField(max_length=36, default=ids.fresh_id)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return self.key
