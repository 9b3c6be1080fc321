"""What another restore wrote, to be taken back: found in its plan, its journal and how its items ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tenantatlas.core.errors import InputError
from tenantatlas.runs.models import RunItem

from .chosen import Chosen
from .models import Restore, RestoreItem, WriteRecord, WriteResult, WriteState
from .params import PreviewParams
from .queries import find_restore, planned_items
from .world import RestoreKind, Undone

if TYPE_CHECKING:
    from django.db.models import QuerySet

#: Answers after which an attempt has left nothing behind. Where none came, nobody can be sure.
_WITHOUT_EFFECT = (WriteResult.REFUSED, WriteResult.AGAIN, WriteResult.NEEDLESS)


def taken_back(params: PreviewParams) -> list[Chosen]:
    """What an undo, or the removal of late twins, is about: one entry per object."""
    parent = find_restore(params.parent)
    return list(_twins(parent, params) if params.kind is RestoreKind.TWINS else _written(parent))


def has_written(restore: Restore) -> bool:
    """Whether the restore may have changed anything that could be taken back."""
    return _touching(restore).exists()


def _touching(restore: Restore) -> QuerySet[WriteRecord]:
    rows = WriteRecord.objects.filter(restore=restore).exclude(state=WriteState.INTENDED)
    return rows.exclude(state=WriteState.KNOWN, result__in=_WITHOUT_EFFECT)


def _written(parent: Restore) -> Iterator[Chosen]:
    touched: dict[str, list[WriteRecord]] = {}
    for record in _touching(parent):
        touched.setdefault(record.item, []).append(record)
    left = dict(RunItem.objects.filter(run_id=parent.execute_run_id).values_list("key", "after_digest"))
    rows = planned_items(parent).defer("sealed")
    for row in rows.select_related("version__tenant", "preimage__tenant"):
        if row.key in touched:
            yield from _one(row, touched[row.key], left=left.get(row.key, ""))


def _one(row: RestoreItem, records: list[WriteRecord], *, left: str) -> Iterator[Chosen]:
    if not row.created_id and any(record.kind == "create" and not record.is_done for record in records):
        undone = Undone(remove=row.preimage is None, unknown=True)
        yield Chosen(version=row.version, graph_id=row.version.graph_id, undone=undone)
        return
    if row.preimage is None:
        if row.created_id:
            undone = Undone(live_id=row.created_id, left=left, remove=True)
            yield Chosen(version=row.version, graph_id=row.created_id, undone=undone)
        return
    deleted = any(record.kind == "delete" and record.is_done for record in records)
    gone = deleted and not row.created_id
    now = "" if gone else row.created_id or row.live_id
    undone = Undone(live_id=now, left=left)
    yield Chosen(version=row.preimage, graph_id=row.preimage.graph_id, undone=undone)


def _twins(parent: Restore, params: PreviewParams) -> Iterator[Chosen]:
    twins = {each["id"]: each["item"] for each in parent.late_twins}
    unknown = sorted(set(params.policies) - twins.keys())
    if unknown or not params.policies:
        raise InputError(
            f"Restore {parent.pk} knows no second object {', '.join(unknown[:3])}.".replace(" .", "."),
            hint=f"See them with `tenantatlas restore show {parent.pk}`.",
            details={"field": "policies"},
        )
    rows = {row.key: row for row in planned_items(parent).defer("sealed").select_related("version__tenant")}
    ours = {row.created_id for row in rows.values()}
    for graph_id in params.policies:
        row = rows.get(twins[graph_id])
        if row is not None and graph_id not in ours:
            undone = Undone(live_id=graph_id, left=None, remove=True)
            yield Chosen(version=row.version, graph_id=graph_id, undone=undone)
