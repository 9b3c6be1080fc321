"""A person's own password, authenticator app and sessions."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts import totp
from tenantatlas.accounts.sessions import stored_key
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.tenants import people, secondfactor
from tenantatlas.web.errors import say_when_to_come_back
from tenantatlas.web.qr import qr_code
from tenantatlas.web.requests import PersonRequest


@require_GET
def security(request: PersonRequest) -> HttpResponse:
    """Password, authenticator app, and where one is signed in."""
    return _page(request, {})


@require_POST
def security_password(request: PersonRequest) -> HttpResponse:
    """Change the password; all other sessions end."""

    def change() -> HttpResponse:
        if request.POST.get("password") != request.POST.get("again"):
            raise InputError("The two new passwords differ.", hint="Type the same one twice.")
        people.change_own_password(
            request.user,
            current=request.POST.get("current", ""),
            password=request.POST.get("password", ""),
            keep=_session(request),
        )
        update_session_auth_hash(request, request.user)
        messages.success(request, "Your password is changed. All other sessions have ended.")
        return redirect("security")

    return _try(request, "current", change)


@require_POST
def security_app_begin(request: PersonRequest) -> HttpResponse:
    """Show a secret for an authenticator app."""

    def begin() -> HttpResponse:
        secondfactor.begin_enrolment(request.user)
        return redirect("security")

    return _try(request, "app", begin)


@require_POST
def security_app_confirm(request: PersonRequest) -> HttpResponse:
    """Take the first code, and show the recovery codes, once."""

    def confirm() -> HttpResponse:
        codes = secondfactor.confirm_enrolment(
            request.user, code=request.POST.get("code", ""), keep=_session(request)
        )
        return _page(request, {"recovery_codes": codes})

    return _try(request, "code", confirm)


@require_POST
def security_app_remove(request: PersonRequest) -> HttpResponse:
    """Let the password alone sign in; all other sessions end."""

    def remove() -> HttpResponse:
        secondfactor.remove_second_factor(
            request.user, password=request.POST.get("password", ""), keep=_session(request)
        )
        messages.success(request, "The authenticator app is removed. All other sessions have ended.")
        return redirect("security")

    return _try(request, "remove-password", remove)


@require_POST
def security_recovery_codes(request: PersonRequest) -> HttpResponse:
    """New recovery codes, shown once."""

    def renew() -> HttpResponse:
        codes = secondfactor.renew_recovery_codes(request.user, password=request.POST.get("password", ""))
        return _page(request, {"recovery_codes": codes})

    return _try(request, "codes-password", renew)


@require_POST
def security_end_sessions(request: PersonRequest) -> HttpResponse:
    """Sign out everywhere else."""
    ended = people.end_other_sessions(request.user, keep=_session(request))
    messages.success(request, f"{ended} other session{'' if ended == 1 else 's'} ended.")
    return redirect("security")


def _session(request: PersonRequest) -> str:
    return request.session.session_key or ""


def _try(request: PersonRequest, field: str, change: Callable[[], HttpResponse]) -> HttpResponse:
    """What the change answers, or the page again with what is wrong beside the field."""
    try:
        return change()
    except (InputError, Conflict) as error:
        problems = [{"field": field, "message": error.message, "hint": error.hint}]
        response = _page(request, {"problems": problems, "wrong": field}, status=error.http_status)
        say_when_to_come_back(response, error)
        return response


def _page(request: PersonRequest, context: dict[str, Json], *, status: int = 200) -> HttpResponse:
    secret = secondfactor.enrolment_secret(request.user)
    uri = totp.as_uri(secret, email=request.user.email) if secret else ""
    context |= {
        "title": "Security",
        "section": "security",
        "app": secondfactor.has_second_factor(request.user),
        "codes_left": secondfactor.recovery_codes_left(request.user),
        "secret": totp.as_text(secret) if secret else "",
        "secret_uri": uri,
        "secret_code": qr_code(uri) if uri else None,
        "sessions": people.sessions_of(request.user),
        "this_session": stored_key(_session(request)),
    }
    return render(request, "web/people/security.html", context, status=status)
