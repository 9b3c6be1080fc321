"""The only writer of items, and the fence that every change of a run in hand passes.

A worker whose dispatch number is no longer the run's changes nothing and learns that it is `Fenced`. An
item that has ended never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Count, F, Max, Min, Q, Value, When

from tenantatlas.core import clock
from tenantatlas.core.log import redact_text

from .lifecycle import OPEN_ITEM_STATES, OPEN_STATUSES, ItemState, RunStatus, count_items
from .models import OperationRun, RunItem
from .registry import Fenced, ItemResult, ItemSpec

#: How many rows are inserted in one statement.
INSERT_AT_ONCE = 500
_KEYS_AT_ONCE = 500
_OPEN = [status.value for status in OPEN_STATUSES]
_OPEN_ITEMS = [state.value for state in OPEN_ITEM_STATES]


def _runs() -> Any:
    return OperationRun.all_tenants


def items_of(run_id: int) -> Any:
    """The run's items, whatever the scope."""
    return RunItem.all_tenants.filter(run_id=run_id)


def beat(run_id: int, *, dispatch: int, **changes: Any) -> None:
    """Say that the run is worked on, with the changes given; `Fenced` when it is no longer ours."""
    ours = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.RUNNING)
    if not ours.update(heartbeat_at=clock.now(), **changes):
        raise Fenced(f"run {run_id} is no longer worked under dispatch {dispatch}")


def add_items(run: OperationRun, *, dispatch: int, specs: Iterable[ItemSpec]) -> int:
    """Add the items that are not there yet, in the order given; returns how many were new."""
    with transaction.atomic():
        beat(run.pk, dispatch=dispatch)
        rows = items_of(run.pk)
        before = rows.count()
        top = rows.aggregate(top=Max("position"))["top"]
        first = 0 if top is None else top + 1
        RunItem.all_tenants.bulk_create(
            [
                RunItem(
                    tenant_id=run.tenant_id,
                    run_id=run.pk,
                    position=position,
                    key=spec.key,
                    label=redact_text(spec.label)[:400],
                    type_key=spec.type_key,
                    lane=spec.lane,
                    payload=spec.payload,
                    finds_items=spec.finds_items,
                )
                for position, spec in enumerate(specs, start=first)
            ],
            batch_size=INSERT_AT_ONCE,
            ignore_conflicts=True,
        )
        number = int(rows.count() - before)
        if number:
            _runs().filter(pk=run.pk, total_known=True).update(total_known=False)
        store_counts(run.pk)
    return number


def mark_planned(run_id: int, *, dispatch: int) -> None:
    """The plan is complete: the run's total can be trusted once no item is left that finds others."""
    with transaction.atomic():
        beat(run_id, dispatch=dispatch, planned_at=clock.now())
        store_counts(run_id)


def open_lanes(run_id: int) -> list[str]:
    """The lanes that have items left to do, in the order of their first item."""
    lanes = items_of(run_id).filter(state__in=_OPEN_ITEMS).values("lane").annotate(first=Min("position"))
    return [row["lane"] for row in lanes.order_by("first")]


def items_left_in_hand(run_id: int, *, lane: str) -> list[RunItem]:
    """The lane's items that someone took in hand and left without a result."""
    return list(items_of(run_id).filter(state=ItemState.IN_HAND, lane=lane).order_by("position"))


def keys_in_hand(run_id: int, *, lane: str) -> list[str]:
    """The lane's items that are in hand and have no result."""
    return [item.key for item in items_left_in_hand(run_id, lane=lane)]


def take_items(run_id: int, *, dispatch: int, lane: str, size: int) -> list[RunItem]:
    """Take the lane's next pending items in hand."""
    with transaction.atomic():
        beat(run_id, dispatch=dispatch)
        pending = items_of(run_id).filter(state=ItemState.PENDING)
        taken = list(pending.filter(lane=lane).order_by("position")[:size])
        if not taken:
            return []
        now = clock.now()
        changed = pending.filter(lane=lane, position__lte=taken[-1].position).update(
            state=ItemState.IN_HAND, attempts=F("attempts") + 1, started_at=now
        )
        if changed != len(taken):
            raise Fenced(f"items of run {run_id} were taken by someone else")
    for item in taken:
        item.state, item.started_at, item.attempts = ItemState.IN_HAND, now, item.attempts + 1
    return taken


def release_items(run_id: int, *, dispatch: int, keys: Sequence[str]) -> None:
    """Put back items in hand that were not begun."""
    if not keys:
        return
    with transaction.atomic():
        beat(run_id, dispatch=dispatch)
        in_hand = items_of(run_id).filter(state=ItemState.IN_HAND)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            in_hand.filter(key__in=keys[start : start + _KEYS_AT_ONCE]).update(state=ItemState.PENDING)


def record_results(run_id: int, *, dispatch: int, results: Sequence[ItemResult]) -> None:
    """Store how these items ended, all or none; an item that has ended before is refused."""
    if not results:
        return
    with transaction.atomic():
        beat(run_id, dispatch=dispatch, stalls=0, breakdowns=0, throttled_since=None)
        changed = _update_items(run_id, results)
        if changed != len(results):
            raise ValueError(
                f"run {run_id}: {len(results)} results for {changed} open items "
                f"({', '.join(result.key for result in results[:5])} …)"
            )
        store_counts(run_id)


_RESULT_COLUMNS = (
    "state",
    "action",
    "reason",
    "message",
    "hint",
    "before_digest",
    "after_digest",
    "request_id",
    "details",
    "ended_at",
)


def _update_items(run_id: int, results: Sequence[ItemResult]) -> int:
    ops, now = connection.ops, clock.now()
    table = connection.ops.quote_name(RunItem._meta.db_table)
    sets = ", ".join(f"{ops.quote_name(name)} = %s" for name in _RESULT_COLUMNS)
    details = RunItem._meta.get_field("details")
    rows = [
        (
            result.state.value,
            result.action[:40],
            result.reason[:60],
            redact_text(result.message)[:600],
            redact_text(result.hint)[:400],
            result.before_digest,
            result.after_digest,
            result.request_id[:64],
            details.get_db_prep_save(result.details, connection),
            ops.adapt_datetimefield_value(now),
            run_id,
            result.key,
            *_OPEN_ITEMS,
        )
        for result in results
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {sets} WHERE run_id = %s AND {ops.quote_name('key')} = %s "  # noqa: S608 - names are ours
            "AND state IN (%s, %s)",
            rows,
        )
        return int(cursor.rowcount)


def store_counts(run_id: int) -> dict[str, int]:
    """Count the items anew, store and return the counts; once none can be added, the total is known."""
    finding = Count("pk", filter=Q(finds_items=True))
    rows = list(
        items_of(run_id).values_list("state").annotate(number=Count("pk"), finding=finding).order_by()
    )
    counts = count_items({state: number for state, number, _ in rows})
    changes: dict[str, Any] = {"counts": counts}
    if not any(found for state, _, found in rows if state in _OPEN_ITEMS):
        final = When(total_known__isnull=True, planned_at__isnull=False, then=Value(value=True))
        changes["total_known"] = Case(final, default=F("total_known"))
    _runs().filter(pk=run_id, status__in=_OPEN).update(**changes)
    return counts


def leave_unstarted(run_id: int, *, dispatch: int, writes: bool) -> int:
    """The run stops: what is pending was not started; what is in hand is unknown if the run writes."""
    with transaction.atomic():
        beat(run_id, dispatch=dispatch)
        now = clock.now()
        if writes:
            items_of(run_id).filter(state=ItemState.IN_HAND).update(
                state=ItemState.UNKNOWN,
                reason="interrupted",
                message="The run stopped while this was in hand.",
                ended_at=now,
            )
        left = items_of(run_id).filter(state__in=_OPEN_ITEMS)
        number = int(left.update(state=ItemState.NOT_STARTED, ended_at=now))
        store_counts(run_id)
    return number
