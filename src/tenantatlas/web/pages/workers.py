"""Who works, what waits, and what Microsoft Graph has slowed down."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenantatlas.runs import monitoring, queries
from tenantatlas.runs.services import worker_alive
from tenantatlas.web.requests import TenantRequest


@require_GET
def worker_page(request: TenantRequest) -> HttpResponse:
    """This tenant's part for its members; the whole install's numbers besides for its owners."""
    owner = request.user.is_owner
    context = {
        "title": "Worker",
        "section": "workers",
        "alive": worker_alive(),
        "here": monitoring.queue_depth(request.tenant),
        "open_runs": list(queries.open_runs(request.tenant)[:20]),
        "throttled": monitoring.throttled_runs(request.tenant),
        "pauses": monitoring.paused_budgets(request.tenant),
        "install": monitoring.queue_depth() if owner else None,
        "workers": list(monitoring.workers()) if owner else [],
    }
    return render(request, "web/workers/detail.html", context)
