"""What a comparison of a backup set with the live tenant found."""

from __future__ import annotations

from django.db import models

from tenantatlas.backups.models import BackupSet
from tenantatlas.tenants.scope import TenantOwned


class FindingKind(models.TextChoices):
    """How the live tenant differs from the set."""

    ADDED = "added", "Added"
    REMOVED = "removed", "Removed"
    CHANGED = "changed", "Changed"
    UNKNOWN = "unknown", "Not known"


class Severity(models.TextChoices):
    """How much a finding matters. Targeting that grew is high."""

    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Finding(TenantOwned):
    """One recorded drift of one policy.

    The same drift has the same `fingerprint` in every run; `first_seen` is when a run first found it.
    """

    run_id = models.BigIntegerField()
    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, related_name="findings")
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

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id", "type_key", "graph_id"], name="finding_once_per_run")
        ]
        indexes = [models.Index(fields=["tenant", "fingerprint"], name="finding_by_fingerprint")]

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}"
