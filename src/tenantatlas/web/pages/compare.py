"""Comparing: any two backup sets, side by side; with the tenant as it is now, drift compares in a run."""

from __future__ import annotations

from collections import Counter

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenantatlas.backups.comparing import moved_between
from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.backups.queries import find_set, set_list
from tenantatlas.core.json import Json
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest

KINDS = ("added", "removed", "changed", "unknown")
#: The value of the second choice that means the tenant as it is now.
LIVE = "live"
_OFFERED = 200
_ROWS_PER_PAGE = 100


@require_GET
def compare(request: TenantRequest) -> HttpResponse:
    """Choose two sets; every policy that differs between them, with the way to its difference."""
    before, after = (_chosen(request, name) for name in ("a", "b"))
    context: dict[str, Json] = {
        "title": "Compare",
        "section": "backups",
        "sets": set_list().exclude(status=SetStatus.CAPTURING)[:_OFFERED],
        "before": before,
        "after": after,
        "live": request.GET.get("b") == LIVE,
    }
    if before is not None and after is not None:
        moved = list(moved_between(before, after))
        found = Counter(one.kind for one in moved)
        asked = filters.chosen(request, "kind", KINDS)
        rows = [one for one in moved if not asked or one.kind == asked]
        context |= {
            "counts": [(kind, found[kind]) for kind in KINDS if found[kind]],
            "total": len(moved),
            "asked": asked,
            "page": filters.page_of(request, rows, _ROWS_PER_PAGE),
        }
    return render(request, "web/compare/sets.html", context)


def _chosen(request: TenantRequest, name: str) -> BackupSet | None:
    number = filters.number(request, name)
    return find_set(number) if number else None
