"""Tenants: the list, connecting another one, and the settings of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import AtlasError, Conflict, InputError
from tenantatlas.tenants import services
from tenantatlas.tenants.connections import CLOUD_WORDS
from tenantatlas.tenants.models import Environment
from tenantatlas.tenants.onboarding import begin_tenant
from tenantatlas.tenants.queries import connected_ids, require_install_owner, soonest_expiry
from tenantatlas.tenants.services import TenantFacts
from tenantatlas.web import filters
from tenantatlas.web.queries import search_tenants
from tenantatlas.web.requests import PersonRequest, TenantRequest, require

TENANTS_PER_PAGE = 50
LARGEST_CA = 256 * 1024


@require_GET
@filters.remembered("tenants")
def tenant_list(request: PersonRequest) -> HttpResponseBase:
    """Name, environment, cloud; which are still being connected; which credential ends first."""
    search = filters.text(request, "q")
    page = filters.page_of(request, search_tenants(request.user, search), TENANTS_PER_PAGE)
    found = list(page.object_list)
    connected, ends = connected_ids(found), soonest_expiry(found)
    context = {
        "title": "Tenants",
        "section": "tenants",
        "page": page,
        "search": search,
        "rows": [(each, each.pk in connected, ends.get(each.pk)) for each in found],
        "why_not_connect": "" if request.user.is_owner else "Needs an owner of this install.",
    }
    return render(request, "web/tenants/list.html", context)


@require_http_methods(["GET", "POST"])
def tenant_connect(request: PersonRequest) -> HttpResponse:
    """The first step of connecting a tenant: which one, and where it lives."""
    require_install_owner(request.user)
    problems: list[dict[str, str]] = []
    given: Mapping[str, str] = {}
    if request.method == "POST":
        try:
            tenant = begin_tenant(facts_given(request), actor=request.user)
        except (InputError, Conflict) as error:
            problems = problems_of(error)
            given = shown_again(request, problems)
        else:
            messages.success(request, f"{tenant.name} is saved. You can go on at any time.")
            return redirect("setup", slug=tenant.slug)
    context = facts_context(given) | {
        "title": "Connect a tenant",
        "section": "tenants",
        "problems": problems,
    }
    return render(request, "web/tenants/connect.html", context, status=400 if problems else 200)


def facts_given(request: HttpRequest, *, slug: str = "") -> TenantFacts:
    """What the form says of the tenant. A slug that is left empty is made from the name."""
    form = request.POST
    name, custom = form.get("name", ""), form.get("cloud") == "custom"
    return TenantFacts(
        slug=slug or form.get("slug", "").strip() or slugify(name)[:50].strip("-_").replace("_", "-"),
        name=name,
        tenant_guid=form.get("tenant_guid", ""),
        environment=form.get("environment", ""),
        cloud=form.get("cloud", ""),
        graph_url=form.get("graph_url", "").strip() if custom else "",
        login_url=form.get("login_url", "").strip() if custom else "",
        ca_pem=_authorities_given(request),
    )


def _authorities_given(request: HttpRequest) -> str:
    """The CA file that is chosen now; else the one given before, unless it shall be forgotten."""
    upload = request.FILES.get("ca")
    if upload is None:
        return "" if request.POST.get("ca_forget") == "yes" else request.POST.get("ca_pem", "")
    if (upload.size or 0) > LARGEST_CA:
        raise InputError(
            "The CA file is larger than 256 KiB.",
            hint="Give the certificates that sign the tenant's own, nothing else.",
            details={"field": "ca"},
        )
    upload.seek(0)
    content: bytes = upload.read()
    return content.decode("utf-8", "replace")


def shown_again(request: HttpRequest, problems: list[dict[str, str]]) -> dict[str, str]:
    """What was typed, and a CA file that will do: nothing has to be given twice."""
    bad_file = any(each["field"] == "ca" for each in problems)
    return {**request.POST.dict(), "ca_pem": "" if bad_file else _authorities_given(request)}


def facts_context(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the form of a tenant's facts shows."""
    return {
        "given": {name: given.get(name, "") for name in _FIELDS},
        "clouds": CLOUD_WORDS,
        "environments": Environment.choices,
    }


_FIELDS = ("slug", "name", "tenant_guid", "environment", "cloud", "graph_url", "login_url", "ca_pem")


def problems_of(error: AtlasError) -> list[dict[str, str]]:
    """The error as lines of the summary, each leading to its field."""
    several: list[dict[str, str]] = error.details.get("problems", [])
    field = error.details.get("field") or ("slug" if isinstance(error, Conflict) else "name")
    return several or [{"field": str(field), "message": error.message, "hint": error.hint}]


@require_GET
def tenant_settings(request: TenantRequest) -> HttpResponse:
    """What may be changed of a tenant, by whom it may be changed, and how it is removed."""
    return _settings(request)


def _settings(request: TenantRequest, *, problems: list[dict[str, str]] | None = None) -> HttpResponse:
    context = {
        "title": "Settings",
        "section": "settings",
        "environments": Environment.choices,
        "given": {
            "name": request.POST.get("name", request.tenant.name),
            "environment": request.POST.get("environment", request.tenant.environment),
        },
        "problems": problems or [],
    }
    return render(request, "web/tenants/settings.html", context, status=400 if problems else 200)


@require_POST
def tenant_change(request: TenantRequest) -> HttpResponse:
    """Another name, another environment."""
    require(request, Capability.TENANT_MANAGE)
    try:
        services.change_tenant(
            request.tenant,
            actor=request.user,
            name=request.POST.get("name", ""),
            environment=request.POST.get("environment", ""),
        )
    except InputError as error:
        return _settings(request, problems=problems_of(error))
    messages.success(request, "Saved.")
    return redirect("tenant_settings", slug=request.tenant.slug)


@require_POST
def tenant_deletes(request: TenantRequest) -> HttpResponse:
    """Whether restores may delete in this tenant."""
    require(request, Capability.TENANT_MANAGE)
    allowed = request.POST.get("allowed") == "yes"
    services.set_allow_deletes(request.tenant, actor=request.user, allowed=allowed)
    messages.success(
        request, f"Restores may {'now' if allowed else 'no longer'} delete in {request.tenant.name}."
    )
    return redirect("tenant_settings", slug=request.tenant.slug)


@require_POST
def tenant_approval(request: TenantRequest) -> HttpResponse:
    """Have a second person approve every restore first, or not."""
    require(request, Capability.TENANT_MANAGE)
    required = request.POST.get("required") == "yes"
    services.set_require_approval(request.tenant, actor=request.user, required=required)
    said = "A second person approves every restore from now on."
    messages.success(request, said if required else "Restores need no second person any more.")
    return redirect("tenant_settings", slug=request.tenant.slug)


@require_POST
def tenant_writes(request: TenantRequest) -> HttpResponse:
    """Hold all writing to the tenant, or let it go on."""
    require(request, Capability.TENANT_MANAGE)
    hold = request.POST.get("writes") == "hold"
    change = services.hold_writes if hold else services.release_writes
    change(request.tenant, actor=request.user)
    messages.success(request, f"Writing to {request.tenant.name} is {'held' if hold else 'allowed'}.")
    return redirect("tenant_settings", slug=request.tenant.slug)


@require_POST
def tenant_remove(request: TenantRequest) -> HttpResponse:
    """Disconnect the tenant, once its slug was typed."""
    require(request, Capability.TENANT_MANAGE)
    tenant = request.tenant
    if request.POST.get("remove", "").strip() != tenant.slug:
        problem = {"field": "remove", "message": f"Type {tenant.slug} to remove the tenant.", "hint": ""}
        return _settings(request, problems=[problem])
    services.remove_tenant(tenant, actor=request.user)
    messages.success(request, f"{tenant.name} is disconnected; its credentials are destroyed.")
    return redirect("tenant_list")
