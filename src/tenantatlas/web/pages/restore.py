"""Restores: the list, and how one of them ended."""

from __future__ import annotations

from collections import Counter

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from tenantatlas.drift.queries import comparison_before
from tenantatlas.restore import enablement, queries, undo
from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest
from tenantatlas.web.templatetags.atlas import state_words

from .restore_preview import ACTION_ORDER, ITEMS_PER_PAGE, WRITING

RESTORES_PER_PAGE = 50
#: What happened to what was written, by the kind of restore.
_WRITTEN_WORDS = {"undo": "taken back", "enable": "enforced", "twins": "removed"}
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
        "page": filters.page_of(
            request, [item for item in items if not asked or item.state == asked], ITEMS_PER_PAGE
        ),
        "said": result_sentence(restore, items),
        "made": sum(bool(item.created_id) and not item.preimage_id for item in items),
        "total": len(items),
        "asked": asked,
        "results": [(state, states.count(state)) for state in dict.fromkeys(states)],
        "run": restore.execute_run,
        "report_only": enablement.report_only(restore),
        "nothing_to_undo": undo.why_not_undone(restore),
        "followers": queries.followers(restore),
        "outdated": _outdated(restore),
    }
    return render(request, "web/restore/detail.html", context)


def _outdated(restore: Restore) -> OperationRun | None:
    """The comparison that does not know of this restore yet: its findings are as they were before."""
    run = restore.execute_run
    return comparison_before(run.ended_at) if run is not None and run.ended_at else None


def result_sentence(restore: Restore, items: list[queries.ShownItem]) -> str:
    """How it ended, in numbers: `16 written and verified, 1 needs a decision, 260 were already so.`"""
    tried = Counter(item.state for item in items if item.action in WRITING)
    rest = Counter((item.action, item.state) for item in items if item.action not in WRITING)
    same = sum(number for (action, _), number in rest.items() if action == "unchanged")
    open_ = sum(number for (_, state), number in rest.items() if state == ItemState.NEEDS_DECISION)
    written = tried.pop(ItemState.SUCCEEDED, 0)
    verb = _WRITTEN_WORDS.get(restore.kind, "written")
    asks = ("1 stays", "{} stay") if restore.kind == "undo" else ("1 needs a decision", "{} need a decision")
    parts = [f"{written} {verb} and verified" if written else f"Nothing {verb}"]
    parts += [f"{number} {state_words(state or 'not_started').lower()}" for state, number in tried.items()]
    parts += _counted(open_, *asks)
    parts += _counted(rest.total() - same - open_, "1 left out", "{} left out")
    parts += _counted(same, "1 was already so", "{} were already so")
    return f"{', '.join(parts)}."


def _counted(number: int, one: str, many: str) -> list[str]:
    return [] if not number else [one] if number == 1 else [many.format(number)]


def _in_order(restore: Restore) -> list[queries.ShownItem]:
    """The policies of the restore, those that are written first."""
    return sorted(queries.shown_items(restore), key=lambda item: ACTION_ORDER.index(item.action))
