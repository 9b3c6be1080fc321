"""What a person can ask of a restore: choose, check, preview, execute."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.queries import find_set
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.runs.lifecycle import OPEN_STATUSES as OPEN_RUNS
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability
from tenantatlas.tenants.writer import require_writes_allowed

from .looks import Level
from .models import OPEN_STATUSES, Restore, RestoreStatus
from .params import ExecuteParams, PreviewParams
from .planned import DELETING, Action
from .readiness import look_over
from .stored import STALE_HINT
from .world import COPY_SUFFIX, Assignments, Existing, RestoreKind

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

_HASH_LENGTH = 64


def save_draft(
    tenant: Tenant, params: PreviewParams, *, actor: User | None, restore: Restore | None = None
) -> Restore:
    """A restore that can be chosen step by step: made, or changed. What was previewed before is void.

    A first save that names nothing is a draft whose policies are still to be chosen.
    """
    find_set(params.set)
    draft = restore or Restore(tenant=tenant, created_by=actor, created_at=clock.now())
    _require_open(draft)
    _choose(draft, params)
    scoped = restore is not None or params.types or params.policies or params.version
    draft.status = RestoreStatus.SCOPED if scoped else RestoreStatus.DRAFT
    if draft.checks and not checks_are_stale(draft):
        draft.status = RestoreStatus.CHECKED
    draft.preview_run, draft.plan_sha256, draft.expires_at = None, "", None
    draft.tenant_name, draft.environment = tenant.name, tenant.environment
    draft.save()
    return draft


def choice_of(restore: Restore) -> PreviewParams:
    """What was chosen for a restore, ready to be previewed."""
    return PreviewParams(
        set=restore.backup_set_id,
        types=tuple(restore.types),
        policies=tuple(restore.policies),
        version=restore.version_id or 0,
        existing=Existing(restore.existing),
        existing_by_type={key: Existing(value) for key, value in restore.existing_by_type.items()},
        copy_suffix=restore.copy_suffix or COPY_SUFFIX,
        assignments=Assignments(restore.assignments),
        mapping=restore.mapping,
        kind=RestoreKind(restore.kind),
        parent=restore.parent_id or 0,
        restore=restore.pk,
    )


def make_checks(restore: Restore) -> None:
    """Look the choice over, in the database only, and store what was found with the choice it is good for."""
    _require_open(restore)
    params = choice_of(restore)
    found = look_over(restore.tenant, params)
    restore.checks = [check.as_json() for check in found.checks]
    restore.checks_scope, restore.checked_at, restore.named = params.scope, clock.now(), found.named
    if restore.status in (RestoreStatus.DRAFT, RestoreStatus.SCOPED):
        restore.status = RestoreStatus.CHECKED
    restore.save()


def checks_are_stale(restore: Restore) -> bool:
    """Whether something else was chosen since the checks were made, or none were."""
    return restore.checks_scope != choice_of(restore).scope


def blocking_checks(restore: Restore) -> list[dict[str, str]]:
    """The checks that keep the restore from being previewed."""
    return [check for check in restore.checks if check["level"] == Level.BLOCKING]


def start_preview(
    tenant: Tenant, params: PreviewParams, *, actor: User | None, trigger: Trigger
) -> tuple[OperationRun, bool]:
    """Start the run that computes the plan, and writes nothing."""
    return start_run("restore.preview", tenant=tenant, params=params, actor=actor, trigger=trigger)


def preview_draft(restore: Restore, *, actor: User | None, trigger: Trigger) -> tuple[OperationRun, bool]:
    """Start the preview of a draft as it was chosen, and checked."""
    if checks_are_stale(restore):
        raise Conflict(
            "The choice changed since it was checked.", hint="Make the checks again, then preview."
        )
    blocking = blocking_checks(restore)
    if blocking:
        raise Conflict(blocking[0]["message"], hint=blocking[0]["hint"])
    return start_preview(restore.tenant, choice_of(restore), actor=actor, trigger=trigger)


def note_preview(restore: Restore, run: OperationRun) -> None:
    """This run will preview the draft: until it begins, the draft already leads to it."""
    waiting = Restore.objects.filter(pk=restore.pk, status__in=OPEN_STATUSES).exclude(preview_run=run)
    waiting.update(preview_run=run, plan_sha256="", expires_at=None, status=RestoreStatus.CHECKED)


def preview_follow_up(
    tenant: Tenant, params: PreviewParams, *, actor: User, trigger: Trigger
) -> tuple[Restore, OperationRun | None, bool]:
    """A restore that follows another: saved, checked, its preview started; whether that is a new run.

    Asked again while that preview is open, the same restore is handed back. No run where a check is
    blocking: the draft says which.
    """
    require_capability(actor, tenant, Capability.RESTORE_PREVIEW)
    with transaction.atomic():
        # Who asks for the same at the same moment waits here, and then finds the first one's draft.
        Restore.objects.select_for_update().get(pk=params.parent)
        asked_before = _open_follow_up(params)
        if asked_before is not None:
            return asked_before, asked_before.preview_run, False
        draft = save_draft(tenant, params, actor=actor)
        make_checks(draft)
        if blocking_checks(draft):
            return draft, None, False
        run, created = preview_draft(draft, actor=actor, trigger=trigger)
        note_preview(draft, run)
    return draft, run, created


def _open_follow_up(params: PreviewParams) -> Restore | None:
    """The restore that follows in the same way and is being previewed now."""
    waiting = Restore.objects.filter(
        parent=params.parent, kind=params.kind, preview_run__status__in=OPEN_RUNS
    )
    same = (
        one for one in waiting.select_related("preview_run") if replace(choice_of(one), restore=0) == params
    )
    return next(same, None)


def execute_restore(
    restore: Restore,
    *,
    plan_sha256: str,
    confirm: str,
    actor: User | None,
    trigger: Trigger,
    reason: str = "",
) -> tuple[OperationRun, bool]:
    """Start the run that writes exactly the confirmed plan. The reason stands in the audit trail."""
    params = ExecuteParams(restore=restore.pk, plan=plan_sha256, confirm=confirm, reason=reason)
    key = operation_of(restore)
    return start_run(key, tenant=restore.tenant, params=params, actor=actor, trigger=trigger)


def operation_of(restore: Restore) -> str:
    """The operation that executes the restore."""
    return "restore.undo" if restore.kind == RestoreKind.UNDO else "restore.execute"


def check_executable(restore: Restore, params: ExecuteParams) -> None:
    """Refuse what must not be executed: other plan, other tenant, stale, held, or with nothing left to do."""
    check_plan(restore, params.plan)
    if params.confirm != restore.tenant.slug:
        raise InputError(
            f"What was typed is not the tenant's short name, which is {restore.tenant.slug}.",
            hint=f"Confirm with {restore.tenant.slug}.",
            details={"field": "confirm"},
        )
    require_writes_allowed(restore.tenant)
    if restore.status not in (RestoreStatus.PREVIEWED, RestoreStatus.QUEUED, RestoreStatus.RUNNING):
        raise Conflict(f"Restore {restore.pk} has been executed already.", hint=STALE_HINT)
    if restore.status == RestoreStatus.PREVIEWED:
        check_fresh(restore, at=clock.now())
    check_deletes(restore)
    counts = restore.counts
    if not counts.get("writes") and counts.get(Action.UNDECIDED.value):
        raise Conflict(
            "Every policy that is left needs a decision first.",
            hint=f"See what to decide with `tenantatlas restore mapping {restore.pk}`.",
        )


def check_fresh(restore: Restore, *, at: Any) -> None:
    """Refuse a preview that is older than half an hour."""
    if restore.expires_at is None or at > restore.expires_at:
        raise Conflict(f"The preview of restore {restore.pk} is too old to be executed.", hint=STALE_HINT)


def check_deletes(restore: Restore) -> None:
    """Refuse a plan that deletes where the tenant does not allow that any more."""
    if deletes(restore) and not restore.tenant.allow_deletes:
        raise Conflict(f"{restore.tenant.slug} does not allow deletes any more.", hint=STALE_HINT)


def deletes(restore: Restore) -> bool:
    """Whether its plan deletes anything."""
    return any(restore.counts.get(action.value) for action in DELETING)


def check_plan(restore: Restore, given: str) -> None:
    """Refuse another plan than the one that was confirmed: it may have been previewed again since."""
    if len(given) != _HASH_LENGTH or set(given) - set("0123456789abcdef"):
        raise InputError(
            "The plan's hash must be 64 hexadecimal characters.",
            hint="It is `plan_sha256` of the preview.",
            details={"field": "plan"},
        )
    if not restore.plan_sha256:
        raise Conflict(f"Restore {restore.pk} has not been previewed.", hint=STALE_HINT)
    if given != restore.plan_sha256:
        raise Conflict("This is not the plan that the restore has now.", hint=STALE_HINT)


# ── The restore and its runs ──────────────────────────────────────────────────────────────────────────────


def begin_preview(run: OperationRun, params: PreviewParams) -> Restore:
    """The restore of this preview run: its draft, or one made for it. Repeatable.

    `Conflict` where a person chose something else in the meantime: what would be computed is not theirs.
    """
    with transaction.atomic():
        draft = Restore.objects.filter(preview_run=run).first()
        if draft is None and params.restore:
            draft = Restore.objects.filter(pk=params.restore).first()
        if draft is None:
            draft = Restore(created_by=run.initiator, created_at=clock.now())
            _choose(draft, params)
        elif replace(choice_of(draft), restore=0) != replace(params, restore=0):
            raise Conflict(
                f"Something else was chosen for restore {draft.pk} while it was previewed.",
                hint="Preview it again.",
            )
        _require_open(draft)
        draft.tenant_name, draft.environment = run.tenant.name, run.tenant.environment
        draft.preview_run, draft.status = run, RestoreStatus.CHECKED
        draft.plan_sha256, draft.expires_at = "", None
        draft.save()
        if checks_are_stale(draft):
            make_checks(draft)
    return draft


def _require_open(restore: Restore) -> None:
    if restore.status not in OPEN_STATUSES:
        raise Conflict(f"Restore {restore.pk} has been executed.", hint="Begin another restore.")


def _choose(draft: Restore, params: PreviewParams) -> None:
    draft.kind, draft.parent_id = params.kind.value, params.parent or None
    draft.backup_set_id = params.set
    draft.types, draft.policies = list(params.types), list(params.policies)
    draft.version_id = params.version or None
    draft.existing, draft.mapping = params.existing.value, params.mapping
    draft.existing_by_type = {key: each.value for key, each in params.existing_by_type.items()}
    draft.copy_suffix, draft.assignments = params.copy_suffix, params.assignments.value


def mark_executing(restore: Restore, run: OperationRun) -> None:
    """The run has begun to work."""
    Restore.objects.filter(pk=restore.pk).update(
        execute_run=run, status=RestoreStatus.RUNNING, reason=str(run.params.get("reason", ""))
    )


def mark_executed(run: OperationRun) -> None:
    """The run has ended. One that wrote nothing leaves the preview as it was."""
    number = run.params.get("restore")
    started = Restore.objects.filter(pk=number, records__isnull=False).exists()
    ended = started or run.outcome == Outcome.SUCCEEDED
    status = RestoreStatus.COMPLETED if ended else RestoreStatus.PREVIEWED
    Restore.objects.filter(pk=number).update(
        status=status, execute_run=run, outcome=run.outcome if ended else ""
    )
