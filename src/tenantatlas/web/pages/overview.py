"""All tenants of a person at a glance, and the switcher between them."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from tenantatlas.core.json import Json
from tenantatlas.tenants.models import Tenant
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.htmx import render_page_or_part
from tenantatlas.web.navigation import GROUPS
from tenantatlas.web.queries import Glance, glances, search_tenants
from tenantatlas.web.requests import PersonRequest

TENANTS_PER_PAGE = 50
IN_PICKER = 12
COLUMNS = (
    *("tenant", "name", "environment", "health", "last_backup"),
    *("policies", "unprotected", "drifted", "open_runs", "troubled", "missing_permissions"),
)


@require_GET
@filters.remembered("overview")
def overview(request: PersonRequest) -> HttpResponseBase:
    """Which tenant needs somebody. Read only: every number leads to the tenant's own page."""
    search = filters.text(request, "q")
    found = search_tenants(request.user, search)
    if file := export_response(request, name="overview", columns=COLUMNS, rows=_facts(found.iterator(500))):
        return file
    page = filters.page_of(request, found, TENANTS_PER_PAGE)
    context = {
        "title": "Overview",
        "section": "overview",
        "page": page,
        "rows": glances(page.object_list),
        "search": search,
    }
    return render(request, "web/overview/overview.html", context)


@require_GET
def picker(request: PersonRequest) -> HttpResponse:
    """The switcher's panel: some tenants by name, each leading to the page one is on, if it has that too."""
    search = filters.text(request, "tenant")
    section = filters.text(request, "section")
    found = list(search_tenants(request.user, search)[: IN_PICKER + 1])
    rows = [(row, _same_page(row.tenant, section)) for row in glances(found[:IN_PICKER])]
    context: dict[str, Json] = {
        "title": "Switch tenant",
        "rows": rows,
        "more": len(found) > IN_PICKER,
        "search": search,
        "asked_section": section,
        "here": filters.text(request, "here"),
    }
    return render_page_or_part(request, "web/overview/picker.html", "web/overview/_choices.html", context)


def _same_page(tenant: Tenant, section: str) -> str:
    names = {entry.section: entry.url_name for group in GROUPS for entry in group}
    return reverse(names.get(section, "dashboard"), kwargs={"slug": tenant.slug})


def _facts(tenants: Iterator[Tenant]) -> Iterator[dict[str, Json]]:
    while chunk := [tenant for _, tenant in zip(range(TENANTS_PER_PAGE), tenants, strict=False)]:
        yield from (_row(glance) for glance in glances(chunk))


def _row(glance: Glance) -> dict[str, Json]:
    return {
        "tenant": glance.tenant.slug,
        "name": glance.tenant.name,
        "environment": glance.tenant.environment,
        "health": glance.health,
        "last_backup": glance.last_backup.strftime("%Y-%m-%dT%H:%M:%SZ") if glance.last_backup else None,
        "policies": glance.policies,
        "unprotected": glance.unprotected,
        "drifted": glance.drifted,
        "open_runs": glance.open_runs,
        "troubled": glance.troubled,
        "missing_permissions": glance.missing,
    }
