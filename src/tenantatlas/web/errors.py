"""How an error looks on a page: its sentence, its hint, its status. The one place that decides."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tenantatlas.core.errors import AtlasError, NotFound


def error_page(request: HttpRequest, error: AtlasError) -> HttpResponse:
    """The error as a whole page. A 404 never says which kind of thing was not found."""
    shown = NotFound() if isinstance(error, NotFound) else error
    context = {"error": shown, "title": "Not found" if isinstance(error, NotFound) else "Not done"}
    return render(request, "web/errors/error.html", context, status=shown.http_status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """For URLs that lead nowhere: the same page."""
    return error_page(request, NotFound())


def our_fault(request: HttpRequest) -> HttpResponse:
    """For what we did not foresee: no trace, a plain sentence."""
    return render(request, "web/errors/our_fault.html", {"title": "This is our fault"}, status=500)
