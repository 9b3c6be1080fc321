"""What pages and commands show of runs. The database only: nothing here asks Graph or the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound
from tenantatlas.tenants.queries import tenant_for, tenants_of

from . import registry
from .lifecycle import BAD_ITEM_STATES, OPEN_STATUSES, ItemState, Outcome, RunStatus, WaitReason, words_of
from .models import OperationRun, RunEvent, RunItem, Worker

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User
    from tenantatlas.tenants.models import Tenant

DEFAULT_WINDOW = timedelta(days=30)
#: A heartbeat older than this is said in words.
QUIET_SECONDS = 30.0
_ESTIMATE_AFTER = 5

_OPEN = [status.value for status in OPEN_STATUSES]
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
class Progress:
    """How far a run is. `percent` only when both numbers can be trusted."""

    total: int
    processed: int
    percent: int | None
    sentence: str
    seconds_left: int | None = None
    #: In words: the wait that is on, or that the worker has been silent; empty otherwise.
    notice: str = ""


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
    """The numbers across the top of the list of runs."""

    queued: int = 0
    running: int = 0
    waiting: int = 0
    attention: int = 0
    total: int = 0
    by_outcome: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """What waits and who works, over the whole install."""

    queued: int
    waiting: int
    running: int
    workers: int
    oldest_queued: datetime | None


def run_list(tenant: Tenant, filters: RunFilters | None = None) -> QuerySet[OperationRun]:
    """The tenant's runs, newest first."""
    wanted = filters or RunFilters()
    since = wanted.since or clock.now() - DEFAULT_WINDOW
    rows = _runs_of(tenant).filter(Q(created_at__gte=since) | Q(status__in=_OPEN))
    if wanted.until is not None:
        rows = rows.filter(created_at__lt=wanted.until)
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


def open_runs(tenant: Tenant) -> QuerySet[OperationRun]:
    """What the tenant is busy with, oldest first."""
    return _runs_of(tenant).filter(status__in=_OPEN).order_by("id")


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


def items_worth_reading(run: OperationRun) -> tuple[str, ...]:
    """The item states that a page shows first: after a bad end what went wrong, otherwise all (empty)."""
    if run.outcome in ("", Outcome.SUCCEEDED):
        return ()
    wanted = (*BAD_ITEM_STATES, ItemState.SKIPPED, ItemState.NOT_STARTED)
    return tuple(state.value for state in wanted if run.counts.get(state.value))


def reasons_of(run: OperationRun) -> list[dict[str, Any]]:
    """Items that did not succeed, grouped by state and reason, most frequent first."""
    rows = RunItem.all_tenants.filter(run=run).exclude(
        state__in=[ItemState.SUCCEEDED.value, ItemState.PENDING.value, ItemState.IN_HAND.value]
    )
    grouped = rows.values("state", "reason", "message", "hint").annotate(count=Count("pk"))
    return [dict(row) for row in grouped.order_by("-count", "state", "reason")[:100]]


def state_counts(tenant: Tenant, *, since: datetime | None = None) -> StateCounts:
    """The tenant's runs by where they are, within the list's window."""
    start = since or clock.now() - DEFAULT_WINDOW
    rows = _runs_of(tenant).filter(Q(created_at__gte=start) | Q(status__in=_OPEN))
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
        total=total,
        attention=sum(by_outcome.get(outcome, 0) for outcome in _ATTENTION),
        by_outcome=by_outcome,
    )


def progress(run: OperationRun) -> Progress:
    """How far the run is, as numbers and as one sentence."""
    total, processed = run.counts.get("total", 0), run.counts.get("processed", 0)
    trusted = run.total_known is True and total > 0
    return Progress(
        total=total,
        processed=processed,
        percent=min(100, processed * 100 // total) if trusted else None,
        sentence=_sentence(run, total=total, processed=processed),
        seconds_left=_seconds_left(run, total=total, processed=processed) if trusted else None,
        notice=_notice(run),
    )


def workers() -> QuerySet[Worker]:
    """The worker processes that are alive, oldest first."""
    silent = Now() - timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    return Worker.objects.filter(stopped_at=None, heartbeat_at__gte=silent).order_by("started_at")


def queue_depth() -> QueueDepth:
    """How much waits and is worked on, over all tenants."""
    rows = OperationRun.all_tenants.filter(status__in=_OPEN)
    ready = rows.filter(status=RunStatus.QUEUED, waiting_reason="")
    return QueueDepth(
        queued=ready.count(),
        waiting=rows.filter(status=RunStatus.QUEUED).exclude(waiting_reason="").count(),
        running=rows.filter(status=RunStatus.RUNNING).count(),
        workers=workers().count(),
        oldest_queued=ready.order_by("id").values_list("created_at", flat=True).first(),
    )


def _runs_of(tenant: Tenant) -> QuerySet[OperationRun]:
    rows: QuerySet[OperationRun] = OperationRun.all_tenants.filter(tenant=tenant)
    return rows.select_related("tenant", "initiator", "parent")


def _no_such_run(run_id: int) -> NotFound:
    return NotFound(f"There is no run {run_id} here.", hint="See them with `tenantatlas runs list`.")


def _sentence(run: OperationRun, *, total: int, processed: int) -> str:
    label = registry.label_of(run.operation)
    if run.status == RunStatus.QUEUED:
        return f"{label}: waiting" if run.waiting_reason else f"{label}: queued"
    if run.status == RunStatus.COMPLETED:
        return f"{label}: {words_of(run.outcome)}, {processed} of {total} done"
    if run.is_stopping:
        return f"{label}: stopping; the item in hand finishes"
    if run.planned_at is None:
        return f"{label}: planning, {total} so far" if total else f"{label}: planning"
    if not run.total_known:
        return f"{label}: {processed} done, {total} found so far"
    return f"{label}: {processed} of {total}"


def _seconds_left(run: OperationRun, *, total: int, processed: int) -> int | None:
    """An estimate from the pace so far, once five items are done."""
    if run.status != RunStatus.RUNNING or processed < _ESTIMATE_AFTER or run.started_at is None:
        return None
    spent = max((clock.now() - run.started_at).total_seconds(), 0.0)
    return round(spent / processed * (total - processed))


def _notice(run: OperationRun) -> str:
    if not run.is_open:
        return ""
    if run.waiting_reason:
        until = f"; continuing at {run.waiting_until:%H:%M:%S} UTC" if run.waiting_until else ""
        return _WAITS.get(run.waiting_reason, "Waiting") + until
    if run.status == RunStatus.RUNNING and run.heartbeat_at is not None:
        silent = (clock.now() - run.heartbeat_at).total_seconds()
        if silent > QUIET_SECONDS:
            return (
                f"The worker has been silent for {silent:.0f} seconds; another one takes over if it is gone"
            )
    return ""


_WAITS = {
    WaitReason.THROTTLED.value: "Microsoft Graph asked us to slow down",
    WaitReason.TENANT_BUSY.value: "Another run is writing to this tenant",
    WaitReason.FAIR_SHARE.value: "Other runs of this tenant go first",
    WaitReason.APPROVAL.value: "Waiting for approval in the tenant",
    WaitReason.STORAGE.value: "Waiting for storage",
    WaitReason.SETTLING.value: "Looking for what became of a request without an answer",
}
