"""How long the server takes for each page of a large install."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenantatlas.accounts.models import User
from tests.processes import templates

from .fill import Sizes, fill
from .table import Row, percentile

MOST_SECONDS = 0.150
MOST_QUERIES = 12
#: Files, whose time is that of their contents, and addresses that lead elsewhere.
_NO_PAGES = frozenset(
    {
        "certificate_download",
        "export_download",
        "group_find",
        "home",
        "restore_detail",
        "set_download",
        "sign_in_code",
    }
)


@dataclass(frozen=True, kw_only=True)
class Visited:
    """One page: the seconds of each visit, and the queries of one."""

    name: str
    seconds: list[float]
    queries: int


def visit_all(sizes: Sizes, visits: int) -> tuple[float, list[Visited]]:
    """Fill the database of this process and visit every page as Otto; the seconds that filling took."""
    began = time.monotonic()
    places = fill(sizes)
    filled = time.monotonic() - began
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(User.objects.get(email="otto@contoso.example"))
    return filled, [
        _visit(browser, place.name, place.url, visits)
        for place in sorted(places, key=lambda place: place.name)
        if place.takes_get and place.name not in _NO_PAGES
    ]


def _visit(browser: Client, name: str, url: str, visits: int) -> Visited:
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(url)
    asked = queries.captured_queries  # now: the next request forgets them
    assert answer.status_code == HTTPStatus.OK, (name, url, answer.status_code)
    took = []
    for _ in range(visits):
        began = time.perf_counter()
        browser.get(url)
        took.append(time.perf_counter() - began)
        if took[-1] > 20 * MOST_SECONDS:
            break
    slow = percentile(took, 0.95)
    if slow > MOST_SECONDS:
        _say_slowest(f"{name}, {slow:.3f} s", asked)
    return Visited(name=name, seconds=took, queries=len(asked))


def _say_slowest(name: str, asked: list[dict[str, str]]) -> None:
    """What to look at first."""
    slowest = max(asked, key=lambda query: float(query["time"]), default=None)
    if slowest is not None:
        sys.stderr.write(f"{name}: {slowest['time']} s in {slowest['sql'][:600]}\n")


def measure(*, database: str, server: str, sizes: Sizes, visits: int) -> Iterator[Row]:
    """A row for each page, slowest first."""
    with contextlib.ExitStack() as stack:
        install = stack.enter_context(stack.enter_context(templates(server))())
        running = install.start(visit_all, sizes, visits)
        filled, visited = running.result(patience=3600.0)
    yield Row(
        what="filling the database of the pages",
        database=database,
        result=f"{filled:.0f} s",
        details=f"{sizes.runs:,} runs, {sizes.policies:,} policies, {sizes.tenants:,} tenants",
    )
    for page in sorted(visited, key=lambda page: -percentile(page.seconds, 0.95)):
        slow = percentile(page.seconds, 0.95)
        yield Row(
            what=f"page {page.name}",
            database=database,
            result=f"p50 {percentile(page.seconds, 0.5) * 1000:.0f} ms, p95 {slow * 1000:.0f} ms",
            target=f"p95 ≤ {MOST_SECONDS * 1000:.0f} ms",
            details=f"{page.queries} queries",
            missed=slow > MOST_SECONDS or page.queries > MOST_QUERIES,
        )
