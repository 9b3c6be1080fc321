"""Backup sets: the list, one set, keep, delete, verify."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries, services
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.queries import has_capability
from tenantatlas.web.requests import TenantRequest

from .runs import say_started

SETS_PER_PAGE = 50
ENTRIES_PER_PAGE = 100


@require_GET
def set_list(request: TenantRequest) -> HttpResponse:
    """Newest first, with how complete each is."""
    page = Paginator(queries.set_list(), SETS_PER_PAGE).get_page(request.GET.get("page"))
    rows = [queries.set_row(each) for each in page.object_list]
    context = {"title": "Backup sets", "section": "backups", "page": page, "rows": rows}
    return render(request, "web/backups/list.html", context)


@require_GET
def set_detail(request: TenantRequest, set_id: int) -> HttpResponse:
    """One set: per type how complete, and its policies."""
    tenant = request.tenant
    found = queries.find_set(set_id)
    page = Paginator(queries.set_entries(found), ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "title": found.name,
        "section": "backups",
        "set": queries.set_detail(found),
        "page": page,
        "may_keep": has_capability(request.user, tenant, Capability.BACKUP_KEEP),
        "may_delete": has_capability(request.user, tenant, Capability.BACKUP_DELETE),
        "may_drift": has_capability(request.user, tenant, Capability.DRIFT_RUN),
        "may_restore": has_capability(request.user, tenant, Capability.RESTORE_PREVIEW),
    }
    return render(request, "web/backups/detail.html", context)


@require_POST
def set_keep(request: TenantRequest, set_id: int) -> HttpResponse:
    """Protect the set from deletion, or stop protecting it."""
    found = queries.find_set(set_id)
    change = services.release_set if found.kept else services.keep_set
    change(found, actor=request.user)
    return redirect("set_detail", slug=request.tenant.slug, set_id=set_id)


@require_POST
def set_delete(request: TenantRequest, set_id: int) -> HttpResponse:
    """Delete the set; payloads that nothing else needs go with it."""
    found = queries.find_set(set_id)
    services.delete_set(found, actor=request.user)
    messages.success(request, f"Deleted the backup set {found.name}.")
    return redirect("set_list", slug=request.tenant.slug)


@require_POST
def set_verify(request: TenantRequest, set_id: int) -> HttpResponse:
    """Read and check every payload of the set, as a run."""
    tenant = request.tenant
    run, created = start_run(
        "backup_set.verify", tenant=tenant, params={"set": set_id}, actor=request.user, trigger=Trigger.PERSON
    )
    say_started(request, run, created=created)
    return redirect("run_detail", slug=tenant.slug, run_id=run.pk)
