"""The wizard without a mouse, and without scripts; the keys; ticking, toasts, pausing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .browsing import Visit
from .contents import CATALOG, COMPLIANCE
from .site import Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MOST_TABS = 80


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until this has the focus, which must then be seen."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def skip_to_content(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")


def test_the_wizard_without_a_mouse(visit: Visit, site: Site, ids: dict[str, str]) -> None:
    """From the restore list to the verified result, by Tab, Enter, Space and letters only."""
    site.remove(COMPLIANCE, ids["Compliance kiosks"])
    page = visit.page
    visit.open("restore/")
    skip_to_content(page)
    tab_to(page, "a.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/restore/new/")
    tab_to(page, "input[name=set]")
    tab_to(page, "button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/policies/")
    tab_to(page, "input[type=search][data-narrow]")
    page.keyboard.type("kiosks")
    tab_to(page, "input[name=policy]")
    page.keyboard.press("Space")
    assert page.is_checked("#scope-ticked")
    tab_to(page, "button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/options/")
    tab_to(page, "input[name=existing]")
    tab_to(page, "button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/mapping/")
    tab_to(page, "button.btn-primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview/")
    tab_to(page, "#preview")
    page.keyboard.press("Enter")
    visit.await_end()
    tab_to(page, "#onward")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/")
    tab_to(page, "#acknowledged")
    page.keyboard.press("Space")
    tab_to(page, "#reason")
    page.keyboard.type("It was deleted")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/**")
    visit.await_end()
    assert "succeeded, 1 of 1 done" in visit.text()
    assert "Compliance kiosks" in site.names(COMPLIANCE)


def test_the_wizard_without_scripts(
    visiting_without_scripts: Callable[..., AbstractContextManager[Any]], site: Site, ids: dict[str, str]
) -> None:
    site.change(CATALOG, ids["Windows - Credential Guard"], description="Changed once more")
    with visiting_without_scripts() as visit:
        page = visit.page
        visit.open("restore/new/")
        visit.press("Next: policies")
        visit.press("Next: options")
        visit.press("Next: mapping")
        visit.press("Next: preview")
        visit.press("Preview restore")
        page.wait_for_selector("#onward")  # the page refreshes itself
        visit.press("Next: review")
        page.check("#acknowledged")
        page.click("main form button:has-text('Restore ')")  # what other tests changed comes back too
        while page.locator("#live[hx-get]").count():
            visit.press("Refresh")
        assert page.locator("[data-live-toggle]").is_hidden()
        visit.press("Show the result")
        assert "Succeeded " in visit.text()
        visit.open("policies/")
        page.click("#filter-protection > summary")
        page.click("#filter-protection a:has-text('Never backed up')")
        assert "protection=never" in page.url
    restored = site.body(CATALOG, "Windows - Credential Guard")
    assert restored["description"] == "About Windows - Credential Guard"


def test_the_keys(visit: Visit) -> None:
    page = visit.page
    visit.open("")
    page.keyboard.press("?")
    assert page.locator("#help-menu .menu-panel").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help-menu .menu-panel").is_visible()
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/policies/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("[data-tick] >> nth=1").is_checked()
    page.keyboard.press("/")
    page.keyboard.type("gp?j")
    assert page.input_value("#search") == "gp?j"
    page.keyboard.press("Enter")
    page.wait_for_url("**/policies/?q=gp%3Fj")


def test_a_command_on_ticked_rows_counts_them(visit: Visit) -> None:
    page = visit.page
    visit.open("policies/?q=windows")
    button = page.locator("[data-needs-selection]:has-text('Back up')")
    assert button.is_disabled()
    assert "Tick policies first." in visit.text()
    page.check("[data-tick] >> nth=0")
    page.check("[data-tick] >> nth=1")
    assert button.inner_text() == "Back up 2 ticked"
    assert "Tick policies first." not in visit.text()
    page.check("[data-tick-all]")
    assert button.is_enabled()


def test_the_address_is_the_state(visit: Visit) -> None:
    page = visit.page
    visit.open("policies/")
    page.click("#filter-assigned > summary")
    page.click("#filter-assigned a:has-text('Yes')")
    page.wait_for_url("**assigned=yes**")
    page.click("th a:has-text('Policy name')")
    page.wait_for_url("**sort=name**")
    assert "assigned=yes" in page.url
    before = page.inner_text("caption")
    page.reload()
    assert page.inner_text("caption") == before
    page.go_back()
    assert "sort" not in page.url


def test_live_updates_can_be_paused(visit: Visit) -> None:
    page = visit.page
    visit.open("runs/")
    visit.pass_a_minute()
    asked = visit.asked("shown=")
    assert asked > 0
    page.click("[data-live-toggle]")
    assert page.inner_text("[data-live-toggle]") == "Paused"
    visit.pass_a_minute()
    assert visit.asked("shown=") == asked


def test_a_toast_says_what_was_started_and_leaves(visit: Visit) -> None:
    page = visit.page
    visit.open("connection/")
    visit.press("Check connection")
    page.wait_for_selector("[data-toast]")
    assert "Started: Check permissions" in page.inner_text("[data-toast]")
    visit.await_end()
    visit.pass_a_minute()
    assert page.locator("[data-toast]").count() == 0


def test_switching_tenants_by_search_and_arrows(visit: Visit, site: Site) -> None:
    """The switcher opens with the cursor in its search box; the arrows go through what it finds."""
    page = visit.page
    visit.open("policies/")
    page.focus("#tenant-menu > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tenant-choices a")
    assert page.evaluate("document.activeElement.name") == "tenant"
    page.keyboard.type("nobody")
    page.clock.run_for(500)
    page.wait_for_selector("#tenant-choices >> text=No tenant of yours has that name.")
    for _ in "nobody":
        page.keyboard.press("Backspace")
    page.keyboard.type("cont")
    page.clock.run_for(500)
    page.wait_for_selector("#tenant-choices a")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("'choice' in document.activeElement.dataset")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.page('policies/')}**")


def test_keys_can_be_switched_off(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.site.url}/me/preferences/")
    page.select_option("#keys", "off")
    visit.press("Save preferences")
    page.wait_for_selector("body[data-keys=off]")
    page.keyboard.press("?")
    assert not page.locator("#help-menu .menu-panel").is_visible()
    page.select_option("#keys", "on")
    visit.press("Save preferences")
    page.wait_for_selector("body:not([data-keys])")
    page.keyboard.press("?")
    assert page.locator("#help-menu .menu-panel").is_visible()


def test_the_browser_tells_its_zone_and_times_are_read_in_it(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.site.url}/me/preferences/")
    page.select_option("#zone", "Asia/Tokyo")
    visit.press("Save preferences")
    visit.open("")
    assert "Asia/Tokyo (" in str(page.get_attribute("main time", "title"))
    page.click("#person-menu > summary")
    page.select_option("#times-choice", "utc")
    page.wait_for_selector("main time:has-text('UTC')")
    page.click("#person-menu > summary")
    page.select_option("#times-choice", "relative")
    page.wait_for_selector("main time:has-text('ago')")


def test_a_filter_opens_under_its_pill_and_applies_at_once(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.site.url}/notifications/")
    page.focus("#filter-show > summary")
    before = page.locator("#filter-show > summary").bounding_box()
    page.keyboard.press("Enter")
    assert page.locator("#filter-show > summary").bounding_box() == before
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**show=unread**")
    page.goto(f"{visit.site.url}/notifications/")
    assert "Filters restored" in visit.text()
    page.click("main .restored a")
    assert "Filters restored" not in visit.text()


def test_columns_are_chosen_and_stay(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.site.url}/overview/")
    assert page.locator("th:has-text('Open runs')").is_visible()
    page.click("#columns-overview > summary")
    page.uncheck("#columns-overview input[value=open_runs]")
    visit.press("Show these columns")
    expect(page.locator("th:has-text('Health')")).to_be_visible()
    expect(page.locator("th:has-text('Open runs')")).to_be_hidden()
    page.click("#columns-overview > summary")
    page.check("#columns-overview input[value=open_runs]")
    visit.press("Show these columns")
    expect(page.locator("th:has-text('Open runs')")).to_be_visible()
