"""A second person's word before a restore is executed, where the tenant asks for it.

An approval is about one plan: its hash. It counts for 24 hours, while who gave it may still execute
restores, and for nobody's own work: not for who asked for it, and not for who gave it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import ApprovalMissing, Conflict, InputError
from tenantatlas.notifications.models import Tone
from tenantatlas.notifications.services import notify_user
from tenantatlas.tenants.queries import has_capability, holders_of, require_capability

from .models import Restore, RestoreApproval, RestoreStatus
from .stored import STALE_HINT

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

#: How long an approval counts.
GOOD_FOR = timedelta(hours=24)
_LONGEST_REASON = 500


def approval_of(restore: Restore) -> RestoreApproval | None:
    """What was asked and said about the plan that the restore has now."""
    rows = RestoreApproval.objects.filter(restore=restore, plan_sha256=restore.plan_sha256)
    found: RestoreApproval | None = rows.select_related("asked_by", "decided_by").first()
    return found


def ask_approval(restore: Restore, *, actor: User) -> RestoreApproval:
    """Ask everybody who may approve this plan; asked again after a no, it is open again."""
    require_capability(actor, restore.tenant, Capability.RESTORE_EXECUTE)
    _require_previewed(restore)
    with transaction.atomic():
        asked = {"asked_by": actor, "asked_at": clock.now()}
        fresh = {**asked, "decided_by": None, "decided_at": None, "approved": None, "reason": ""}
        row, _ = RestoreApproval.objects.update_or_create(
            restore=restore, plan_sha256=restore.plan_sha256, defaults=fresh
        )
        _record("restore.approval_asked", restore, actor=actor)
        for person in holders_of(restore.tenant, Capability.RESTORE_EXECUTE):
            if person.pk != actor.pk:
                _tell(restore, person, f"{actor.display_name} asks you to approve restore {restore.pk}")
    return row


def decide(restore: Restore, *, plan: str, approve: bool, actor: User, reason: str = "") -> RestoreApproval:
    """Say yes or no to exactly this plan. Nobody approves what they asked for; a no needs a reason."""
    require_capability(actor, restore.tenant, Capability.RESTORE_EXECUTE)
    _require_previewed(restore)
    if plan != restore.plan_sha256:
        raise Conflict("This is not the plan that the restore has now.", hint=STALE_HINT)
    reason = reason.strip()
    if len(reason) > _LONGEST_REASON or not (approve or reason):
        raise InputError(
            f"Say why, in at most {_LONGEST_REASON} characters.",
            hint="Who asked will read it.",
            details={"field": "reason"},
        )
    with transaction.atomic():
        row, _ = RestoreApproval.objects.select_for_update().get_or_create(
            restore=restore,
            plan_sha256=plan,
            defaults={"asked_by": restore.created_by, "asked_at": clock.now()},
        )
        if row.asked_by_id == actor.pk:
            raise Conflict("You asked for this approval yourself.", hint="Somebody else has to give it.")
        row.decided_by, row.decided_at = actor, clock.now()
        row.approved, row.reason = approve, reason
        row.save()
        word = "approved" if approve else "declined"
        _record(f"restore.{word}", restore, actor=actor, reason=reason)
        if row.asked_by is not None:
            tone = Tone.SUCCESS if approve else Tone.WARNING
            _tell(restore, row.asked_by, f"{actor.display_name} {word} restore {restore.pk}", reason, tone)
    return row


def check_approved(restore: Restore, *, at: datetime, executor_id: int | None = None) -> None:
    """Nothing, or why the plan may not be executed: the tenant asks for a second person, and none counts."""
    if not restore.tenant.require_approval:
        return
    row = approval_of(restore)
    missing = _why_it_does_not_count(restore, row, at=at, executor_id=executor_id)
    if missing:
        raise ApprovalMissing(
            f"{restore.tenant.name} asks for a second person's approval: {missing}.",
            hint=f"Another member approves it with `tenantatlas restore approve {restore.pk} --plan SHA256`.",
        )


def _why_it_does_not_count(
    restore: Restore, row: RestoreApproval | None, *, at: datetime, executor_id: int | None
) -> str:
    if row is None or row.decided_by is None or row.decided_at is None:
        return "nobody has approved this plan"
    reasons = {
        "it was declined": not row.approved,
        "it was given more than 24 hours ago": at - row.decided_at > GOOD_FOR,
        "it was given by who asked for it": row.decided_by_id == row.asked_by_id,
        "it was given by who executes it": row.decided_by_id == executor_id,
        "who gave it may not execute restores any more": not has_capability(
            row.decided_by, restore.tenant, Capability.RESTORE_EXECUTE
        ),
    }
    return next((words for words, holds in reasons.items() if holds), "")


def _require_previewed(restore: Restore) -> None:
    if restore.status != RestoreStatus.PREVIEWED:
        raise Conflict(f"Restore {restore.pk} has no plan that waits to be executed.", hint=STALE_HINT)


def _tell(restore: Restore, person: User, title: str, body: str = "", tone: Tone = Tone.INFO) -> None:
    notify_user(
        user_id=person.pk,
        subject=f"approval/{restore.pk}",
        tenant_id=restore.tenant_id,
        title=title,
        body=body,
        tone=tone,
        url=f"/t/{restore.tenant.slug}/restore/{restore.pk}/review/",
    )


def _record(action: str, restore: Restore, *, actor: User, reason: str = "") -> None:
    record_event(
        tenant_id=restore.tenant_id,
        actor_id=actor.pk,
        actor_name=actor.display_name,
        action=action,
        subject=f"restore {restore.pk}",
        details={"restore": restore.pk, "plan_sha256": restore.plan_sha256, "reason": reason},
    )
