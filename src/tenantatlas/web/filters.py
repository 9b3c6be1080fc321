"""Filters live in the query string. What is not known there is dropped, and said."""

from __future__ import annotations

from collections.abc import Container

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpRequest

from tenantatlas.core.json import Json


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


def page_of(request: HttpRequest, rows: Json, size: int) -> Page[Json]:
    """The page of the list that the query string asks for; the nearest one when there is no such page."""
    found: Page[Json] = Paginator(rows, size).get_page(request.GET.get("page"))
    return found
