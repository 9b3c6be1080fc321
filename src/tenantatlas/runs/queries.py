"""What pages and commands show of runs. The database only: nothing here asks Graph or the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Q, QuerySet

from tenantatlas.core import clock, ids
from tenantatlas.core.errors import NotFound
from tenantatlas.tenants.queries import tenant_for, tenants_of

from . import registry
from .lifecycle import BAD_ITEM_STATES, ItemState, Outcome, RunStatus
from .models import OPEN, OperationRun, RunEvent, RunItem, Worker
from .progress import Progress, progress

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User
    from tenantatlas.tenants.models import Tenant

DEFAULT_WINDOW = timedelta(days=30)
#: Of more runs than this, a list counts only the newest.
MOST_COUNTED = 10_000
#: So many runs are looked through for those that had to do with one thing.
NEWEST_RUNS = 500

_ATTENTION = [Outcome.FAILED.value, Outcome.BLOCKED.value, Outcome.PARTIALLY_SUCCEEDED.value]


@dataclass(frozen=True, kw_only=True)
class RunFilters:
    """Which runs a list shows; empty fields do not filter. `since` None means the last 30 days."""

    operations: Sequence[str] = ()
    statuses: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    initiator: str = ""
    triggers: Sequence[str] = ()
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    attention: bool = False


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """Everything that the page of one run shows, but for its items."""

    run: OperationRun
    label: str
    progress: Progress
    events: Sequence[RunEvent]
    children: Sequence[OperationRun]
    waited: timedelta | None
    took: timedelta | None
    worker: Worker | None


@dataclass(frozen=True, kw_only=True)
class StateCounts:
    """The numbers across the top of the list of runs; `capped` where only the newest were counted."""

    queued: int = 0
    running: int = 0
    waiting: int = 0
    attention: int = 0
    total: int = 0
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    capped: bool = False


def run_list(tenant: Tenant, filters: RunFilters | None = None) -> QuerySet[OperationRun]:
    """The tenant's runs, newest first."""
    wanted = filters or RunFilters()
    rows = _runs_of(tenant).filter(_within(wanted))
    for name, values in (
        ("operation__in", wanted.operations),
        ("status__in", wanted.statuses),
        ("outcome__in", wanted.outcomes),
        ("trigger__in", wanted.triggers),
    ):
        if values:
            rows = rows.filter(**{name: list(values)})
    if wanted.initiator:
        rows = rows.filter(initiator_name__icontains=wanted.initiator)
    if wanted.subject:
        rows = rows.filter(subject__icontains=wanted.subject)
    if wanted.attention:
        rows = rows.filter(outcome__in=_ATTENTION)
    return rows.order_by("-id")


def doing(key: str) -> Q:
    """The runs that do this operation: by its own name, or carried by another one's."""
    carriers = [op.key for op in registry.all_operations() if op.carries]
    return Q(operation=key) | Q(operation__in=carriers, params__operation=key)


def does(run: OperationRun, key: str) -> bool:
    """Whether the run does this operation, under whichever name."""
    carried = run.params.get("operation") if registry.carries(run.operation) else None
    return key in (run.operation, carried)


def _within(wanted: RunFilters) -> Q:
    """Open runs are always within the window, unless it has an end."""
    since = wanted.since or clock.now() - DEFAULT_WINDOW
    if wanted.until is not None:
        return Q(created_at__gte=since, created_at__lt=wanted.until)
    return Q(created_at__gte=since) | OPEN


def state_counts(tenant: Tenant, filters: RunFilters | None = None) -> StateCounts:
    """The runs that the filters select by where they are, whatever states the filters name."""
    wanted = replace(filters or RunFilters(), statuses=(), outcomes=(), attention=False)
    newest = run_list(tenant, wanted).values("pk")[: MOST_COUNTED + 1]
    rows = OperationRun.all_tenants.filter(pk__in=newest)
    queued, running, waiting, total = 0, 0, 0, 0
    by_outcome: dict[str, int] = {}
    grouped = rows.values_list("status", "outcome", "waiting_reason").annotate(number=Count("pk")).order_by()
    for status, outcome, reason, number in grouped:
        total += number
        running += number if status == RunStatus.RUNNING else 0
        queued += number if status == RunStatus.QUEUED and not reason else 0
        waiting += number if status == RunStatus.QUEUED and reason else 0
        if outcome:
            by_outcome[outcome] = by_outcome.get(outcome, 0) + number
    return StateCounts(
        queued=queued,
        running=running,
        waiting=waiting,
        total=min(total, MOST_COUNTED),
        attention=sum(by_outcome.get(outcome, 0) for outcome in _ATTENTION),
        by_outcome=by_outcome,
        capped=total > MOST_COUNTED,
    )


def open_runs(tenant: Tenant) -> QuerySet[OperationRun]:
    """What the tenant is busy with, oldest first."""
    return _runs_of(tenant).filter(OPEN, imported_from="").order_by("id")


def newest_run_ids(**of: str) -> QuerySet[OperationRun, Any]:
    """The ids of the newest runs of the tenant in scope, of an `operation` or of all, for `pk__in`."""
    return OperationRun.objects.filter(**of).order_by("-pk").values("pk")[:NEWEST_RUNS]


def find_run(tenant: Tenant, run_id: int) -> OperationRun:
    """The run, if it is the tenant's; otherwise as if it had never existed."""
    run = _runs_of(tenant).filter(pk=run_id).first()
    if run is None:
        raise _no_such_run(run_id)
    return run


def run_for(user: User, run_id: int) -> OperationRun:
    """The run, if the person is a member of its tenant; otherwise as if it had never existed."""
    run: OperationRun | None = (
        OperationRun.all_tenants.select_related("tenant", "initiator", "parent")
        .filter(pk=run_id, tenant__in=tenants_of(user))
        .first()
    )
    if run is None:
        raise _no_such_run(run_id)
    tenant_for(user, run.tenant.slug)
    return run


def run_detail(tenant: Tenant, run_id: int) -> RunDetail:
    """What the page of the run shows."""
    run = find_run(tenant, run_id)
    end = run.ended_at or clock.now()
    return RunDetail(
        run=run,
        label=registry.label_of(run.operation),
        progress=progress(run),
        events=list(RunEvent.all_tenants.filter(run=run).order_by("id")),
        children=list(OperationRun.all_tenants.filter(parent=run).order_by("id")),
        waited=max(run.started_at - run.created_at, timedelta()) if run.started_at else None,
        took=max(end - run.started_at, timedelta()) if run.started_at else None,
        worker=Worker.objects.filter(pk=run.worker).first() if run.worker else None,
    )


def run_items(
    run: OperationRun, *, states: Sequence[str] = (), text: str = "", type_keys: Sequence[str] = ()
) -> QuerySet[RunItem]:
    """The run's items in the planned order."""
    rows: QuerySet[RunItem] = RunItem.all_tenants.filter(run=run).order_by("position", "id")
    if states:
        rows = rows.filter(state__in=list(states))
    if type_keys:
        rows = rows.filter(type_key__in=list(type_keys))
    if text:
        rows = rows.filter(Q(label__icontains=text) | Q(key__icontains=text))
    return rows


def worth_reading(run: OperationRun) -> QuerySet[RunItem]:
    """The items that a page shows first: what went wrong, was left out for a reason, or tells of a change.

    None of them while the run is open: how its items end is not known yet.
    """
    if run.is_open:
        return RunItem.all_tenants.none()
    bad = Q(state__in=[state.value for state in (*BAD_ITEM_STATES, ItemState.NOT_STARTED)])
    left_out = Q(state=ItemState.SKIPPED.value) & ~Q(reason__in=_NO_REASONS)
    tells = Q(state=ItemState.SUCCEEDED.value, action__in=_telling(run))
    return run_items(run).filter(bad | left_out | tells)


#: Reasons of skipped items that say only that nothing was to be done.
_NO_REASONS = ("", "unchanged")


def _telling(run: OperationRun) -> list[str]:
    carried = run.params.get("operation") if registry.carries(run.operation) else None
    return sorted(registry.telling_actions(str(carried or run.operation)))


def reasons_of(run: OperationRun) -> list[dict[str, Any]]:
    """Items worth reading that did not succeed, by state, reason and message, most frequent first."""
    rows = worth_reading(run).exclude(state=ItemState.SUCCEEDED.value).order_by()
    grouped = rows.values("state", "reason", "message").annotate(count=Count("pk"), hint=Max("hint"))
    return [
        {**row, "key": ids.stable_id(row["state"], row["reason"], row["message"])[:8]}
        for row in grouped.order_by("-count", "state", "reason", "message")[:100]
    ]


def _runs_of(tenant: Tenant) -> QuerySet[OperationRun]:
    rows: QuerySet[OperationRun] = OperationRun.all_tenants.filter(tenant=tenant)
    return rows.select_related("tenant", "initiator", "parent")


def _no_such_run(run_id: int) -> NotFound:
    return NotFound(f"There is no run {run_id} here.", hint="See them with `tenantatlas runs list`.")
