"""How an error looks on a page: its sentence, its hint, its status. The one place that decides."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string

from tenantatlas.core.errors import AtlasError, NotAllowed, NotFound, TooManyTries


def error_page(request: HttpRequest, error: AtlasError, *, title: str = "") -> HttpResponse:
    """The error as a whole page. A 404 never says which kind of thing was not found."""
    shown = NotFound() if isinstance(error, NotFound) else error
    context = {"error": shown, "title": title or _title(error), "back": _way_back(request, error)}
    response = render(request, "web/errors/error.html", context, status=shown.http_status)
    say_when_to_come_back(response, error)
    return response


def _title(error: AtlasError) -> str:
    if isinstance(error, NotFound):
        return "Not found"
    return "Not allowed" if isinstance(error, NotAllowed) else "Not done"


def _way_back(request: HttpRequest, error: AtlasError) -> str:
    """The page of ours that somebody came from who may not go on; empty where there is none."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    known = came_from.netloc == request.get_host() and came_from.path not in {"", request.path}
    if not (known and isinstance(error, NotAllowed)):
        return ""
    return urlunsplit(("", "", f"/{came_from.path.lstrip('/')}", came_from.query, ""))


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
        title="Not done",
    )
