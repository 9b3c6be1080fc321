"""Who works, what waits, what Microsoft Graph has slowed down. The database only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from .lifecycle import OPEN_STATUSES, RunStatus
from .models import OperationRun, Worker

_OPEN = [status.value for status in OPEN_STATUSES]


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """What waits and who works, over the whole install."""

    queued: int
    waiting: int
    running: int
    workers: int
    oldest_queued: datetime | None


def workers() -> QuerySet[Worker]:
    """The worker processes that are alive, oldest first."""
    silent = Now() - timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    return Worker.objects.filter(stopped_at=None, heartbeat_at__gte=silent).order_by("started_at")


def queue_depth() -> QueueDepth:
    """How much waits and is worked on, over all tenants."""
    rows = OperationRun.all_tenants.filter(status__in=_OPEN, imported_from="")
    ready = rows.filter(status=RunStatus.QUEUED, waiting_reason="")
    return QueueDepth(
        queued=ready.count(),
        waiting=rows.filter(status=RunStatus.QUEUED).exclude(waiting_reason="").count(),
        running=rows.filter(status=RunStatus.RUNNING).count(),
        workers=workers().count(),
        oldest_queued=ready.order_by("id").values_list("created_at", flat=True).first(),
    )
