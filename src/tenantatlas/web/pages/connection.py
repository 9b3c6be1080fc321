"""How the tenant is connected, and which permissions its app has."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.core.json import Json
from tenantatlas.directory.models import DirectoryGroup
from tenantatlas.tenants.models import Connection, PermissionReport
from tenantatlas.tenants.permissions import Held, Need
from tenantatlas.web.requests import TenantRequest

from .runs import start

#: What the rows of a report are shown under, in this order.
GROUPS = {
    Need.READ.value: "Needed to read and back up",
    Need.RESTORE.value: "Needed to restore",
    Need.NOTHING.value: "Granted but not needed",
}


@require_GET
def connection(request: TenantRequest) -> HttpResponse:
    """App registrations, and the newest permission report: problems first."""
    report = PermissionReport.objects.order_by("-taken_at").first()
    context = {
        "title": "Connection",
        "section": "connection",
        "connections": list(Connection.objects.order_by("purpose")),
        "report": report,
        "groups_of_rows": _grouped(report.rows) if report else (),
        "groups": DirectoryGroup.objects.count(),
    }
    return render(request, "web/connection/detail.html", context)


def _grouped(rows: list[dict[str, Json]]) -> list[tuple[str, int, list[dict[str, Json]]]]:
    """(words, how many are missing, rows with the missing ones first) for each group that has rows."""
    found = []
    for need, words in GROUPS.items():
        mine = sorted(
            (row for row in rows if row["for"] == need), key=lambda row: row["state"] != Held.MISSING
        )
        if mine:
            found.append((words, sum(row["state"] == Held.MISSING for row in mine), mine))
    return found


@require_POST
def start_check(request: TenantRequest) -> HttpResponse:
    """Test sign-in and permissions, as a run."""
    return start(request, "connection.check")


@require_POST
def start_directory_sync(request: TenantRequest) -> HttpResponse:
    """Read the groups' names, as a run."""
    return start(request, "directory_groups.sync")
