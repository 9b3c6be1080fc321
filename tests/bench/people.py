"""How long people wait for a start: twenty browsers, the served product, and its worker at work meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from . import contents
from .product import EMAIL, GUID, PASSWORD, SLUG, Product, free_ports
from .table import Row, milliseconds, percentile

PEOPLE = 20
_MOST_SECONDS = 0.1
_POLICIES = 200
_DETAILS = "{} starts, the whole request; the worker works meanwhile"
#: Where people press, and what they send; the others' runs of the same kind are open, so that both the making
#: of a run and the finding of an open one are timed.
_STARTS = ("policies/backup/", "policies/sync/", "policies/backup/", "directory/sync/")


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who has signed in, with a browser of their own."""

    number: int
    browser: aiohttp.ClientSession

    async def press(self, time_: int) -> float:
        """Start something; the seconds until the server answered."""
        path = _STARTS[(self.number + time_) % len(_STARTS)]
        began = time.perf_counter()
        await _send(self.browser, f"/t/{SLUG}/{path}", {"name": f"Set {self.number} {time_}"})
        return time.perf_counter() - began


async def _send(browser: aiohttp.ClientSession, path: str, form: dict[str, str]) -> None:
    """One form, as the browser sends it: with its cookies and the token that stands in the page."""
    token = browser.cookie_jar.filter_cookies(URL(str(browser._base_url)))["csrftoken"].value
    form = {**form, "csrfmiddlewaretoken": token}
    async with browser.post(path, data=form, allow_redirects=False) as answer:
        assert answer.status == HTTPStatus.FOUND, (path, answer.status, await answer.text())
        browser.cookie_jar.clear(lambda cookie: cookie.key == "messages")  # as the page that shows them would


@contextlib.asynccontextmanager
async def _signed_in(url: str) -> AsyncIterator[list[Person]]:
    async with contextlib.AsyncExitStack() as stack:
        people = []
        for number in range(PEOPLE):
            jar = aiohttp.CookieJar(unsafe=True)  # which means: of an address, not a name
            browser = await stack.enter_async_context(aiohttp.ClientSession(url, cookie_jar=jar))
            async with browser.get("/sign-in/") as page:
                assert page.status == HTTPStatus.OK
            await _send(browser, "/sign-in/", {"email": EMAIL, "password": PASSWORD})
            people.append(Person(number=number, browser=browser))
        yield people


async def _work(url: str, times: int) -> tuple[list[float], list[float]]:
    """What each press took: of people who press once a second, and of all at the very same moment."""
    breath = random.Random(20)  # noqa: S311 - not a secret
    async with _signed_in(url) as people:

        async def one(person: Person) -> list[float]:
            took = []
            for time_ in range(times):
                await asyncio.sleep(breath.uniform(0.5, 1.5))
                took.append(await person.press(time_))
            return took

        spread = [seconds for took in await asyncio.gather(*map(one, people)) for seconds in took]
        together: list[float] = []
        for time_ in range(times, 2 * times):
            together += await asyncio.gather(*(person.press(time_) for person in people))
            await asyncio.sleep(1.0)
    return spread, together


def measure(*, database: str, url: str, times: int) -> Iterator[Row]:
    """Twenty people start work, each once a second; then all of them at the very same moment, each second."""
    with tempfile.TemporaryDirectory(prefix="tenantatlas-bench-") as folder:
        product = Product(home=Path(folder), database_url=url, ports=free_ports())
        with product.graph(scale=1.0):
            product.connect()
            product.fill(contents.named())
            product.fill(contents.mixed(_POLICIES, guid=GUID))
            with product.served() as address:
                spread, together = asyncio.run(_work(address, times))
    slow = percentile(spread, 0.95)
    yield Row(
        what=f"start in the browser, {PEOPLE} people, each once a second",
        database=database,
        result=f"p95 {slow * 1000:.0f} ms, {milliseconds(spread)}",
        target=f"p95 ≤ {_MOST_SECONDS * 1000:.0f} ms",
        details=_DETAILS.format(len(spread)),
        missed=slow > _MOST_SECONDS,
    )
    yield Row(
        what=f"start in the browser, {PEOPLE} people in the very same moment",
        database=database,
        result=f"p95 {percentile(together, 0.95) * 1000:.0f} ms, {milliseconds(together)}",
        details=_DETAILS.format(len(together)),
    )
