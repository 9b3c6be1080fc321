"""What every request passes: response headers, the tenant in the path, errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from tenantatlas.accounts.models import User
from tenantatlas.core.errors import AtlasError, NotAllowed, NotFound
from tenantatlas.tenants.people import record_refusal
from tenantatlas.tenants.queries import tenant_for
from tenantatlas.tenants.scope import tenant_scope

from .cookies import is_idle, note_act
from .errors import error_page
from .htmx import wants_part
from .requests import address_of

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

_ERRORS = 400

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)


class ResponseHeaders:
    """Every answer, errors included, carries the same security headers; pages are never stored by caches."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if response.status_code >= _ERRORS or not request.path.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = "no-store"
        return response


class SignedIn:
    """Every page but sign-in asks for a person who did something in the last half hour."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "entered", False) and request.user.is_authenticated:
            note_act(request, response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Send a stranger to sign-in, with the way back."""
        if request.user.is_authenticated and is_idle(request):
            request.user = AnonymousUser()
            request.was_idle = True  # type: ignore[attr-defined]  # the sign-in page says so
        request.entered = True  # type: ignore[attr-defined]  # read above
        if request.user.is_authenticated or getattr(view, "open_to_all", False):
            return None
        if wants_part(request):
            return _leave_for_sign_in(request)
        return redirect(_sign_in_and_back_to(request.get_full_path()))


def _sign_in_and_back_to(path: str) -> str:
    return f"{settings.LOGIN_URL}?{urlencode({'next': path})}"


def _leave_for_sign_in(request: HttpRequest) -> HttpResponse:
    """A part of a page is not replaced by the sign-in form: the whole page leaves for it."""
    page = urlsplit(request.headers.get("HX-Current-URL", ""))._replace(scheme="", netloc="").geturl()
    return HttpResponse(status=401, headers={"HX-Redirect": _sign_in_and_back_to(page or "/")})


class TenantInPath:
    """`/t/<slug>/…` enters that tenant's scope; a stranger gets the 404 of a tenant that never existed."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Run the view inside the tenant's scope and turn our errors into pages."""
        try:
            slug = kwargs.pop("slug", None)
            if slug is None:
                return view(request, *args, **kwargs)
            if not isinstance(request.user, User):
                raise NotFound
            tenant = tenant_for(request.user, slug)
            request.tenant = tenant  # type: ignore[attr-defined]  # the TenantRequest that views are given
            with tenant_scope(tenant):
                response = view(request, *args, **kwargs)
                render = getattr(response, "render", None)
                return render() if render else response
        except AtlasError as error:
            _note_refusal(request, error)
            return error_page(request, error)


def _note_refusal(request: HttpRequest, error: AtlasError) -> None:
    """Who tried what they may not do stands in the trail; of a page only looked at, in the log."""
    if not isinstance(error, NotAllowed) or not isinstance(request.user, User):
        return
    tenant = getattr(request, "tenant", None)
    capability = str(error.details.get("capability", ""))
    log.warning("authorisation_refused", extra={"path": request.path, "capability": capability})
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        record_refusal(
            actor=request.user,
            tenant_id=tenant.pk if tenant else None,
            address=address_of(request),
            path=request.path,
            capability=capability,
        )
