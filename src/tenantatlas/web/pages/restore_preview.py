"""The preview step: the checks, the run that computes the plan, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict
from tenantatlas.core.json import Json
from tenantatlas.restore import queries, services
from tenantatlas.restore.looks import Level
from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreItem, RestoreStatus
from tenantatlas.runs.lifecycle import RunStatus, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import progress
from tenantatlas.web import filters
from tenantatlas.web.differing import names_in
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest, require

from .restore_frame import draft_of, step_frame
from .runs import fingerprint, say_started, title_of

ITEMS_PER_PAGE = 50
WRITING = ("create", "update", "recreate", "copy", "remove")
ACTION_ORDER = (*WRITING, "undecided", "cannot", "skip", "unchanged")
#: Where something can be done about what a check found.
PAGES_OF_CHECKS = {
    "permission_missing": ("Connection", "connection"),
    "lookup_missing": ("Connection", "connection"),
    "never_checked": ("Connection", "connection"),
    "not_connected": ("Connection", "connection"),
    "writes_held": ("Settings", "tenant_settings"),
    "deletes_off": ("Settings", "tenant_settings"),
    "old_inventory": ("Policies", "policy_list"),
    "old_directory": ("Groups", "group_list"),
}
PAGE, PART = "web/restore/preview.html", "web/restore/_preview.html"


@dataclass(frozen=True, kw_only=True)
class PlannedRow:
    """One policy of the plan, with what changes and what is written for it."""

    item: RestoreItem
    differences: tuple[Json, ...]
    writes: tuple[queries.ShownWrite, ...]


@require_http_methods(["GET", "POST"])
def restore_preview(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Where the preview stands; a POST starts it as chosen."""
    restore = queries.find_restore(restore_id)
    if request.method == "POST":
        return _start(request, restore)
    if restore.status not in OPEN_STATUSES:
        return redirect("restore_detail", slug=request.tenant.slug, restore_id=restore.pk)
    run = restore.preview_run
    if run is not None and run.is_open and request.GET.get("v") == _version(run) and wants_part(request):
        return unchanged()
    return _shown(request, restore, run)


def _start(request: TenantRequest, restore: Restore) -> HttpResponse:
    try:
        run, created = services.preview_draft(restore, actor=request.user, trigger=Trigger.PERSON)
    except Conflict as error:
        if restore.status not in OPEN_STATUSES:
            raise
        problem = Problem(field="checks", message=error.message, hint=error.hint)
        return _shown(request, restore, restore.preview_run, problems=[problem], status=409)
    services.note_preview(restore, run)
    say_started(request, run, created=created)
    return redirect("restore_preview", slug=request.tenant.slug, restore_id=restore.pk)


@require_POST
def restore_check(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Make the checks again, for what is chosen now."""
    require(request, Capability.RESTORE_PREVIEW)
    services.make_checks(draft_of(restore_id))
    return redirect("restore_preview", slug=request.tenant.slug, restore_id=restore_id)


def _version(run: OperationRun) -> str:
    return fingerprint(run.status, run.outcome, run.waiting_reason, run.counts, progress(run).notice)


def _shown(
    request: TenantRequest,
    restore: Restore,
    run: OperationRun | None,
    *,
    problems: list[Problem] | None = None,
    status: int = 200,
) -> HttpResponse:
    is_open = run is not None and run.is_open
    context = {
        **step_frame(request, "Preview", restore),
        "problems": problems or [],
        "restore": restore,
        "run": run,
        "is_open": is_open,
        **(_band(run) if run is not None else {}),
        **_checks(request, restore),
        **({} if is_open else _plan(request, restore)),
    }
    return render_page_or_part(request, PAGE, PART, context, status=status)


def _band(run: OperationRun) -> dict[str, Json]:
    now = progress(run)
    return {
        "progress": now,
        "announce": now.sentence,
        "page_title": title_of(run),
        "version": _version(run),
        "every": 2 if run.status == RunStatus.RUNNING else 5,
    }


def _checks(request: TenantRequest, restore: Restore) -> dict[str, Json]:
    levels = [level.value for level in Level]
    return {
        "checks": [(check, *_page_for(request, check)) for check in restore.checks],
        "stale": services.checks_are_stale(restore),
        "blocking": services.blocking_checks(restore),
        "levels": [
            (level, number)
            for level in levels
            if (number := sum(check["level"] == level for check in restore.checks))
        ],
    }


def _page_for(request: TenantRequest, check: dict[str, str]) -> tuple[str, str]:
    """The page where something can be done about a check, in words and its address."""
    words, name = PAGES_OF_CHECKS.get(check["code"], ("", ""))
    if not name or check["level"] == Level.SAFE:
        return "", ""
    return words, reverse(name, kwargs={"slug": request.tenant.slug})


# ── What the preview found ────────────────────────────────────────────────────────────────────────────────


def _plan(request: TenantRequest, restore: Restore) -> dict[str, Json]:
    if restore.status != RestoreStatus.PREVIEWED:
        return {"previewed": False}
    counts = {action: restore.counts[action] for action in ACTION_ORDER if restore.counts.get(action)}
    asked = filters.chosen(request, "action", counts, next(iter(counts), ""))
    rows = queries.planned_items(restore).filter(action=asked)
    page = filters.page_of(request, rows, ITEMS_PER_PAGE)
    shown = list(_rows(restore, page.object_list))
    return {
        "previewed": True,
        "counts": counts.items(),
        "asked": asked,
        "page": page,
        "rows": shown,
        "names": names_in(each for row in shown for each in row.differences),
        "writing": sum(counts.get(action, 0) for action in WRITING),
        "expired": has_expired(restore),
    }


def has_expired(restore: Restore) -> bool:
    """Whether the preview is too old to be executed."""
    return restore.expires_at is None or clock.now() > restore.expires_at


def _rows(restore: Restore, items: Iterable[RestoreItem]) -> Iterable[PlannedRow]:
    for item in items:
        item.restore = restore  # known already: saves asking for it row by row
        yield PlannedRow(
            item=item,
            differences=tuple(queries.item_differences(item)),
            writes=tuple(queries.writes_of(item)),
        )
