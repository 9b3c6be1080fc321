"""Is everything protected, and is anything wrong? Four tiles that are links, and what is running."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.drift.queries import open_findings
from tenantatlas.runs.models import OPEN, OperationRun
from tenantatlas.runs.services import worker_alive
from tenantatlas.schedules.queries import late_schedules, next_due
from tenantatlas.tenants.expiry import ending
from tenantatlas.web.bars import draw
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.queries import outcomes_by_day, standing
from tenantatlas.web.requests import TenantRequest

from .runs import fingerprint

LATEST = 10
UPCOMING = 3
DAYS_IN_BARS = 14


@require_GET
def dashboard(request: TenantRequest) -> HttpResponse:
    """The tenant at a glance. As a fragment: the runs."""
    context: dict[str, Json] = {"title": "Dashboard", "section": "dashboard", **_runs()}
    if wants_part(request):
        if request.GET.get("v") == context["version"]:
            return unchanged()
    else:
        context |= _glance(request)
    return render_page_or_part(request, "web/dashboard/dashboard.html", "web/dashboard/_runs.html", context)


def _runs() -> dict[str, Json]:
    """The newest open runs and the newest of all; two queries, each with an index of its own."""
    newest = OperationRun.objects.order_by("-pk")
    latest, working = list(newest[:LATEST]), list(newest.filter(OPEN, imported_from="")[: 2 * LATEST])
    return {
        "open_runs": working,
        "latest": latest,
        "version": fingerprint([(run.pk, run.word, run.counts) for run in (*latest, *working)]),
        "worker": worker_alive(),
    }


def _glance(request: TenantRequest) -> dict[str, Json]:
    now, stands = clock.now(), standing(request.tenant)
    return {
        "stands": stands,
        "end": ending(stands.expires, at=now),
        "drifted": open_findings().count() if stands.last_drift else None,
        "late": next(iter(late_schedules(at=now)), None),
        "upcoming": next_due(number=UPCOMING, at=now),
        "bars": draw(outcomes_by_day(request.tenant, days=DAYS_IN_BARS)),
        "days": DAYS_IN_BARS,
    }
