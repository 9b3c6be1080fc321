"""What people decide about findings: database only, each with an audit entry and no run.

Apart from `services`, which records what runs find.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.backups.services import keep_set
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability

from .models import Baseline, Finding, FindingState, IgnoredSetting

_LONGEST_REASON = 300


def acknowledge_finding(finding: Finding, *, actor: User) -> None:
    """Somebody has seen it. It stays so until the policy drifts otherwise, or the drift is gone."""
    _decide(finding, actor, "finding.acknowledge", state=FindingState.ACKNOWLEDGED)


def ignore_finding(finding: Finding, *, actor: User, reason: str, until: datetime) -> None:
    """Nobody wants to hear of it until then. A reason is needed."""
    _decide(
        finding,
        actor,
        "finding.ignore",
        state=FindingState.IGNORED,
        reason=_checked(reason, until),
        ignored_until=until,
    )


def reopen_finding(finding: Finding, *, actor: User) -> None:
    """Take back that it was acknowledged or ignored."""
    _decide(finding, actor, "finding.reopen", state=FindingState.NEW)


def _decide(
    finding: Finding,
    actor: User,
    action: str,
    *,
    state: FindingState,
    reason: str = "",
    ignored_until: datetime | None = None,
) -> None:
    require_capability(actor, finding.tenant, Capability.DRIFT_RUN)
    with transaction.atomic():
        changed = _open(finding).update(
            state=state,
            reason=reason,
            ignored_until=ignored_until,
            decided_by=actor.email,
            decided_at=clock.now(),
        )
        if not changed:
            raise Conflict(
                f"The drift of {finding.name} is resolved.", hint="Nothing is left to decide about it."
            )
        details: dict[str, Json] = {"policy": finding.graph_id, "kind": finding.kind, "reason": reason}
        _audit(finding.tenant, actor, action, subject=f"finding {finding.pk}", details=details)
    finding.refresh_from_db()


def _open(finding: Finding) -> QuerySet[Finding]:
    return Finding.objects.filter(pk=finding.pk).exclude(state=FindingState.RESOLVED)


def ignore_setting(finding: Finding, *, path: str, actor: User, reason: str, until: datetime) -> None:
    """Leave this property of the policy out of comparisons with live until then."""
    require_capability(actor, finding.tenant, Capability.DRIFT_RUN)
    shown = next((one for one in finding.differences if one["path"] == path), None)
    if shown is None:
        raise InputError(
            f"The drift of {finding.name} has no difference at {path[:100]!r}.",
            hint="Name the path of one of its differences.",
            details={"field": "path"},
        )
    reason = _checked(reason, until)
    with transaction.atomic():
        IgnoredSetting.objects.update_or_create(
            type_key=finding.type_key,
            graph_id=finding.graph_id,
            path=path[:600],
            defaults={
                "label": str(shown["label"])[:600],
                "reason": reason,
                "until": until,
                "decided_by": actor.email,
                "created_at": clock.now(),
            },
        )
        details: dict[str, Json] = {"policy": finding.graph_id, "path": path, "reason": reason}
        _audit(finding.tenant, actor, "setting.ignore", subject=f"finding {finding.pk}", details=details)


def stop_ignoring_setting(ignored: IgnoredSetting, *, actor: User) -> None:
    """Comparisons tell of this property again."""
    require_capability(actor, ignored.tenant, Capability.DRIFT_RUN)
    with transaction.atomic():
        details: dict[str, Json] = {"policy": ignored.graph_id, "path": ignored.path}
        _audit(ignored.tenant, actor, "setting.heed", subject=f"setting {ignored.pk}", details=details)
        ignored.delete()


def choose_baseline(backup_set: BackupSet, *, actor: User) -> Baseline:
    """This set says from now on how the tenant should be. It is kept: nothing deletes it until released."""
    if backup_set.status not in (SetStatus.COMPLETE, SetStatus.INCOMPLETE):
        raise Conflict(
            f"The set {backup_set.name} is {backup_set.get_status_display().lower()}: it is no baseline.",
            hint="Choose a set whose capture has ended.",
        )
    with transaction.atomic():
        keep_set(backup_set, actor=actor)
        baseline, _ = Baseline.objects.update_or_create(
            defaults={"backup_set": backup_set, "chosen_at": clock.now(), "chosen_by": actor.email}
        )
        details: dict[str, Json] = {"name": backup_set.name, "fingerprint": backup_set.fingerprint}
        _audit(backup_set.tenant, actor, "baseline.choose", subject=f"set {backup_set.pk}", details=details)
    return baseline


def _checked(reason: str, until: datetime) -> str:
    reason = reason.strip()
    if not reason:
        raise InputError("Say why it is ignored.", details={"field": "reason"})
    if len(reason) > _LONGEST_REASON:
        raise InputError(f"The reason has at most {_LONGEST_REASON} characters.", details={"field": "reason"})
    if until <= clock.now():
        raise InputError(
            "The day until which it is ignored has passed.",
            hint="Give a day that is still to come.",
            details={"field": "until"},
        )
    return reason


def _audit(tenant: Tenant, actor: User, action: str, *, subject: str, details: dict[str, Json]) -> None:
    record_event(
        tenant_id=tenant.pk,
        actor_id=actor.pk,
        actor_name=actor.email,
        action=action,
        subject=subject,
        details=details,
    )
