"""Sign-in, sign-out, the person's theme, and where `/` leads."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from tenantatlas.accounts.services import set_preference
from tenantatlas.tenants.queries import tenants_of
from tenantatlas.web import personal
from tenantatlas.web.requests import PersonRequest

View = Callable[..., HttpResponse]
THEMES = ("system", "light", "dark")


def open_to_all(view: View) -> View:
    """Mark a view that needs no signed-in person."""
    view.open_to_all = True  # type: ignore[attr-defined]  # read by the SignedIn middleware
    return view


def next_within_site(request: HttpRequest, fallback: str) -> str:
    """Where the request asks to go next, if that is one of our pages."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else fallback


@open_to_all
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in form. The answer to a wrong password and to an unknown address is the same."""
    context = {"title": "Sign in", "next": next_within_site(request, "/"), "email": "", "failed": False}
    if request.method == "POST":
        email = request.POST.get("email", "")
        user = authenticate(request, email=email, password=request.POST.get("password", ""))
        if user is not None:
            login(request, user)
            return redirect(str(context["next"]))
        context |= {"email": email, "failed": True}
    return render(request, "web/session/sign_in.html", context, status=401 if context["failed"] else 200)


@require_POST
def sign_out(request: PersonRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    response = redirect("sign_in")
    personal.forget(response)
    return response


@require_POST
def theme(request: PersonRequest) -> HttpResponse:
    """Remember the person's theme."""
    choice = request.POST.get("theme", "")
    if choice in THEMES:
        set_preference(request.user, "theme", choice)
    return redirect(_page_before(request))


def _page_before(request: HttpRequest) -> str:
    """The page that the request came from, if it is one of ours."""
    before = urlsplit(request.headers.get("Referer", ""))
    wanted = before._replace(scheme="", netloc="").geturl()
    return wanted if before.netloc == request.get_host() and wanted.startswith("/") else "/"


def home(request: PersonRequest) -> HttpResponse:
    """The only tenant's dashboard, or the list of tenants."""
    tenants = list(tenants_of(request.user))
    if len(tenants) == 1:
        return redirect("dashboard", slug=tenants[0].slug)
    return redirect("tenant_list")
