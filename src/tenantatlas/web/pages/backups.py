"""Backup sets: the list, one set and its parts, and what is done with it."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries, services
from tenantatlas.backups.archive import read_archive
from tenantatlas.backups.comparing import moved_between, previous_set
from tenantatlas.backups.models import BackupSet, Export, SetStatus
from tenantatlas.core.errors import InputError, NotFound
from tenantatlas.core.json import Json
from tenantatlas.drift.queries import baseline_of_tenant
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import newest_run_ids
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.requests import TenantRequest, require

from .runs import start

SETS_PER_PAGE = 50
ENTRIES_PER_PAGE = 100
MOST_CHANGES = 500
TABS = ("policies", "changes", "runs")
STATUSES = {SetStatus.COMPLETE.value: "Complete", SetStatus.INCOMPLETE.value: "Incomplete"}
SOURCES = {
    "person": "Person",
    "schedule": "Schedule",
    "cli": "Command line",
    "import": "Import",
    "system": "TenantAtlas",
}
COLUMNS = (
    "set",
    "name",
    "source",
    "created",
    "status",
    "completeness",
    "policies",
    "new",
    "failed",
    "bytes",
    "kept",
    "run",
    "fingerprint",
    "supersedes",
)


@require_GET
@filters.remembered("backup-sets")
def set_list(request: TenantRequest) -> HttpResponseBase:
    """Newest first, with how complete each is."""
    asked = {
        "q": filters.text(request, "q"),
        "status": filters.chosen(request, "status", STATUSES),
        "source": filters.chosen(request, "source", SOURCES),
        "kept": filters.chosen(request, "kept", {"yes", "no"}),
    }
    found = queries.set_list()
    if asked["q"]:
        found = found.filter(name__icontains=asked["q"])
    for name in ("status", "source"):
        if asked[name]:
            found = found.filter(**{name: asked[name]})
    if asked["kept"]:
        found = found.filter(kept=asked["kept"] == "yes")
    rows = (queries.set_facts(each, tenant=request.tenant.slug) for each in found.iterator(chunk_size=500))
    if file := export_response(request, name="backup-sets", columns=COLUMNS, rows=rows):
        return file
    page = filters.page_of(request, found, SETS_PER_PAGE)
    context = {
        "title": "Backup sets",
        "section": "backups",
        "page": page,
        "rows": [queries.set_row(each) for each in page.object_list],
        "asked": asked,
        "filtered": any(asked.values()),
        "statuses": STATUSES.items(),
        "sources": SOURCES.items(),
        "source_words": SOURCES,
        "yes_no": (("yes", "Yes"), ("no", "No")),
    }
    return render(request, "web/backups/list.html", context)


@require_GET
def set_detail(request: TenantRequest, set_id: int) -> HttpResponse:
    """One set: how complete, its policies; what changed since the one before; the runs about it."""
    found = queries.find_set(set_id)
    tab = filters.chosen(request, "tab", TABS, "policies")
    baseline = baseline_of_tenant()
    detail = queries.set_detail(found)
    context: dict[str, Json] = {
        "title": found.name,
        "section": "backups",
        "set": detail,
        "source_words": SOURCES,
        "supersedes": found.supersedes,
        "successor": queries.set_list().filter(supersedes=found).first(),
        "is_baseline": baseline is not None and baseline.backup_set_id == found.pk,
        "tab": tab,
        "tabs": [
            ("policies", "Policies"),
            ("changes", "What changed since the previous set"),
            ("runs", "Runs"),
        ],
        **_part(request, found, detail, tab),
    }
    return render(request, "web/backups/detail.html", context)


def _part(request: TenantRequest, found: BackupSet, detail: queries.SetDetail, tab: str) -> dict[str, Json]:
    if tab == "changes":
        before = previous_set(found)
        changes = list(moved_between(before, found)) if before else []
        return {"before": before, "changes": changes[:MOST_CHANGES], "many": len(changes)}
    if tab == "runs":
        about = Q(context__set=found.pk) | Q(params__set=found.pk)
        return {"runs": OperationRun.objects.filter(about, pk__in=newest_run_ids()).order_by("-pk")}
    search = filters.text(request, "q")
    entries = queries.set_entries(found)
    if search:
        entries = entries.filter(version__name__icontains=search)
    return {
        "empty_types": [row for row in detail.types if row.status == ReadStatus.COMPLETE and not row.listed],
        "all_complete": all(row.status == ReadStatus.COMPLETE for row in detail.types),
        "page": filters.page_of(request, entries, ENTRIES_PER_PAGE),
        "search": search,
    }


@require_POST
def set_keep(request: TenantRequest, set_id: int) -> HttpResponse:
    """Protect the set from deletion, or stop protecting it."""
    found = queries.find_set(set_id)
    change = services.release_set if found.kept else services.keep_set
    change(found, actor=request.user)
    return redirect("set_detail", slug=request.tenant.slug, set_id=set_id)


@require_POST
def set_rename(request: TenantRequest, set_id: int) -> HttpResponse:
    """Call the set otherwise."""
    found = queries.find_set(set_id)
    try:
        services.rename_set(found, name=request.POST.get("name", ""), actor=request.user)
        messages.success(request, f"The set is called {found.name}.")
    except InputError as error:
        messages.error(request, error.message)
    return redirect("set_detail", slug=request.tenant.slug, set_id=set_id)


@require_POST
def set_remove(request: TenantRequest, set_id: int) -> HttpResponse:
    """Make the set that follows this one, without the ticked policies, as a run."""
    require(request, Capability.BACKUP_DELETE)
    found = queries.find_set(set_id)
    ticked = request.POST.getlist("policy")
    if not ticked:
        messages.error(request, "No policy is ticked. Tick those to remove.")
        return redirect("set_detail", slug=request.tenant.slug, set_id=set_id)
    return start(request, "backup_set.remove_policies", {"set": found.pk, "policies": ticked})


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
    """Make an archive of the set, or of the ticked policies in it, as a run."""
    params: dict[str, Json] = {"set": queries.find_set(set_id).pk}
    if ticked := request.POST.getlist("policy"):
        params["policies"] = ticked
    return start(request, "backup_set.export", params)


@require_GET
def set_download(request: TenantRequest, set_id: int) -> StreamingHttpResponse:
    """The newest archive of the set, piece by piece."""
    require(request, Capability.BACKUP_EXPORT)
    found = queries.find_set(set_id)
    export = Export.objects.filter(backup_set=found).select_related("tenant").order_by("-pk").first()
    return _archive(request, export, found.name)


@require_GET
def export_list(request: TenantRequest) -> HttpResponse:
    """The archives that can still be downloaded, newest first."""
    context = {
        "title": "Archives",
        "section": "backups",
        "exports": Export.objects.select_related("backup_set").order_by("-pk")[:SETS_PER_PAGE],
    }
    return render(request, "web/backups/exports.html", context)


@require_GET
def export_download(request: TenantRequest, export_id: int) -> StreamingHttpResponse:
    """One archive, piece by piece."""
    require(request, Capability.BACKUP_EXPORT)
    export = Export.objects.filter(pk=export_id).select_related("tenant").first()
    return _archive(request, export, export.name if export else "")


def _archive(request: TenantRequest, export: Export | None, words: str) -> StreamingHttpResponse:
    if export is None:
        raise NotFound
    tenant, found = request.tenant, export

    def pieces() -> Iterator[bytes]:
        with tenant_scope(tenant):
            yield from read_archive(found)

    name = f"{tenant.slug}-{slugify(words) or found.pk}.zip"
    return StreamingHttpResponse(
        pieces(),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(found.size)},
    )
