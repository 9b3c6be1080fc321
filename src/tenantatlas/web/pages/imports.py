"""Taking in an archive: hand it in, read what is recognised in it, then store that as a backup set."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.imports import find_upload, keep_upload
from tenantatlas.backups.models import Upload
from tenantatlas.core.errors import InputError
from tenantatlas.runs.lifecycle import ItemState, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import newest_run_ids
from tenantatlas.runs.services import start_run
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest, require

from .runs import say_started, show_started

FILES_PER_PAGE = 100
LOOK, STORE = "backup_set.look_into", "backup_set.import"
UPLOADS_SHOWN = 20


@require_http_methods(["GET", "POST"])
def import_start(request: TenantRequest) -> HttpResponse:
    """Hand in a file; a run says what is recognised in it."""
    require(request, Capability.BACKUP_RUN)
    problem = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            problem = "Choose a zip file."
        else:
            try:
                return _handed_in(request, file)
            except InputError as error:
                problem = f"{error.message} {error.hint}".strip()
    context = {
        "title": "Import policies",
        "section": "backups",
        "problems": [{"field": "file", "message": problem}] if problem else [],
        "uploads": Upload.objects.order_by("-pk")[:UPLOADS_SHOWN],
    }
    return render(request, "web/backups/import.html", context, status=400 if problem else 200)


def _handed_in(request: TenantRequest, file: UploadedFile[bytes]) -> HttpResponse:
    upload = keep_upload(request.tenant, file.chunks(), name=file.name or "archive.zip", actor=request.user)
    run, created = start_run(
        LOOK,
        tenant=request.tenant,
        params={"upload": upload.pk},
        actor=request.user,
        trigger=Trigger.PERSON,
    )
    say_started(request, run, created=created)
    return redirect("import_preview", slug=request.tenant.slug, upload_id=upload.pk)


@require_GET
def import_preview(request: TenantRequest, upload_id: int) -> HttpResponse:
    """What was recognised, file by file; from here it is stored."""
    upload = find_upload(upload_id)
    preview, stored = _newest_run(LOOK, upload), _newest_run(STORE, upload)
    rows = preview.items.order_by("position") if preview else ()
    context = {
        "title": f"Import of {upload.name}",
        "section": "backups",
        "upload": upload,
        "preview": preview,
        "stored": stored,
        "recognised": preview.counts.get(ItemState.SUCCEEDED.value, 0) if preview else 0,
        "page": filters.page_of(request, rows, FILES_PER_PAGE),
    }
    return render(request, "web/backups/import_preview.html", context)


def _newest_run(operation: str, upload: Upload) -> OperationRun | None:
    """The newest run of the upload, among the newest imports: an upload is kept for a day."""
    newest = newest_run_ids(operation=operation)
    return OperationRun.objects.filter(pk__in=newest, params__upload=upload.pk).order_by("-pk").first()


@require_POST
def import_store(request: TenantRequest, upload_id: int) -> HttpResponse:
    """Store what is recognised as a backup set, as a run."""
    require(request, Capability.BACKUP_RUN)
    upload = find_upload(upload_id)
    params = {"upload": upload.pk, "name": request.POST.get("name", "").strip()}
    try:
        started = start_run(
            STORE, tenant=request.tenant, params=params, actor=request.user, trigger=Trigger.PERSON
        )
    except InputError as error:
        messages.error(request, error.message)
        return redirect("import_preview", slug=request.tenant.slug, upload_id=upload_id)
    return show_started(request, started)
