"""One product, one browser and one telling of the story for all tests here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import find_browser

from .browsing import ARGUMENTS, PICTURES, Visit, visiting
from .contents import fill
from .onboarding import Onboarded, fabrikam_at, onboard
from .site import Site, running_site
from .story import Told, tell

WHY = "Chromium: none found; `python -m tests.browser` installs Debian's"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share one product, and find in it what others did: they run as written."""
    here = Path(__file__).parent
    places = [place for place, item in enumerate(items) if item.path.parent == here]
    in_order = sorted((items[place] for place in places), key=lambda item: item.location)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A browser; skips, saying why, where there is none (required with CI=true)."""
    path = find_browser()
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(WHY)
    if path is None:
        pytest.skip(WHY)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:  # noqa: ARG001 - first ask whether there is a browser
    """The running product."""
    with running_site(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="package")
def ids(site: Site) -> dict[str, str]:
    """The ids of what is in the simulated tenant, by name."""
    return fill(site)


@pytest.fixture(scope="package")
def told(chromium: Browser, site: Site, ids: dict[str, str]) -> Told:
    """The story, told."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
    with visiting(chromium, site) as visit:
        return tell(visit, ids)


@pytest.fixture
def visit(chromium: Browser, site: Site, told: Told) -> Iterator[Visit]:
    """A window in which the owner is signed in, after the story."""
    with visiting(chromium, site, state=told.state) as window:
        yield window


@pytest.fixture
def visiting_without_scripts(
    chromium: Browser, site: Site, told: Told
) -> Callable[..., AbstractContextManager[Any]]:
    """The same with JavaScript switched off."""
    return partial(visiting, chromium, site, scripts=False, state=told.state)


@pytest.fixture(scope="package")
def onboarded(chromium: Browser, site: Site, told: Told) -> Onboarded:
    """A second tenant, Fabrikam, connected in the browser."""
    fabrikam = fabrikam_at(site)
    with visiting(chromium, fabrikam, state=told.state, leads_to=site.graph_url) as window:
        return onboard(window, fabrikam)


@pytest.fixture
def visit_fabrikam(chromium: Browser, onboarded: Onboarded, told: Told) -> Iterator[Visit]:
    """A window in which the owner is signed in, after Fabrikam was connected."""
    with visiting(chromium, onboarded.site, state=told.state) as window:
        yield window
