"""Is everything protected, and is anything wrong? Four tiles that are links, and what is running."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.drift.models import Finding
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.runs.lifecycle import OPEN_STATUSES, Outcome
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import worker_alive
from tenantatlas.tenants.models import PermissionReport
from tenantatlas.tenants.permissions import Need, missing_in
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.requests import TenantRequest

from .runs import fingerprint

LATEST = 10
DAYS = 7


@require_GET
def dashboard(request: TenantRequest) -> HttpResponse:
    """The tenant at a glance. As a fragment: the runs."""
    context: dict[str, Json] = {"title": "Dashboard", "section": "dashboard", **_runs()}
    if wants_part(request):
        if request.GET.get("v") == context["version"]:
            return unchanged()
    else:
        context |= _glance()
    return render_page_or_part(request, "web/dashboard/dashboard.html", "web/dashboard/_runs.html", context)


def _runs() -> dict[str, Json]:
    """The open runs and the newest ones, in one query."""
    open_statuses = [status.value for status in OPEN_STATUSES]
    newest = OperationRun.objects.order_by("-pk").values("pk")[:LATEST]
    found = OperationRun.objects.filter(Q(pk__in=newest) | Q(status__in=open_statuses)).order_by("-pk")
    rows = list(found[: 2 * LATEST])
    working = [run for run in rows if run.is_open]
    return {
        "open_runs": working,
        "latest": rows[:LATEST],
        "version": fingerprint([(run.pk, run.word, run.counts) for run in rows]),
        "worker": worker_alive(),
    }


def _glance() -> dict[str, Json]:
    since = clock.now() - timedelta(days=DAYS)
    good = Q(outcome=Outcome.SUCCEEDED.value)
    bad = Q(outcome__in=[Outcome.FAILED.value, Outcome.BLOCKED.value], created_at__gte=since)
    known = OperationRun.objects.aggregate(
        troubled=Count("pk", filter=bad),
        last_drift=Max("pk", filter=Q(operation="drift.generate") & good),
        last_sync=Max("ended_at", filter=Q(operation="inventory.sync") & good),
    )
    policies = Policy.objects.filter(presence=Presence.PRESENT).aggregate(
        all=Count("pk"), unprotected=Count("pk", filter=Q(protection__isnull=True))
    )
    report = PermissionReport.objects.order_by("-taken_at").first()
    drifted = Finding.objects.filter(run_id=known["last_drift"]).count() if known["last_drift"] else None
    complete = BackupSet.objects.filter(status=SetStatus.COMPLETE)
    return {
        "known": known,
        "policies": policies,
        "drifted": drifted,
        "last_set": complete.order_by("-created_at").first(),
        "report": report,
        "missing": len({*missing_in(report, Need.READ), *missing_in(report, Need.RESTORE)}) if report else 0,
    }
