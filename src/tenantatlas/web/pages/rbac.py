"""The search for the group that shall hold our service principal, with the admin's own sign-in.

    begin ──► a link to the tenant's login ──► callback (changes nothing) ──► finish ──► search ──► choose

The browser is led to Microsoft by a link that shows where it goes: a form could not leave this site. The
reply address only shows what came back; the exchange happens when the person presses a button.
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.request import validate_host
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Conflict, InputError, NotAllowed, SignInFailed
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import groups_by_id
from tenantatlas.tenants import rbac
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import tenant_for
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.tenants.services import keep_rbac_group
from tenantatlas.web.requests import PersonRequest, TenantRequest, require, why_not

_SESSION = "rbac_search"
NO_SIGN_IN = "Sign in with Microsoft first: the search uses your own rights, not the app's."


def reply_address(request: HttpRequest) -> str:
    """Where Microsoft sends people back to: to be registered to the letter."""
    return f"{_site(request)}{reverse('delegated_callback')}"


def _site(request: HttpRequest) -> str:
    """This site as Entra takes it: it knows plain http for `localhost` only, not for 127.0.0.1 or [::1]."""
    here = urlsplit(request.build_absolute_uri("/"))
    numbers = _is_loopback(here.hostname or "") and validate_host("localhost", settings.ALLOWED_HOSTS)
    if here.scheme == "https" or not numbers:
        return f"{here.scheme}://{here.netloc}"
    return f"http://localhost:{here.port}" if here.port else "http://localhost"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reply_context(request: HttpRequest) -> dict[str, Json]:
    """The reply address as pages show it.

    `elsewhere`: this page where the sign-in can come back to, if that is another name of this site: a browser
    keeps its session by the name. `refused`: why Entra will not take the address.
    """
    site, here = _site(request), request.build_absolute_uri()
    plain = site.startswith("http://") and urlsplit(site).hostname != "localhost"
    return {
        "reply_address": reply_address(request),
        "elsewhere": "" if here.startswith(f"{site}/") else f"{site}{request.get_full_path()}",
        "refused": "Entra takes https only, except for localhost: serve this site with TLS first."
        if plain
        else "",
    }


def search_context(request: TenantRequest) -> dict[str, Json]:
    """What the search shows: who has signed in, or why it cannot be used. Reads the session only."""
    kept = _kept(request, request.tenant)
    begun, signed_in = kept.get("begun"), _signed_in(kept)
    return {
        **reply_context(request),
        "login": begun["address"] if begun else "",
        "login_host": urlsplit(begun["address"]).netloc if begun else "",
        "signed_in": signed_in,
        "why_no_search": why_not(request, Capability.CONNECTION_MANAGE) or ("" if signed_in else NO_SIGN_IN),
    }


@require_GET
def rbac_group(request: TenantRequest) -> HttpResponse:
    """The group that was chosen, and the search for another."""
    return _page(request, {})


def _page(request: TenantRequest, more: dict[str, Json], *, status: int = 200) -> HttpResponse:
    context = {"title": "RBAC group", "section": "connection", **search_context(request), **more}
    return render(request, "web/connection/rbac.html", context, status=status)


@require_POST
def rbac_begin(request: TenantRequest) -> HttpResponse:
    """Begin the sign-in at the tenant's own login."""
    require(request, Capability.CONNECTION_MANAGE)
    if reply_context(request)["elsewhere"]:
        raise Conflict(
            "This sign-in would come back to another name of this site.", hint=f"Open {_site(request)} first."
        )
    begun = rbac.begin(request.tenant, actor=request.user, redirect_uri=reply_address(request))
    request.session[_SESSION] = {"tenant": request.tenant.pk, "begun": asdict(begun)}
    return _back(request.tenant)


@require_GET
def delegated_callback(request: PersonRequest) -> HttpResponse:
    """What Microsoft sent back, shown with a button that goes on. Changes nothing, asks nobody."""
    kept = request.session.get(_SESSION) or {}
    ours = bool(kept.get("begun")) and request.GET.get("state") == kept["begun"]["state"]
    answer = {name: request.GET.get(name, "") for name in _ANSWER if name in request.GET} if ours else {}
    context = {"title": "Signing in", "answer": answer, "refused": "error" in answer}
    return render(request, "web/connection/callback.html", context)


_ANSWER = ("code", "state", "error", "error_description", "session_state", "client_info")


@require_POST
def delegated_finish(request: PersonRequest) -> HttpResponse:
    """Exchange the code; from now on, for some minutes, the search can be used."""
    kept = request.session.pop(_SESSION, None) or {}
    tenant = _tenant_of(request, kept)
    if tenant is None or not kept.get("begun"):
        raise Conflict("No sign-in was begun here.", hint="Begin it on the tenant's connection page.")
    answer = {name: request.POST[name] for name in _ANSWER if name in request.POST}
    with tenant_scope(tenant):
        try:
            signed_in = rbac.finish(tenant, actor=request.user, sealed=kept["begun"]["sealed"], answer=answer)
        except SignInFailed as error:
            messages.error(request, f"{error.message} {error.hint}")
            return _back(tenant)
    request.session[_SESSION] = {"tenant": tenant.pk, "signed_in": asdict(signed_in)}
    messages.success(request, f"Signed in as {signed_in.account}: for ten minutes groups can be searched.")
    return _back(tenant)


@require_POST
def rbac_search(request: TenantRequest) -> HttpResponse:
    """Ask the directory now. What it answers is on this page only."""
    signed_in = _require_sign_in(request)
    text = request.POST.get("q", "")
    try:
        found = rbac.search(request.tenant, actor=request.user, signed_in=signed_in, begins=text)
    except (InputError, SignInFailed) as error:
        problem = {"field": "q", "message": error.message, "hint": error.hint}
        return _page(request, {"asked": text, "problems": [problem]}, status=error.http_status)
    return _page(request, {"asked": text, "found": found, "searched": True})


@require_POST
def rbac_choose(request: TenantRequest) -> HttpResponse:
    """Keep the group: found by a search, or by its id alone."""
    require(request, Capability.CONNECTION_MANAGE)
    group_id = request.POST.get("group", "").strip()
    signed_in = _signed_in(_kept(request, request.tenant))
    try:
        if signed_in is not None and group_id:
            name = rbac.choose(
                request.tenant, actor=request.user, signed_in=signed_in, group_id=group_id
            ).name
        else:
            known = groups_by_id([group_id]).get(group_id)
            name = known.name if known else group_id
            keep_rbac_group(
                request.tenant, actor=request.user, group_id=group_id, name=known.name if known else ""
            )
    except AtlasError as error:
        if isinstance(error, NotAllowed):
            raise
        problem = {"field": "group", "message": error.message, "hint": error.hint}
        return _page(request, {"problems": [problem], "typed": group_id}, status=error.http_status)
    messages.success(request, f"{name} is the RBAC group." if group_id else "No RBAC group is kept any more.")
    return _back(request.tenant)


@require_POST
def rbac_forget(request: TenantRequest) -> HttpResponse:
    """End the admin's sign-in now."""
    require(request, Capability.CONNECTION_MANAGE)
    request.session.pop(_SESSION, None)
    messages.info(request, "The sign-in for searching groups is forgotten.")
    return _back(request.tenant)


def _back(tenant: Tenant) -> HttpResponse:
    return redirect("rbac_group", slug=tenant.slug)


def _kept(request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    kept = request.session.get(_SESSION) or {}
    return kept if kept.get("tenant") == tenant.pk else {}


def _signed_in(kept: dict[str, Any]) -> rbac.SignedIn | None:
    given = kept.get("signed_in")
    if not given or clock.now().timestamp() >= given["ends_at"]:
        return None
    return rbac.SignedIn(**given)


def _require_sign_in(request: TenantRequest) -> rbac.SignedIn:
    require(request, Capability.CONNECTION_MANAGE)
    signed_in = _signed_in(_kept(request, request.tenant))
    if signed_in is None:
        request.session.pop(_SESSION, None)
        raise NotAllowed("The search needs your own sign-in with Microsoft.", hint=NO_SIGN_IN)
    return signed_in


def _tenant_of(request: PersonRequest, kept: dict[str, Any]) -> Tenant | None:
    found = Tenant.objects.filter(pk=kept["tenant"]).first() if kept else None
    return tenant_for(request.user, found.slug) if found else None
