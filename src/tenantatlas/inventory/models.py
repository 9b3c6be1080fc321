"""What was last observed in a tenant: its policies, and how each policy type was last read."""

from __future__ import annotations

from django.db import models

from tenantatlas.tenants.scope import TenantOwned


class Presence(models.TextChoices):
    """Whether a policy was there when its type was last read. Absence is never guessed."""

    PRESENT = "present", "In the tenant"
    MISSING = "missing", "No longer in the tenant"
    UNKNOWN = "unknown", "Not known"


class ReadStatus(models.TextChoices):
    """How completely a policy type was read. Not read and not there are never mixed."""

    COMPLETE = "complete", "Complete"
    PARTIAL = "partial", "Partial"
    DENIED = "denied", "Denied"
    UNAVAILABLE = "unavailable", "Unavailable in this cloud or licence"
    CHANGED = "changed", "Changed while it was read"


class Policy(TenantOwned):
    """One configuration object of a tenant, as last observed. Its history is in `backups.PolicyVersion`."""

    type_key = models.CharField(max_length=120)
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=1000)
    odata_type = models.CharField(max_length=200, blank=True)
    platform = models.CharField(max_length=60, blank=True)
    last_modified = models.CharField(max_length=40, blank=True)
    is_assigned = models.BooleanField(null=True)
    assigned_count = models.PositiveIntegerField(null=True)
    scope_tags = models.JSONField(default=list)
    evidence = models.CharField(max_length=100, blank=True)
    presence = models.CharField(max_length=10, choices=Presence, default=Presence.PRESENT)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)
    last_run_id = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type_key", "graph_id"], name="policy_once"),
            models.CheckConstraint(
                condition=models.Q(presence__in=Presence.values), name="policy_presence_known"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "graph_id"], name="policy_by_graph_id")]

    def __str__(self) -> str:
        return self.name


class TypeRead(TenantOwned):
    """How one run read one policy type."""

    type_key = models.CharField(max_length=120)
    run_id = models.BigIntegerField()
    status = models.CharField(max_length=12, choices=ReadStatus)
    reason = models.TextField(blank=True)
    listed = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type_key", "run_id"], name="type_read_once_per_run")
        ]
        indexes = [models.Index(fields=["tenant", "type_key", "-at"], name="type_read_latest")]

    def __str__(self) -> str:
        return f"{self.type_key}: {self.status}"
