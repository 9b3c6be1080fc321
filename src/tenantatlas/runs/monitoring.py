"""Who works, what waits, what Microsoft Graph has slowed down. The database only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Now

from tenantatlas.core import clock
from tenantatlas.tenants.models import BudgetRow, Tenant

from .lifecycle import RunStatus, WaitReason
from .models import OPEN, OperationRun, Worker


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """How much waits and is worked on."""

    queued: int
    waiting: int
    running: int
    oldest_queued: datetime | None


def workers() -> QuerySet[Worker]:
    """The worker processes that are alive, oldest first."""
    silent = Now() - timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    return Worker.objects.filter(stopped_at=None, heartbeat_at__gte=silent).order_by("started_at")


def queue_depth(tenant: Tenant | None = None) -> QueueDepth:
    """How much waits and is worked on, in one tenant or over all of them."""
    rows = OperationRun.all_tenants.filter(OPEN, imported_from="")
    if tenant is not None:
        rows = rows.filter(tenant=tenant)
    ready = Q(status=RunStatus.QUEUED, waiting_reason="")
    found = rows.aggregate(
        queued=Count("pk", filter=ready),
        waiting=Count("pk", filter=Q(status=RunStatus.QUEUED) & ~Q(waiting_reason="")),
        running=Count("pk", filter=Q(status=RunStatus.RUNNING)),
        oldest_queued=Min("created_at", filter=ready),
    )
    return QueueDepth(**found)


def has_open_runs() -> bool:
    """Whether there is anything to work, in any tenant."""
    return OperationRun.all_tenants.filter(OPEN, imported_from="").exists()


def throttled_runs(tenant: Tenant) -> QuerySet[OperationRun]:
    """The tenant's runs that wait because Microsoft Graph asked for it, the soonest to go on first."""
    rows: QuerySet[OperationRun] = OperationRun.all_tenants.filter(
        OPEN, tenant=tenant, waiting_reason=WaitReason.THROTTLED
    )
    return rows.order_by("waiting_until", "id")


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A family of requests that nothing goes to for a while; `kind` is read or write."""

    family: str
    kind: str
    until: datetime


def paused_budgets(tenant: Tenant) -> list[Pause]:
    """What all workers hold back in the tenant's Microsoft tenant; on SQLite only the process knows."""
    now = clock.now()
    rows = BudgetRow.objects.filter(bucket__contains=f"|{tenant.tenant_guid}|", paused_until__gt=0)
    found = []
    for row in rows:
        left = row.paused_until / clock.scale() - now.timestamp()
        _, _, family, kind = row.bucket.split("|")
        if left > 0:
            found.append(Pause(family=family, kind=kind, until=now + timedelta(seconds=left)))
    return sorted(found, key=lambda pause: pause.until)


def metrics_text() -> str:
    """The install's numbers in the text format of Prometheus. No tenant, person or object is named."""
    depth = queue_depth()
    waiting = OperationRun.all_tenants.filter(OPEN, status=RunStatus.QUEUED, imported_from="").exclude(
        waiting_reason=""
    )
    by_reason = dict(waiting.values_list("waiting_reason").annotate(number=Count("pk")).order_by())
    silent = (clock.now() - depth.oldest_queued).total_seconds() if depth.oldest_queued else 0.0
    lines = [
        *_metric("tenantatlas_workers_alive", "Worker processes with a fresh heartbeat.", workers().count()),
        *_metric("tenantatlas_runs_running", "Runs that a worker has in hand.", depth.running),
        *_metric("tenantatlas_runs_queued", "Runs ready to start.", depth.queued),
        *_metric("tenantatlas_oldest_queued_seconds", "How long the oldest ready run has waited.", silent),
        "# HELP tenantatlas_runs_waiting Runs put aside, by reason.",
        "# TYPE tenantatlas_runs_waiting gauge",
        *(
            f'tenantatlas_runs_waiting{{reason="{reason.value}"}} {by_reason.get(reason.value, 0)}'
            for reason in WaitReason
        ),
    ]
    return "\n".join(lines) + "\n"


def _metric(name: str, words: str, value: float) -> tuple[str, str, str]:
    return f"# HELP {name} {words}", f"# TYPE {name} gauge", f"{name} {value:g}"
