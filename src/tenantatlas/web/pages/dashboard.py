"""Is everything protected, and is anything wrong? Four tiles that are links, and what is running."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from tenantatlas.core import clock
from tenantatlas.core.json import Json
from tenantatlas.drift.queries import open_findings
from tenantatlas.runs.lifecycle import OPEN_STATUSES
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import worker_alive
from tenantatlas.schedules.queries import late_schedules, next_due
from tenantatlas.web.bars import draw
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.queries import outcomes_by_day, standing
from tenantatlas.web.requests import TenantRequest

from .runs import fingerprint

LATEST = 10
UPCOMING = 3
UPCOMING = 3
DAYS_IN_BARS = 14
#: A sign-in that ends within this is said before it does.
EXPIRES_SOON = timedelta(days=30)


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


def _glance(request: TenantRequest) -> dict[str, Json]:
    now, stands = clock.now(), standing(request.tenant)
    return {
        "stands": stands,
        "expires_soon": stands.expires is not None and stands.expires - now < EXPIRES_SOON,
        "expired": stands.expires is not None and stands.expires <= now,
        "drifted": open_findings().count() if stands.last_drift else None,
        "late": next(iter(late_schedules(at=now)), None),
        "upcoming": next_due(number=UPCOMING, at=now),
        "bars": draw(outcomes_by_day(request.tenant, days=DAYS_IN_BARS)),
        "days": DAYS_IN_BARS,
    }
