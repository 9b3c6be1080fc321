"""Every page of the product, found as a person finds them: by following links, from the start page on.

The URL map says which addresses there are. One that takes arguments is looked at where a link leads to it;
one that no link leads to is a page that nobody finds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from django.urls import Resolver404, get_resolver, resolve
from playwright.sync_api import APIRequestContext

from tests.web.places import OPEN_TO_ALL, POSTS

#: Query keys that make another page of an address; the others only narrow it.
PARTS = frozenset({"tab"})
#: Addresses that no link leads to: fragments of pages, and where another site leads back to.
FRAGMENTS = frozenset(
    {
        *("bell", "run_busy", "run_live", "home", "components", "group_find", "schedule_next"),
        *("delegated_callback", "delegated_finish", "certificate_download"),
    }
)
#: Links that are followed no further.
_FILES = frozenset({"export", "download"})
#: As many addresses of one kind are followed; the first one is looked at.
MOST_OF_A_KIND = 4
_LINK = re.compile(r'<a\b[^>]*\bhref="([^"#]*)')
#: The one page that a form leads to, with its choice in the address.
_COMPARE = re.compile(r'<form method="get" action="([^"]+/diff/)"')
_CHOICE = re.compile(r'name="([ab])" value="([^"]+)"[^>]* checked')


@dataclass
class Walk:
    """What was found: page -> the first address of it; and what was wrong on the way."""

    found: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


def walk(http: APIRequestContext, base: str, *starts: str, within: str = "/") -> Walk:
    """Follow links from `starts`, breadth first, as long as they stay under `within` or in no tenant."""
    told, seen, queue = Walk(), set(starts), list(starts)
    followed: dict[str, int] = {}
    while queue:
        path = queue.pop(0)
        name, page = _which(path)
        if not name or followed.get(page, 0) >= MOST_OF_A_KIND:
            continue
        followed[page] = followed.get(page, 0) + 1
        answer = http.get(f"{base}{path}")
        if not answer.ok:
            told.broken.append(f"{path} answers {answer.status}")
            continue
        told.names.add(name)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        told.found.setdefault(page, path)
        for link in links_of(answer.text(), path):
            if link not in seen and _is_within(link, within):
                seen.add(link)
                queue.append(link)
    return told


def links_of(source: str, path: str) -> Iterator[str]:
    """Where the page's links lead within the site."""
    compare = [f"{action}?{urlencode(_CHOICE.findall(source))}" for action in _COMPARE.findall(source)]
    for found in [*_LINK.findall(source), *compare]:
        parts = urlsplit(urljoin(path, html.unescape(found)))
        if not parts.netloc and not parts.scheme:
            query = f"?{parts.query}" if parts.query else ""
            yield f"{parts.path}{query}"


def _is_within(link: str, within: str) -> bool:
    return link.startswith(within) or not link.startswith("/t/")


def _which(path: str) -> tuple[str, str]:
    """The address's name, and the page that it is; empty for files and for what is not ours."""
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query))
    if _FILES & set(query):
        return "", ""
    try:
        name = str(resolve(parts.path).url_name)
    except Resolver404:
        return ("", "") if parts.path.startswith("/static/") else (parts.path, parts.path)
    which = [f"{key} {query[key]}" for key in sorted(PARTS & set(query))]
    return name, " ".join([name, *which])


def unfound(told: Walk) -> set[str]:
    """Pages of the URL map that no link leads to."""
    named = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    return named - told.names - POSTS - OPEN_TO_ALL - FRAGMENTS
