"""Restores, what each plans, and the journal of every write.

Restore ──< RestoreItem     one planned policy; its writes and bodies are sealed
   └──────< WriteRecord     one attempt of one write: intended, sent, known or unknown, settled
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.tenants.scope import TenantOwned

from .world import Assignments, Existing, RestoreKind


class RestoreStatus(models.TextChoices):
    """How far a restore is; from *queued* on it mirrors its run."""

    DRAFT = "draft", "Draft"
    SCOPED = "scoped", "Policies chosen"
    CHECKED = "checked", "Checked"
    PREVIEWED = "previewed", "Previewed"
    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    COMPLETED = "completed", "Completed"


#: A restore that may still be changed and previewed again.
OPEN_STATUSES = (
    RestoreStatus.DRAFT,
    RestoreStatus.SCOPED,
    RestoreStatus.CHECKED,
    RestoreStatus.PREVIEWED,
)


class Restore(TenantOwned):
    """One restore: where from, what of it, with which decisions, the plan's hash, and the runs.

    `tenant_name` and `environment` are the tenant's as they were when the plan was made. `parent` is the
    restore that this one enables policies of, takes back or repeats.
    """

    kind = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in RestoreKind],
        default=RestoreKind.RESTORE.value,
    )
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    tenant_name = models.CharField(max_length=120, blank=True)
    environment = models.CharField(max_length=20, blank=True)
    backup_set = models.ForeignKey("backups.BackupSet", on_delete=models.PROTECT, related_name="+")
    types = models.JSONField(default=list)
    policies = models.JSONField(default=list)
    version = models.ForeignKey(
        "backups.PolicyVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    existing = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in Existing], default=Existing.UPDATE.value
    )
    #: policy type → what to do with those of its policies that exist, where that is not `existing`
    existing_by_type = models.JSONField(default=dict)
    copy_suffix = models.CharField(max_length=60, blank=True)
    assignments = models.CharField(
        max_length=10,
        choices=[(each.value, each.value) for each in Assignments],
        default=Assignments.BACKED_UP.value,
    )
    mapping = models.JSONField(default=dict)
    #: [{"code", "level", "message", "hint"}], and the hash of the choices that they were made for
    checks = models.JSONField(default=list)
    checks_scope = models.CharField(max_length=64, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    #: section of the mapping → {id that the policies name: the name that it had}
    named = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=RestoreStatus, default=RestoreStatus.DRAFT)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField()
    preview_run = models.ForeignKey(
        "runs.OperationRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    execute_run = models.ForeignKey(
        "runs.OperationRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: how its execution ended: the run may be forgotten before the restore is
    outcome = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in Outcome], blank=True
    )
    plan_sha256 = models.CharField(max_length=64, blank=True)
    head = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    #: what the last preview found for what the policies name, as a mapping file
    needs = models.JSONField(default=dict)
    impact = models.JSONField(default=dict)
    risks = models.JSONField(default=list)
    bound_seconds = models.FloatField(default=0.0)
    previewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    #: why it was executed, in the words of who confirmed it
    reason = models.CharField(max_length=500, blank=True)
    #: [{"item", "id", "name"}]: objects that a lost reply may have made besides ours
    late_twins = models.JSONField(default=list)
    #: how many captures were looked through for more of them, and the last set of those
    twin_looks = models.PositiveSmallIntegerField(default=0)
    twins_seen_in = models.BigIntegerField(default=0)

    class Meta(TenantOwned.Meta):
        abstract = False
        indexes = [models.Index(fields=["tenant", "-id"], name="restore_newest_first")]

    def __str__(self) -> str:
        return f"restore {self.pk}"

    @property
    def word(self) -> str:
        """The one word that a pill shows: the outcome, or how far it is."""
        run = self.preview_run if self.status == RestoreStatus.CHECKED else None
        return "previewing" if run is not None and run.is_open else self.outcome or self.status


class RestoreApproval(TenantOwned):
    """What a second person was asked, and said, about one plan of a restore."""

    restore = models.ForeignKey(Restore, on_delete=models.CASCADE, related_name="approvals")
    plan_sha256 = models.CharField(max_length=64)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    approved = models.BooleanField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["restore", "plan_sha256"], name="restore_approval_once")
        ]

    def __str__(self) -> str:
        return f"approval of {self.plan_sha256[:12]}"


class RestoreItem(TenantOwned):
    """One policy in the plan. `sealed` holds what the plan's hash covers of it and its writes."""

    restore = models.ForeignKey(Restore, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=300)
    type_key = models.CharField(max_length=120)
    source_id = models.CharField(max_length=200)
    name = models.CharField(max_length=1000)
    version = models.ForeignKey("backups.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=12)
    reasons = models.JSONField(default=list)
    notes = models.JSONField(default=list)
    live_id = models.CharField(max_length=200, blank=True)
    writes = models.PositiveIntegerField(default=0)
    sealed = models.BinaryField()
    #: what the object was before its first write: where an undo goes back to
    preimage = models.ForeignKey(
        "backups.PolicyVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_id = models.CharField(max_length=200, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [models.UniqueConstraint(fields=["restore", "key"], name="restore_item_once")]
        indexes = [
            models.Index(fields=["restore", "position"], name="restore_items_in_order"),
            models.Index(
                fields=["tenant", "key"], condition=~models.Q(created_id=""), name="restore_successors"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WriteState(models.TextChoices):
    """How far one attempt of a write is."""

    INTENDED = "intended", "Intended"
    SENT = "sent", "Sent"
    KNOWN = "known", "Answered"
    UNKNOWN = "unknown", "Answer lost"
    SETTLED = "settled", "Settled"


class WriteResult(models.TextChoices):
    """What became of an attempt, once that is known."""

    APPLIED = "applied", "Applied"
    REFUSED = "refused", "Refused"
    AGAIN = "again", "Not applied, to be sent again"
    NEEDLESS = "needless", "Not needed"
    ADOPTED = "adopted", "Found again and taken over"
    ABSENT = "absent", "Not applied"
    AMBIGUOUS = "ambiguous", "Several could be it"
    UNSEEN = "unseen", "Could not be looked for"


#: Results after which the write has had its effect.
DONE_RESULTS = (WriteResult.APPLIED, WriteResult.NEEDLESS, WriteResult.ADOPTED)


class WriteRecord(TenantOwned):
    """One attempt of one write of a plan, written before it is sent and after it is answered."""

    restore = models.ForeignKey(Restore, on_delete=models.PROTECT, related_name="records")
    run_id = models.BigIntegerField()
    n = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    item = models.CharField(max_length=300)
    kind = models.CharField(max_length=10)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=1000)
    body_sha256 = models.CharField(max_length=64, blank=True)
    #: ids of that type and name just before a create
    before = models.JSONField(default=list)
    #: the hand-over of the run that may send this attempt
    fence = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=WriteState, default=WriteState.INTENDED)
    result = models.CharField(max_length=10, choices=WriteResult, blank=True)
    graph_id = models.CharField(max_length=200, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    client_request_id = models.CharField(max_length=36)
    request_id = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=600, blank=True)
    intended_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["restore", "n", "attempt"], name="write_attempt_once"),
            models.CheckConstraint(condition=models.Q(state__in=WriteState.values), name="write_state_known"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.state})"

    @property
    def is_done(self) -> bool:
        """Whether the write has had its effect."""
        return self.result in DONE_RESULTS
