"""Enforcing conditional access after a restore: what came back report-only, and its preview."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.runs.lifecycle import ItemState, Outcome
from tenantatlas.runs.models import RunItem

from .models import Restore, RestoreStatus
from .params import PreviewParams
from .queries import planned_items
from .softening import CONDITIONAL_ACCESS, WAS_ENABLED
from .world import RestoreKind


@dataclass(frozen=True, kw_only=True)
class ReportOnly:
    """A policy that was enabled when it was captured and came back report-only."""

    source_id: str
    name: str
    #: the restore that enforced it, 0 while none did
    enabled_by: int


def report_only(restore: Restore) -> list[ReportOnly]:
    """The verified policies of a restore that are enforced only by a further step, by name."""
    if restore.kind == RestoreKind.ENABLE or restore.execute_run_id is None:
        return []
    rows = [
        row
        for row in planned_items(restore).filter(type_key=CONDITIONAL_ACCESS).defer("sealed")
        if WAS_ENABLED in row.notes
    ]
    if not rows:
        return []
    verified = set(
        RunItem.objects.filter(
            run_id=restore.execute_run_id, state=ItemState.SUCCEEDED, key__in=[row.key for row in rows]
        ).values_list("key", flat=True)
    )
    done = Restore.objects.filter(parent=restore, kind=RestoreKind.ENABLE, outcome=Outcome.SUCCEEDED)
    enabled = {each: number for number, policies in done.values_list("pk", "policies") for each in policies}
    return sorted(
        (
            ReportOnly(source_id=row.source_id, name=row.name, enabled_by=enabled.get(row.source_id, 0))
            for row in rows
            if row.key in verified
        ),
        key=lambda each: each.name,
    )


def enable_params(restore: Restore, policies: Iterable[str]) -> PreviewParams:
    """What to preview so that these policies of an ended restore are enforced; they are named by the id that
    they were captured with, or that they have now.
    """
    if restore.status != RestoreStatus.COMPLETED:
        raise Conflict(f"Restore {restore.pk} has not been executed.", hint="Execute it first.")
    there = {each.source_id for each in report_only(restore)}
    made = dict(restore.items.exclude(created_id="").values_list("created_id", "source_id"))
    wanted = [made.get(each, each) for each in policies]
    unknown = [each for each in wanted if each not in there]
    if unknown or not wanted:
        what = f"{unknown[0]} did not come back" if unknown else "No policy is named that came back"
        raise InputError(
            f"{what} report-only in restore {restore.pk}.",
            hint=f"See them with `tenantatlas restore show {restore.pk}`.",
            details={"field": "policy"},
        )
    return PreviewParams(
        set=restore.backup_set_id,
        policies=tuple(wanted),
        version=restore.version_id or 0,
        kind=RestoreKind.ENABLE,
        parent=restore.pk,
    )
