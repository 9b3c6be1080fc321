"""Filters live in the query string. What is not known there is dropped, and said.

The last filters of each list are remembered, and restored when the list is opened without any: the person is
led to the address that has them, which says so and offers the way back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json

from . import personal
from .htmx import wants_part

View = Callable[..., HttpResponseBase]

#: Restored addresses carry the mark of their filters: the page says so until they are changed.
RESTORED = "restored"
#: Asking for a list with this forgets its filters.
RESET = "reset"
#: A filter that lets everything through.
_EVERYTHING = frozenset({"", "all"})
#: What an address may carry that is no filter.
_NO_FILTERS = frozenset({"page", "tab", "v", "shown", "export", "columns", RESTORED, RESET})


def chosen(request: HttpRequest, name: str, allowed: Container[str], default: str = "") -> str:
    """The value of a filter, or the default; a value that is not allowed is dropped, and said."""
    value = request.GET.get(name, "")
    if not value:
        return default
    if value in allowed:
        return value
    messages.info(request, f"The link asked for {name} “{value[:60]}”, which is not known here: left out.")
    return default


def text(request: HttpRequest, name: str) -> str:
    """What was typed into a filter."""
    return request.GET.get(name, "").strip()[:200]


def number(request: HttpRequest, name: str) -> int:
    """A number in the query string; 0 when there is none."""
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 18 else 0  # noqa: PLR2004 - digits of a database id


def numbers(request: HttpRequest, name: str) -> list[int]:
    """The numbers, separated by commas, in the query string; what is none is left out."""
    texts = request.GET.get(name, "").split(",")
    return [int(each) for each in texts if each.isdecimal() and len(each) < 18]  # noqa: PLR2004 - digits of a database id


class _Bounded(Paginator):  # type: ignore[type-arg]  # not subscriptable where the program runs
    """Counts so far and no further: of what is beyond, nobody asks for page 201."""

    def __init__(self, rows: Json, size: int, *, most: int) -> None:
        super().__init__(rows, size)
        self.rows, self.most = rows, most

    @functools.cached_property
    def count(self) -> int:
        """How many there are, at most `most`."""
        return int(self.rows[: self.most].count())


def page_of(request: HttpRequest, rows: Json, size: int, *, most: int = 0) -> Page[Json]:
    """The page of the list that the query string asks for; the nearest one when there is no such page.

    With `most`, of a queryset only so many are counted and can be paged through.
    """
    pages = _Bounded(rows, size, most=most) if most else Paginator(rows, size)
    found: Page[Json] = pages.get_page(request.GET.get("page"))
    return found


def remembered(name: str) -> Callable[[View], View]:
    """Have the list called `name` remember its last filters, per person and tenant.

    Stands under `require_GET`. Opened without a query, the view redirects to the address with the filters of
    last time; `?reset=1` forgets them.
    """

    def around(view: View) -> View:
        @functools.wraps(view)
        def remembering(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if wants_part(request) or "export" in request.GET:
                return view(request, *args, **kwargs)
            kept, place = personal.read(request), _place(request, name)
            if not request.GET and (query := kept.filters.get(place)):
                return redirect(f"{request.path}?{query}&{RESTORED}={_mark(query)}")
            reset = RESET in request.GET
            query = "" if reset else _filters_in(request)
            request.filters_restored = bool(query) and request.GET.get(RESTORED) == _mark(query)  # type: ignore[attr-defined]  # read by base.html
            response: HttpResponseBase = redirect(request.path) if reset else view(request, *args, **kwargs)
            if kept.remember_filters(place, query):
                personal.write(response, kept)
            return response

        return remembering

    return around


def _place(request: HttpRequest, name: str) -> str:
    tenant = getattr(request, "tenant", None)
    return f"{tenant.slug}/{name}" if tenant else name


def _mark(query: str) -> str:
    return sha256_hex(query.encode())[:8]


def _filters_in(request: HttpRequest) -> str:
    """The filters of the address, without what is empty."""
    kept = request.GET.copy()
    for key in list(kept):
        values = [value for value in kept.getlist(key) if value not in _EVERYTHING]
        if key in _NO_FILTERS or not values:
            del kept[key]
        else:
            kept.setlist(key, values)
    return kept.urlencode()
