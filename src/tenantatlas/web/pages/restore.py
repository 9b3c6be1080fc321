"""Restores: the list, and how one of them ended."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from tenantatlas.restore import enablement, queries, undo
from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest

from .restore_preview import ACTION_ORDER

RESTORES_PER_PAGE = 50
#: Where each open status goes on.
_NEXT_STEP = {
    RestoreStatus.DRAFT: "restore_policies",
    RestoreStatus.SCOPED: "restore_options",
    RestoreStatus.CHECKED: "restore_preview",
    RestoreStatus.PREVIEWED: "restore_preview",
}


@require_GET
def restore_list(request: TenantRequest) -> HttpResponse:
    """Newest first."""
    page = filters.page_of(request, queries.restore_list(), RESTORES_PER_PAGE)
    return render(request, "web/restore/list.html", {"title": "Restore", "section": "restore", "page": page})


@require_GET
def restore_detail(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Where the restore stands: the next step of a draft, or the result."""
    restore = queries.find_restore(restore_id)
    if restore.status in OPEN_STATUSES:
        step = _NEXT_STEP[RestoreStatus(restore.status)]
        return redirect(step, slug=request.tenant.slug, restore_id=restore.pk)
    items = _in_order(restore)
    states = [item.state for item in items if item.state]
    asked = filters.chosen(request, "result", set(states))
    context = {
        "title": f"Restore {restore.pk}",
        "section": "restore",
        "restore": restore,
        "items": [item for item in items if not asked or item.state == asked],
        "total": len(items),
        "asked": asked,
        "results": [(state, states.count(state)) for state in dict.fromkeys(states)],
        "run": restore.execute_run,
        "report_only": enablement.report_only(restore),
        "nothing_to_undo": undo.why_not_undone(restore),
        "followers": queries.followers(restore),
    }
    return render(request, "web/restore/detail.html", context)


def _in_order(restore: Restore) -> list[queries.ShownItem]:
    """The policies of the restore, those that are written first."""
    return sorted(queries.shown_items(restore), key=lambda item: ACTION_ORDER.index(item.action))
