"""What was last observed in a tenant: its policies, and how each policy type was last read."""

from __future__ import annotations

from django.db import models

from tenantatlas.tenants.scope import TenantOwned


class Presence(models.TextChoices):
    """Whether a policy was there when its type was last read. Absence is never guessed."""

    PRESENT = "present", "In the tenant"
    MISSING = "missing", "No longer in the tenant"
    UNKNOWN = "unknown", "Not known"
    IMPORTED = "imported", "Imported, never seen in the tenant"


class ReadStatus(models.TextChoices):
    """How completely a policy type was read. Not read and not there are never mixed."""

    COMPLETE = "complete", "Complete"
    PARTIAL = "partial", "Partial"
    DENIED = "denied", "Denied"
    UNAVAILABLE = "unavailable", "Unavailable in this cloud or licence"
    CHANGED = "changed", "Changed while it was read"


class Policy(TenantOwned):
    """One configuration object of a tenant, as last observed. Its history is in `backups.PolicyVersion`.

    An ignored policy is backed up like any other; it is only left out of what asks for attention.
    """

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
    ignored_at = models.DateTimeField(null=True)
    ignored_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type_key", "graph_id"], name="policy_once"),
            models.CheckConstraint(
                condition=models.Q(presence__in=Presence.values), name="policy_presence_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "graph_id"], name="policy_by_graph_id"),
            models.Index(fields=["tenant", "platform"], name="policy_by_platform"),
            models.Index(fields=["tenant", "presence", "name"], name="policy_by_name"),
            models.Index(fields=["tenant", "presence", "ignored_at"], name="policy_by_presence"),
        ]

    def __str__(self) -> str:
        return self.name


class Observation(TenantOwned):
    """What one list showed of one policy type, packed. A type that did not move is kept once."""

    type_key = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    packed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type_key", "sha256"], name="observation_once")
        ]

    def __str__(self) -> str:
        return f"{self.type_key}: {self.sha256}"


class TypeRead(TenantOwned):
    """How one run read one policy type. Only a synchronisation keeps what the list showed."""

    type_key = models.CharField(max_length=120)
    run_id = models.BigIntegerField()
    status = models.CharField(max_length=12, choices=ReadStatus)
    reason = models.TextField(blank=True)
    listed = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, related_name="reads")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "type_key", "run_id"], name="type_read_once_per_run")
        ]
        indexes = [models.Index(fields=["tenant", "type_key", "-at"], name="type_read_latest")]

    def __str__(self) -> str:
        return f"{self.type_key}: {self.status}"


class Inventory(TenantOwned):
    """One synchronisation of one selection of policy types, for comparing it with the next.

    `reads` holds the `TypeRead` of each type that was looked at.
    """

    run_id = models.BigIntegerField(unique=True)
    selection = models.CharField(max_length=64)
    at = models.DateTimeField()
    reads = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "inventories"
        indexes = [models.Index(fields=["tenant", "selection", "-id"], name="inventory_newest_first")]

    def __str__(self) -> str:
        return f"inventory of run {self.run_id}"
