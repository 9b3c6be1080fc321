"""Versions and backup sets.

    BackupSet ──< SetType                    how completely each policy type was captured
        └───────< SetEntry >── PolicyVersion >── Blob      one captured state; its sealed payload
                                     │
    Policy (inventory) ──── Protection                     the newest version, and when it was last confirmed
                                     │
                                     └──< NamedGroup       the groups that it is for, or leaves out

Versions and payloads are immutable: there is no way to update one, only to add and, by retention, to remove.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from tenantatlas.inventory.models import Policy, ReadStatus
from tenantatlas.tenants.scope import TenantOwned


class Immutable(TenantOwned):
    """A row that is written once."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the row; refuses to write over one."""
        if not self._state.adding:
            raise TypeError(f"a {type(self).__name__} is immutable")
        super().save(*args, **kwargs)


class Blob(Immutable):
    """Compressed, sealed bytes, addressed by the SHA-256 of what they hold."""

    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "sha256"], name="blob_once")]

    def __str__(self) -> str:
        return self.sha256


class StagedRow(TenantOwned):
    """A list row that a run has read and not yet worked on. It ends with the run."""

    run_id = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "run_id", "sha256"], name="staged_row_once")]

    def __str__(self) -> str:
        return self.sha256


class PolicyVersion(Immutable):
    """One captured, immutable state of one policy.

    `digest` is that of the canonical form; `payload_sha256` that of the raw answers, which `blob` holds. An
    imported version was read from a file: it says nothing about what this tenant had.
    """

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    type_key = models.CharField(max_length=120)
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=1000)
    digest = models.CharField(max_length=64)
    payload_sha256 = models.CharField(max_length=64)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="versions")
    run_id = models.BigIntegerField(null=True)
    captured_at = models.DateTimeField()
    secrets = models.JSONField(default=list)
    backup_only = models.JSONField(default=list)
    imported = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["tenant", "policy", "-id"], name="version_newest_first")]

    def __str__(self) -> str:
        return f"{self.name} ({self.captured_at:%Y-%m-%d %H:%M})"


class Protection(TenantOwned):
    """The newest version of a policy, and the evidence of the list when it was last confirmed."""

    policy = models.OneToOneField(Policy, on_delete=models.CASCADE, related_name="protection")
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    evidence = models.CharField(max_length=100, blank=True)
    confirmed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.policy_id}: {self.version_id}"


class NamedGroup(Immutable):
    """A version names this group: to give the policy to it, or to keep it out."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="named_groups")
    group_id = models.CharField(max_length=64)
    excluded = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "group_id", "excluded"], name="group_named_once")
        ]
        indexes = [models.Index(fields=["tenant", "group_id"], name="named_group_by_id")]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.group_id}"


class VersionHold(TenantOwned):
    """Keeps a version that was captured for itself, outside every set."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="holds")
    run_id = models.BigIntegerField()
    reason = models.CharField(max_length=60)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "run_id"], name="version_held_once_per_run")
        ]

    def __str__(self) -> str:
        return f"{self.version_id}: {self.reason}"


class SetStatus(models.TextChoices):
    """How a backup set ended."""

    CAPTURING = "capturing", "Being captured"
    COMPLETE = "complete", "Complete"
    INCOMPLETE = "incomplete", "Incomplete"
    DELETED = "deleted", "Deleted"


#: The `source` of a set that was read from a file: it says nothing of what the tenant had.
IMPORTED = "import"


class BackupSet(TenantOwned):
    """A named collection of versions captured by one run; immutable once it is captured.

    Adding or removing policies makes a set that `supersedes` this one. `scope` says what was asked for:
    `types`, and of the types that are not held whole the ids of `policies`.
    """

    name = models.CharField(max_length=200)
    run = models.ForeignKey("runs.OperationRun", on_delete=models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=12, choices=SetStatus, default=SetStatus.CAPTURING)
    source = models.CharField(max_length=20)
    scope = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    captured_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    kept = models.BooleanField(default=False)
    counts = models.JSONField(default=dict)
    fingerprint = models.CharField(max_length=64, blank=True)
    supersedes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="successors")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run"], condition=models.Q(run__isnull=False), name="one_set_per_run"
            ),
            models.CheckConstraint(
                condition=~models.Q(kept=True, status=SetStatus.DELETED), name="kept_sets_stay"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="set_newest_first")]

    def __str__(self) -> str:
        return self.name


class EntryState(models.TextChoices):
    """What a set says of one of its versions."""

    NEW = "new", "New version"
    SEEN_AGAIN = "seen again", "Seen again"


class SetEntry(TenantOwned):
    """One version in one set. A set holds at most one version of a policy.

    `type_key` is the version's: the types of a large set are counted without reading its versions.
    """

    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, related_name="entries")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="entries")
    type_key = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=EntryState)

    class Meta:
        verbose_name_plural = "set entries"
        constraints = [models.UniqueConstraint(fields=["backup_set", "policy"], name="entry_once_per_set")]
        indexes = [models.Index(fields=["backup_set", "tenant", "type_key"], name="entries_by_type")]

    def __str__(self) -> str:
        return f"{self.backup_set_id}: {self.version_id}"


class SetType(TenantOwned):
    """How completely a set holds one policy type; `detail` says what is missing, and why.

    `whole`: every policy of the type was asked for. Otherwise the set says nothing of the others.
    """

    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, related_name="types")
    type_key = models.CharField(max_length=120)
    status = models.CharField(max_length=12, choices=ReadStatus)
    listed = models.PositiveIntegerField(default=0)
    captured = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    detail = models.TextField(blank=True)
    whole = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backup_set", "type_key"], name="type_once_per_set")]

    def __str__(self) -> str:
        return f"{self.type_key}: {self.status}"


class Export(TenantOwned):
    """A finished archive, kept in sealed parts until the next one of the same set, or for some days.

    Without a set it holds the newest versions of chosen policies.
    """

    backup_set = models.ForeignKey(BackupSet, on_delete=models.CASCADE, null=True, related_name="exports")
    run_id = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    policies = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"export of {self.backup_set_id}"


class ExportPart(TenantOwned):
    """One piece of an archive."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["export", "position"], name="export_part_once")]

    def __str__(self) -> str:
        return f"part {self.position} of {self.export_id}"


class Upload(TenantOwned):
    """A file handed in to be imported, kept in sealed parts until it is imported or for a day."""

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)

    def __str__(self) -> str:
        return self.name


class UploadPart(TenantOwned):
    """One piece of an upload."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["upload", "position"], name="upload_part_once")]

    def __str__(self) -> str:
        return f"part {self.position} of {self.upload_id}"
