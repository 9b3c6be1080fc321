"""One decision for every live fragment: the whole page when asked plainly, the part when htmx asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_page_or_part(
    request: HttpRequest, page: str, part: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render `part` for an htmx request that does not restore history, else `page`; varies on HX-Request."""
    wants_part = request.headers.get("HX-Request") == "true" and not request.headers.get(
        "HX-History-Restore-Request"
    )
    response = render(request, part if wants_part else page, dict(context), status=status)
    patch_vary_headers(response, ("HX-Request",))
    return response


def unchanged() -> HttpResponse:
    """Nothing moved: 204 tells htmx to leave the page alone."""
    return HttpResponse(status=204)
