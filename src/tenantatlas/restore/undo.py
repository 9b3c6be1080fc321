"""What may follow an ended restore: taking it all back, or doing it again. Each begins as a preview."""

from __future__ import annotations

from dataclasses import replace

from tenantatlas.core.errors import Conflict, InputError

from .models import Restore, RestoreStatus
from .params import PreviewParams
from .services import choice_of
from .takeback import has_written
from .world import RestoreKind


def undo_params(restore: Restore) -> PreviewParams:
    """What to preview so that everything that the restore wrote is taken back; an undo may be undone too."""
    reason = why_not_undone(restore)
    if reason is not None:
        raise reason
    return PreviewParams(set=restore.backup_set_id, kind=RestoreKind.UNDO, parent=restore.pk)


def why_not_undone(restore: Restore) -> Conflict | None:
    """Why there is nothing to take back; None where there may be."""
    if restore.status != RestoreStatus.COMPLETED:
        return _not_executed(restore)
    if not has_written(restore):
        return Conflict(f"Restore {restore.pk} wrote nothing, so there is nothing to take back.")
    return None


def rerun_params(restore: Restore) -> PreviewParams:
    """What to preview to do an ended restore once more: same source, scope, options and decisions."""
    if restore.status != RestoreStatus.COMPLETED:
        raise _not_executed(restore)
    again = replace(choice_of(restore), restore=0)
    return again if again.kind is not RestoreKind.RESTORE else replace(again, parent=restore.pk)


def twin_params(restore: Restore, graph_id: str) -> PreviewParams:
    """What to preview so that one second object that a lost answer made is removed."""
    if graph_id not in {each["id"] for each in restore.late_twins}:
        raise InputError(
            f"Restore {restore.pk} knows no second object {graph_id[:60]}.",
            hint=f"See them with `tenantatlas restore show {restore.pk}`.",
            details={"field": "twin"},
        )
    return PreviewParams(
        set=restore.backup_set_id, kind=RestoreKind.TWINS, policies=(graph_id,), parent=restore.pk
    )


def _not_executed(restore: Restore) -> Conflict:
    return Conflict(f"Restore {restore.pk} has not been executed.", hint="Execute it first.")
