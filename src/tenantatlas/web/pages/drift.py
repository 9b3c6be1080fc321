"""Drift: a backup set compared with the tenant as it is."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Case, Value, When
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.backups.models import SetStatus
from tenantatlas.backups.queries import set_list
from tenantatlas.core.errors import NotFound
from tenantatlas.drift.models import Finding, FindingKind, Severity
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import does, doing
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest

from .runs import run_of, start

FINDINGS_PER_PAGE = 50
COMPARISONS = 20
GRAVEST_FIRST = Case(
    *(When(severity=severity.value, then=Value(place)) for place, severity in enumerate(Severity)),
    default=Value(len(Severity)),
)


@require_GET
def drift(request: TenantRequest) -> HttpResponse:
    """Choose a set to compare, or open an earlier comparison."""
    sets = set_list().exclude(status=SetStatus.CAPTURING)
    context = {
        "title": "Drift",
        "section": "drift",
        "sets": sets[:COMPARISONS],
        "runs": OperationRun.objects.filter(doing("drift.generate")).order_by("-pk")[:COMPARISONS],
    }
    return render(request, "web/drift/list.html", context)


@require_POST
def start_drift(request: TenantRequest) -> HttpResponse:
    """Start the comparison."""
    chosen = request.POST.get("set", "")
    if not chosen.isdecimal():
        messages.error(request, "Choose a backup set to compare with.")
        return redirect("drift", slug=request.tenant.slug)
    return start(request, "drift.generate", {"set": int(chosen)})


@require_GET
def drift_report(request: TenantRequest, run_id: int) -> HttpResponse:
    """What the comparison found, gravest first."""
    run = run_of(run_id)
    if not does(run, "drift.generate"):
        raise NotFound
    severity = filters.chosen(request, "severity", Severity.values)
    kind = filters.chosen(request, "kind", FindingKind.values)
    found = Finding.objects.filter(run_id=run.pk)
    severities = list(found.values_list("severity", flat=True))
    if severity:
        found = found.filter(severity=severity)
    if kind:
        found = found.filter(kind=kind)
    context = {
        "title": "Drift",
        "section": "drift",
        "run": run,
        "page": filters.page_of(
            request, found.order_by(GRAVEST_FIRST, "type_key", "name"), FINDINGS_PER_PAGE
        ),
        "total": len(severities),
        "severities": [
            (each.value, each.label, severities.count(each.value))
            for each in Severity
            if each.value in severities
        ],
        "severity": severity,
        "kinds": FindingKind.choices,
        "kind": kind,
    }
    return render(request, "web/drift/report.html", context)
