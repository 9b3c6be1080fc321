"""Backup sets: the list, one set, keep, delete, verify, export."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries, services
from tenantatlas.backups.archive import read_archive
from tenantatlas.backups.models import Export
from tenantatlas.core.errors import NotFound
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest, require

from .runs import start

SETS_PER_PAGE = 50
ENTRIES_PER_PAGE = 100


@require_GET
def set_list(request: TenantRequest) -> HttpResponse:
    """Newest first, with how complete each is."""
    page = filters.page_of(request, queries.set_list(), SETS_PER_PAGE)
    rows = [queries.set_row(each) for each in page.object_list]
    context = {"title": "Backup sets", "section": "backups", "page": page, "rows": rows}
    return render(request, "web/backups/list.html", context)


@require_GET
def set_detail(request: TenantRequest, set_id: int) -> HttpResponse:
    """One set: per type how complete, and its policies."""
    found = queries.find_set(set_id)
    search = filters.text(request, "q")
    entries = queries.set_entries(found)
    if search:
        entries = entries.filter(version__name__icontains=search)
    detail = queries.set_detail(found)
    context = {
        "title": found.name,
        "section": "backups",
        "set": detail,
        "empty_types": [row for row in detail.types if row.status == ReadStatus.COMPLETE and not row.listed],
        "page": filters.page_of(request, entries, ENTRIES_PER_PAGE),
        "search": search,
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
    return start(request, "backup_set.verify", {"set": queries.find_set(set_id).pk})


@require_POST
def set_export(request: TenantRequest, set_id: int) -> HttpResponse:
    """Make an archive of the set, as a run."""
    return start(request, "backup_set.export", {"set": queries.find_set(set_id).pk})


@require_GET
def set_download(request: TenantRequest, set_id: int) -> StreamingHttpResponse:
    """The newest archive of the set, piece by piece."""
    require(request, Capability.BACKUP_EXPORT)
    found = queries.find_set(set_id)
    export = Export.objects.filter(backup_set=found).select_related("tenant").order_by("-pk").first()
    if export is None:
        raise NotFound
    tenant = request.tenant

    def pieces() -> Iterator[bytes]:
        with tenant_scope(tenant):
            yield from read_archive(export)

    name = f"{tenant.slug}-{slugify(found.name) or found.pk}.zip"
    return StreamingHttpResponse(
        pieces(),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(export.size)},
    )
