"""Is everything protected, and is anything wrong? Four tiles that are links, and what is running."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.core import clock
from tenantatlas.drift.models import Finding
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.runs.lifecycle import OPEN_STATUSES, Outcome
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import worker_alive
from tenantatlas.tenants.models import PermissionReport
from tenantatlas.web.requests import TenantRequest

LATEST = 10
DAYS = 7


@require_GET
def dashboard(request: TenantRequest) -> HttpResponse:
    """The tenant at a glance."""
    since = clock.now() - timedelta(days=DAYS)
    runs = OperationRun.objects.order_by("-pk")
    present = Policy.objects.filter(presence=Presence.PRESENT)
    last_drift = Finding.objects.order_by("-run_id").values_list("run_id", flat=True).first()
    context = {
        "title": "Dashboard",
        "section": "dashboard",
        "last_set": BackupSet.objects.filter(status=SetStatus.COMPLETE).order_by("-created_at").first(),
        "policies": present.count(),
        "unprotected": present.filter(protection__isnull=True).count(),
        "drifted": Finding.objects.filter(run_id=last_drift).count() if last_drift else 0,
        "last_drift": last_drift,
        "troubled": runs.filter(
            created_at__gte=since, outcome__in=[Outcome.FAILED.value, Outcome.BLOCKED.value]
        ).count(),
        "open_runs": list(runs.filter(status__in=[status.value for status in OPEN_STATUSES])[:LATEST]),
        "latest": list(runs[:LATEST]),
        "report": PermissionReport.objects.order_by("-taken_at").first(),
        "worker": worker_alive(),
        "last_sync": runs.filter(operation="inventory.sync", outcome=Outcome.SUCCEEDED.value).first(),
    }
    return render(request, "web/dashboard/dashboard.html", context)
