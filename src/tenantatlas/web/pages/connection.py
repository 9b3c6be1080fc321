"""How the tenant is connected, and which permissions its app has."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.models import Connection, PermissionReport
from tenantatlas.tenants.queries import has_capability
from tenantatlas.web.requests import TenantRequest

from .runs import say_started


@require_GET
def connection(request: TenantRequest) -> HttpResponse:
    """App registrations, and the newest permission report: problems first."""
    tenant = request.tenant
    context = {
        "title": "Connection",
        "section": "connection",
        "connections": list(Connection.objects.order_by("purpose")),
        "report": PermissionReport.objects.order_by("-taken_at").first(),
        "groups": DirectoryGroup.objects.count(),
        "may_check": has_capability(request.user, tenant, Capability.CONNECTION_CHECK),
        "may_sync": has_capability(request.user, tenant, Capability.DIRECTORY_SYNC),
    }
    return render(request, "web/connection/detail.html", context)


@require_POST
def start_check(request: TenantRequest) -> HttpResponse:
    """Test sign-in and permissions, as a run."""
    return _start(request, "connection.check")


@require_POST
def start_directory_sync(request: TenantRequest) -> HttpResponse:
    """Read the groups' names, as a run."""
    return _start(request, "directory_groups.sync")


def _start(request: TenantRequest, key: str) -> HttpResponse:
    tenant = request.tenant
    run, created = start_run(key, tenant=tenant, params={}, actor=request.user, trigger=Trigger.PERSON)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=tenant.slug, run_id=run.pk)
