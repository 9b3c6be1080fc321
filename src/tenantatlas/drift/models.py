"""What comparisons found, what people decided about it, and what a tenant is compared with.

Finding ──< Sighting          one drift of one policy; the runs that saw it
IgnoredSetting                a property of a policy whose drift nobody wants to hear of, for a time
Baseline                      the backup set that says how the tenant should be
"""

from __future__ import annotations

from django.db import models

from tenantatlas.backups.models import BackupSet
from tenantatlas.tenants.scope import TenantOwned


class FindingKind(models.TextChoices):
    """How the later state differs from the earlier one."""

    ADDED = "added", "Added"
    REMOVED = "removed", "Removed"
    CHANGED = "changed", "Changed"
    UNKNOWN = "unknown", "Not known"


class Severity(models.TextChoices):
    """How much a finding matters. Targeting that grew is high."""

    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class FindingState(models.TextChoices):
    """Where a finding is in its life. An ignored one whose time has passed counts as new."""

    NEW = "new", "New"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    IGNORED = "ignored", "Ignored"
    RESOLVED = "resolved", "Resolved"


class Finding(TenantOwned):
    """One recorded drift of one policy in one comparison: the same drift is the same row in every run.

    `comparison` says what was compared with what. `first_seen` and `found_at` are when a run saw it first and
    last. It is resolved when a run that could have seen it did not.
    """

    comparison = models.CharField(max_length=80)
    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, null=True, related_name="findings")
    type_key = models.CharField(max_length=120)
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=1000)
    kind = models.CharField(max_length=10, choices=FindingKind)
    severity = models.CharField(max_length=10, choices=Severity)
    summary = models.TextField(blank=True)
    differences = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=64)
    before_digest = models.CharField(max_length=64, blank=True)
    after_digest = models.CharField(max_length=64, blank=True)
    first_seen = models.DateTimeField()
    found_at = models.DateTimeField()
    last_run_id = models.BigIntegerField()
    state = models.CharField(max_length=12, choices=FindingState, default=FindingState.NEW)
    reason = models.CharField(max_length=300, blank=True)
    ignored_until = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "fingerprint"], name="finding_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=FindingState.values), name="finding_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "state", "severity"], name="finding_by_state"),
            models.Index(fields=["tenant", "comparison"], name="finding_by_comparison"),
            models.Index(fields=["tenant", "type_key", "graph_id"], name="finding_by_policy"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"


class Sighting(TenantOwned):
    """One run saw one finding."""

    finding = models.ForeignKey(Finding, on_delete=models.CASCADE, related_name="sightings")
    run_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["finding", "run_id"], name="sighting_once_per_run")]
        indexes = [models.Index(fields=["tenant", "run_id"], name="sighting_by_run")]

    def __str__(self) -> str:
        return f"{self.finding_id} in run {self.run_id}"


class IgnoredSetting(TenantOwned):
    """Differences of one property of one policy are left out of comparisons until a time."""

    type_key = models.CharField(max_length=120)
    graph_id = models.CharField(max_length=200)
    path = models.CharField(max_length=600)
    label = models.CharField(max_length=600, blank=True)
    reason = models.CharField(max_length=300)
    until = models.DateTimeField()
    decided_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "type_key", "graph_id", "path"], name="setting_ignored_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.graph_id}: {self.path}"


class Baseline(TenantOwned):
    """The backup set that says how the tenant should be; one per tenant."""

    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, related_name="+")
    chosen_at = models.DateTimeField()
    chosen_by = models.CharField(max_length=254)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_baseline")]

    def __str__(self) -> str:
        return f"baseline {self.backup_set_id}"
