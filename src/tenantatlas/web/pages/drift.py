"""Drift: a backup set compared with the tenant as it is."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.core.errors import InputError
from tenantatlas.drift.models import Finding
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.queries import has_capability
from tenantatlas.web.requests import TenantRequest

from .runs import run_of, say_started

FINDINGS_PER_PAGE = 50
COMPARISONS = 20


@require_GET
def drift(request: TenantRequest) -> HttpResponse:
    """Choose a set to compare, or open an earlier comparison."""
    context = {
        "title": "Drift",
        "section": "drift",
        "sets": BackupSet.objects.filter(status__in=[SetStatus.COMPLETE, SetStatus.INCOMPLETE]).order_by(
            "-created_at"
        )[:COMPARISONS],
        "runs": OperationRun.objects.filter(operation="drift.generate").order_by("-pk")[:COMPARISONS],
        "may": has_capability(request.user, request.tenant, Capability.DRIFT_RUN),
    }
    return render(request, "web/drift/list.html", context)


@require_POST
def start_drift(request: TenantRequest) -> HttpResponse:
    """Start the comparison."""
    chosen = request.POST.get("set", "")
    if not chosen.isdigit():
        raise InputError("Choose a backup set to compare with.", hint="Take a backup first if there is none.")
    tenant = request.tenant
    run, created = start_run(
        "drift.generate",
        tenant=tenant,
        params={"set": int(chosen)},
        actor=request.user,
        trigger=Trigger.PERSON,
    )
    say_started(request, run, created=created)
    return redirect("run_detail", slug=tenant.slug, run_id=run.pk)


@require_GET
def drift_report(request: TenantRequest, run_id: int) -> HttpResponse:
    """What the comparison found, gravest first."""
    run = run_of(run_id)
    findings = Finding.objects.filter(run_id=run.pk).order_by("-severity", "type_key", "name")
    context = {
        "title": "Drift",
        "section": "drift",
        "run": run,
        "page": Paginator(findings, FINDINGS_PER_PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "web/drift/report.html", context)
