"""What every request passes: response headers, the tenant in the path, errors as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from tenantatlas.accounts.models import User
from tenantatlas.core.errors import AtlasError, NotFound
from tenantatlas.tenants.queries import tenant_for
from tenantatlas.tenants.scope import tenant_scope

from .errors import error_page

GetResponse = Callable[[HttpRequest], HttpResponse]

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
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if not request.path.startswith(settings.STATIC_URL):
            response.headers["Cache-Control"] = "no-store"
        return response


class SignedIn:
    """Every page but sign-in asks for a person."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Send a stranger to sign-in, with the way back."""
        if request.user.is_authenticated or getattr(view, "open_to_all", False):
            return None
        return redirect(f"{settings.LOGIN_URL}?{urlencode({'next': request.get_full_path()})}")


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
            return error_page(request, error)
