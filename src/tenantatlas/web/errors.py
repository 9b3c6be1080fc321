"""How an error looks on a page: its sentence, its hint, its status. The one place that decides."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string

from tenantatlas.core.errors import AtlasError, NotAllowed, NotFound, TooManyTries


def error_page(request: HttpRequest, error: AtlasError) -> HttpResponse:
    """The error as a whole page. A 404 never says which kind of thing was not found."""
    shown = NotFound() if isinstance(error, NotFound) else error
    context = {"error": shown, "title": "Not found" if isinstance(error, NotFound) else "Not done"}
    response = render(request, "web/errors/error.html", context, status=shown.http_status)
    say_when_to_come_back(response, error)
    return response


def say_when_to_come_back(response: HttpResponse, error: AtlasError) -> None:
    """The header that tells programs what the sentence tells people."""
    if isinstance(error, TooManyTries) and error.retry_after is not None:
        response.headers["Retry-After"] = str(int(error.retry_after))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """For URLs that lead nowhere: the same page."""
    return error_page(request, NotFound())


def our_fault(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """For what we did not foresee: no trace, a plain sentence. Asks nothing of the database."""
    return HttpResponseServerError(render_to_string("web/errors/our_fault.html"))


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """For a form that was not ours, or whose page was open too long."""
    return error_page(
        request,
        NotAllowed(
            "This form is too old, or did not come from this site. Nothing was done.",
            hint="Go back, reload the page and send it again.",
        ),
    )
