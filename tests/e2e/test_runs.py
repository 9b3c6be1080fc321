"""A run is cancelled, and one that went wrong in part is retried, from click to end."""

from __future__ import annotations

import pytest

from .browsing import Visit
from .contents import SCRIPTS
from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_run_is_cancelled(visit: Visit, site: Site) -> None:
    """It asks first and says what that means; the page finds out by itself when the run has stopped."""
    page = visit.page
    site.dawdle()
    try:
        visit.open("policies/")
        visit.press("Back up all")
        page.wait_for_url("**/runs/**")
        visit.picture("run open")
        page.click("#cancel > summary")
        assert "What is done stays done." in visit.text()
        visit.picture("run cancel asked")
        visit.press("Cancel run")
        page.wait_for_selector("text=Stopping: the item in hand finishes, the others are not started.")
    finally:
        site.speed_up()
    visit.await_end()
    assert "cancelled" in visit.text().lower()
    assert page.title().startswith("Cancelled Back up policies #")
    visit.picture("run cancelled")
    visit.open("runs/")
    assert "Cancelled" in visit.text()


def test_what_went_wrong_is_retried(visit: Visit, site: Site, ids: dict[str, str]) -> None:
    """The page shows what failed and why; the retry does that again, and only that."""
    page = visit.page
    site.refuse("GET", rf"{SCRIPTS}/{ids['Script map drives']}")
    visit.open("policies/")
    visit.press("Back up all")
    page.wait_for_url("**/runs/**")
    visit.await_end()
    site.speed_up()
    assert "partly succeeded" in visit.text().lower()
    assert "Script map drives" in visit.text()
    visit.picture("run partly succeeded")
    first = page.url
    visit.press("Retry failed items (1)")
    page.wait_for_function("first => location.href !== first", arg=first)
    visit.await_end()
    assert page.title().startswith("✓ Succeeded")
    assert "1 of 1 done" in visit.text()
    assert first.removeprefix(site.url).split("?")[0] in page.content()
