"""Every route of the product, found by walking the resolver itself, and what an answer says about itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters

from tests.web.places import Place

#: What a converter takes, for an id that never existed.
NEVER = {
    "int": str(10**15 + 7),
    "slug": "never-was",
    "str": "never-was",
    "uuid": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
}


@dataclass(frozen=True)
class Route:
    """One pattern: its name and what its address takes, by converter."""

    name: str
    pattern: str
    takes: dict[str, str] = field(hash=False)


def every_route(resolver: URLResolver | None = None, before: str = "") -> Iterator[Route]:
    """Every pattern that the resolver knows, named or not."""
    known = {type(converter): name for name, converter in get_converters().items()}
    for each in (resolver or get_resolver()).url_patterns:
        pattern = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from every_route(each, pattern)
        elif isinstance(each, URLPattern):
            takes = dict(re.findall(r"<(\w+):(\w+)>", pattern))
            assert set(known.values()) >= set(takes), pattern
            yield Route(str(each.name or ""), pattern, {argument: kind for kind, argument in _pairs(pattern)})


def _pairs(pattern: str) -> list[tuple[str, str]]:
    """(converter, argument) of each part; a part without converter takes a string."""
    return [(kind or "str", argument) for kind, argument in re.findall(r"<(?:(\w+):)?(\w+)>", pattern)]


def in_other_tenant(place: Place, slug: str) -> str:
    """The place's address with its object ids, under another tenant."""
    return place.url.replace("/t/contoso/", f"/t/{slug}/", 1)


def never_existed(url: str) -> str:
    """The address with ids that nobody ever had, in path and query."""
    path, _, query = url.partition("?")
    head, tenant, rest = re.fullmatch(r"(/t/)([^/]+)(/.*)", path).groups()  # type: ignore[union-attr]
    rest = re.sub(r"/\d+/", lambda _: f"/{NEVER['int']}/", re.sub(r"/\d+/", f"/{NEVER['int']}/", rest))
    query = re.sub(r"=\d+", f"={NEVER['int']}", query)
    return f"{head}{tenant}{rest}" + (f"?{query}" if query else "")


def said(answer: Any) -> tuple[int, bytes, dict[str, str], list[str]]:
    """All that an answer tells: status, body, headers, names of cookies."""
    body = answer.getvalue() if answer.streaming else answer.content
    return answer.status_code, body, dict(answer.headers), sorted(answer.cookies)


def fingerprints() -> dict[str, str]:
    """A digest of every row of every table of the database, by table."""
    found = {}
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {quote(table)}")  # noqa: S608 - a table's own name
            rows = sorted(
                repr([bytes(each) if isinstance(each, memoryview) else each for each in row])
                for row in cursor
            )
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found
