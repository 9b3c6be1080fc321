"""Sign-in, sign-out, the person's theme, and where `/` leads."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from tenantatlas.accounts.models import User
from tenantatlas.accounts.preferences import is_allowed
from tenantatlas.accounts.services import set_preferences
from tenantatlas.accounts.signin import EmailBackend
from tenantatlas.core.errors import AtlasError, Conflict, InputError, TooManyTries
from tenantatlas.core.json import Json
from tenantatlas.tenants.people import accept_invitation
from tenantatlas.tenants.queries import tenants_of
from tenantatlas.tenants.secondfactor import has_second_factor
from tenantatlas.tenants.signin import check_code_of, check_password_of, note_signed_in, note_signed_out
from tenantatlas.web import personal
from tenantatlas.web.cookies import SEEN, forget_cookie, known_browser, note_known_browser
from tenantatlas.web.errors import say_when_to_come_back
from tenantatlas.web.requests import PersonRequest, address_of, browser_of

View = Callable[..., HttpResponse]
_PENDING = "second_step"
_BACKEND = "tenantatlas.accounts.signin.EmailBackend"


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
    context: dict[str, Json] = {"title": "Sign in", "next": next_within_site(request, "/"), "email": ""}
    context["was_idle"] = getattr(request, "was_idle", False)
    if request.method != "POST":
        return render(request, "web/session/sign_in.html", context)
    email = request.POST.get("email", "")
    try:
        person = check_password_of(
            email=email,
            password=request.POST.get("password", ""),
            address=address_of(request),
            browser=known_browser(request, email),
        )
    except TooManyTries as error:
        return _refused(request, "web/session/sign_in.html", {**context, "email": email}, error)
    if person is None:
        context |= {"email": email, "failed": True}
        return render(request, "web/session/sign_in.html", context, status=401)
    if has_second_factor(person):
        request.session[_PENDING] = {
            "user": person.pk,
            "proof": person.get_session_auth_hash(),
            "next": str(context["next"]),
        }
        request.session.cycle_key()
        return redirect("sign_in_code")
    return _enter(request, person, str(context["next"]))


@open_to_all
@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """The second step, for who uses an authenticator app: its code, or a recovery code."""
    pending: dict[str, Json] = request.session.get(_PENDING) or {}
    person = EmailBackend().get_user(pending["user"]) if pending else None
    if person is None or pending["proof"] != person.get_session_auth_hash():
        return redirect("sign_in")
    context: dict[str, Json] = {"title": "Sign in"}
    if request.method != "POST":
        return render(request, "web/session/code.html", context)
    try:
        accepted = check_code_of(person, code=request.POST.get("code", ""), address=address_of(request))
    except TooManyTries as error:
        return _refused(request, "web/session/code.html", context, error)
    if not accepted:
        return render(request, "web/session/code.html", {**context, "failed": True}, status=401)
    del request.session[_PENDING]
    return _enter(request, person, pending["next"])


@open_to_all
@require_http_methods(["GET", "POST"])
def first_password(request: HttpRequest) -> HttpResponse:
    """Where a one-time code lets its person set their password."""
    context: dict[str, Json] = {"title": "Set your password", "email": request.POST.get("email", "")}
    if request.method != "POST":
        return render(request, "web/session/first_password.html", context)
    try:
        accept_invitation(
            email=context["email"],
            code=request.POST.get("code", ""),
            password=request.POST.get("password", ""),
            address=address_of(request),
        )
    except (InputError, Conflict) as error:
        return _refused(request, "web/session/first_password.html", context, error)
    messages.success(request, "Your password is set. Sign in with it.")
    return redirect("sign_in")


def _refused(
    request: HttpRequest, template: str, context: dict[str, Json], error: AtlasError
) -> HttpResponse:
    """The form again, with the sentence."""
    response = render(request, template, {**context, "error": error}, status=error.http_status)
    say_when_to_come_back(response, error)
    return response


def _enter(request: HttpRequest, person: User, there: str) -> HttpResponse:
    """A session of the person's own, under a new name."""
    login(request, person, backend=_BACKEND)
    request.session["address"] = address_of(request)
    request.session["browser"] = browser_of(request)
    note_signed_in(person, address=address_of(request))
    response = redirect(there)
    note_known_browser(request, response, person.email)
    return response


@require_POST
def sign_out(request: PersonRequest) -> HttpResponse:
    """End the session."""
    note_signed_out(request.user, address=address_of(request))
    logout(request)
    response = redirect("sign_in")
    personal.forget(response)
    forget_cookie(response, SEEN)
    return response


@require_POST
def theme(request: PersonRequest) -> HttpResponse:
    """Remember the person's theme."""
    choice = request.POST.get("theme", "")
    if is_allowed("theme", choice):
        set_preferences(request.user, {"theme": choice})
    return redirect(_page_before(request))


def _page_before(request: HttpRequest) -> str:
    """The page that the request came from, if it is one of ours."""
    before = urlsplit(request.headers.get("Referer", ""))
    wanted = before._replace(scheme="", netloc="").geturl()
    ours = before.netloc == request.get_host() and wanted.startswith("/")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return wanted if ours and safe else "/"


def home(request: PersonRequest) -> HttpResponse:
    """The only tenant's dashboard, or the list of tenants."""
    tenants = list(tenants_of(request.user))
    if len(tenants) == 1:
        return redirect("dashboard", slug=tenants[0].slug)
    return redirect("tenant_list")
