"""One decision for every live fragment: the whole page when asked plainly, the part when htmx asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks, and not to restore a page of its history."""
    return request.headers.get("HX-Request") == "true" and not request.headers.get(
        "HX-History-Restore-Request"
    )


def render_page_or_part(
    request: HttpRequest, page: str, part: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render `part` where htmx asks for it, else `page`; varies on HX-Request."""
    response = render(request, part if wants_part(request) else page, dict(context), status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def unchanged() -> HttpResponse:
    """Nothing moved: 204 tells htmx to leave the page alone."""
    response = HttpResponse(status=204)
    patch_vary_headers(response, ("HX-Request",))
    return response
