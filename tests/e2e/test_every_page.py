"""Every page, in both themes, for everybody: nothing that axe finds, no scrolling sideways."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from .browsing import Visit, visiting
from .contents import CATALOG
from .site import SLUG, Site
from .walking import unfound, walk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 800}
EVERYTHING = {"resultTypes": ["violations"]}
COLOURS = {**EVERYTHING, "runOnly": ["color-contrast", "link-in-text-block"]}
OPEN_ALL = "document.querySelectorAll('main details:not(.menu)').forEach(each => { each.open = true; })"
FEW_TABS = 12
FOCUS = """(() => {
  const at = document.activeElement;
  if (!at || at === document.body) return "nothing has the focus";
  const name = at.outerHTML.slice(0, 120);
  const box = at.getBoundingClientRect();
  if (!box.width || !box.height) return `${name} has no size`;
  if (getComputedStyle(at).outlineStyle === "none" && at.id !== "main") return `${name} is not ringed`;
  const [x, y] = [box.left + Math.min(box.width / 2, 20), box.top + Math.min(box.height / 2, 10)];
  const there = document.elementFromPoint(x, y);
  if (!there) return `${name} is out of sight`;
  const label = there.closest("label");
  return at.contains(there) || there.contains(at) || label?.contains(at) ? "" : `${name} is covered`;
})()"""
#: Controls under 24 by 24 pixels; links within a sentence may be as high as its lines.
SMALL = """[...document.querySelectorAll("button, summary, .btn, input:not([type=hidden]), select, nav a")]
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([each, box]) => box.width && (box.width < 24 || box.height < 24) && !each.closest("label"))
  .map(([each, box]) => `${each.outerHTML.slice(0, 100)} ${box.width} by ${box.height}`)"""
END = "nothing has the focus"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def violations(page: Page, options: dict[str, Any] = EVERYTHING) -> list[str]:
    """What axe says of the page as it is, one line each."""
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def look_at(visit: Visit, name: str, path: str) -> list[str]:
    """Everything that is wrong with one page."""
    page = visit.page
    page.emulate_media(color_scheme="light")
    page.goto(f"{visit.site.url}{path}")
    visit.picture(f"{name} light")
    wrong = [f"keys: {each}" for each in lost_by_tab(page)]
    page.evaluate(OPEN_ALL)
    wrong += [f"light: {each}" for each in violations(page)]
    if sideways := page.evaluate(OVERFLOW):
        wrong.append(f"{sideways} px too wide at {WIDE['width']}")
    page.emulate_media(color_scheme="dark")
    wrong += [f"dark: {each}" for each in violations(page, COLOURS)]
    page.set_viewport_size(NARROW)
    if sideways := page.evaluate(OVERFLOW):
        wrong.append(f"{sideways} px too wide at 320")
    visit.picture(f"{name} narrow dark")
    page.set_viewport_size(WIDE)
    return [f"{name} ({path}): {each}" for each in wrong]


def lost_by_tab(page: Page) -> list[str]:
    """From the skip link into the content by Tab: the focus is always somewhere, seen, and not covered."""
    wrong = []
    for number in range(FEW_TABS):
        page.keyboard.press("Tab")
        trouble = page.evaluate(FOCUS)
        if trouble == END and number > 1:
            break
        if trouble:
            wrong.append(f"after {number + 1} tabs: {trouble}")
        if number == 0:
            page.keyboard.press("Enter")
    return wrong


def furnish(visit: Visit, site: Site, ids: dict[str, str]) -> list[str]:
    """What the story leaves out: a schedule, a second version, an archive handed in, an open restore."""
    page, there = visit.page, []
    site.run("schedules", "add", "Nightly", "-t", SLUG, "--daily", "02:00", "--zone", "Europe/Berlin")
    site.change(CATALOG, ids["Windows - Power and sleep"], description="Changed later")
    visit.open("policies/?q=Power+and+sleep")
    page.click("td.name a")
    visit.press("Back up")
    visit.await_end()
    visit.open("policies/?q=Power+and+sleep")
    page.click("td.name a")
    there.append(page.url)
    visit.open("backup-sets/")
    page.click("td.name a >> nth=-1")
    backup_set = page.url
    page.click("main button:has-text('Make archive')")
    visit.await_end()
    archive = page.context.request.get(f"{backup_set.partition('?')[0]}download/").body()
    visit.open("backup-sets/import/")
    page.set_input_files("#file", {"name": "set.zip", "mimeType": "application/zip", "buffer": archive})
    visit.press("Look what is in it")
    there.append(page.url)
    visit.open("restore/new/")
    visit.press("Next: policies")
    visit.press("Next: options")
    visit.press("Next: mapping")
    visit.press("Next: preview")
    visit.press("Preview restore")
    visit.await_end()
    there.append(page.url)
    return [url.removeprefix(site.url) for url in there]


def test_no_page_keeps_anybody_out(visit: Visit, site: Site, ids: dict[str, str]) -> None:
    """Each page that the URL map has, found by its links."""
    starts = [*furnish(visit, site, ids), site.page().removeprefix(site.url)]
    found = walk(visit.page.context.request, site.url, *starts)
    assert found.broken == []
    assert unfound(found) == set()
    wrong = [each for name, path in sorted(found.found.items()) for each in look_at(visit, name, path)]
    assert "\n".join(wrong) == ""


def test_lists_where_nothing_matches(visit: Visit, site: Site) -> None:
    here = site.page().removeprefix(site.url)
    wrong = [
        each
        for name in ("policies", "runs", "backup-sets")
        for each in look_at(visit, f"no {name}", f"{here}{name}/?q=nobody")
    ]
    assert "\n".join(wrong) == ""
    visit.page.goto(site.page("policies/?reset=1"))


def test_every_component_in_every_state(visit: Visit) -> None:
    """And what one presses is big enough to be hit."""
    assert look_at(visit, "components", "/dev/components/") == []
    assert "\n".join(visit.page.evaluate(SMALL)) == ""


def test_the_steps_of_the_wizard(visit: Visit, site: Site) -> None:
    visit.open("restore/new/")
    visit.press("Next: policies")
    policies = visit.page.url.removeprefix(site.url)
    options = policies.replace("/policies/", "/options/")
    wrong = look_at(visit, "policies step", policies) + look_at(visit, "options step", options)
    visit.press("Next: mapping")
    visit.press("Next: preview")
    preview = policies.replace("/policies/", "/preview/")
    wrong += look_at(visit, "checks", preview)
    visit.press("Preview restore")
    visit.await_end()
    wrong += look_at(visit, "preview", preview)
    review = policies.replace("/policies/", "/review/")
    mapping = policies.replace("/policies/", "/mapping/")
    wrong += look_at(visit, "review", review) + look_at(visit, "mapping", mapping)
    assert "\n".join(wrong) == ""


def test_the_code_that_an_authenticator_app_scans(visit: Visit, site: Site) -> None:
    """Drawn in the page, as the content security policy wants it: the visit hears of what it refuses."""
    visit.page.goto(f"{site.url}/me/security/")
    visit.press("Add authenticator app")
    visit.page.wait_for_selector("svg[aria-label^='QR code']")
    assert look_at(visit, "security with a code to scan", "/me/security/") == []


def test_the_pages_of_a_stranger(chromium: Browser, site: Site) -> None:
    with visiting(chromium, site) as visit:
        assert look_at(visit, "sign in", "/sign-in/") == []


@pytest.mark.parametrize("menu", ["bell", "help", "tenant", "person"])
def test_an_open_menu(visit: Visit, menu: str) -> None:
    """It opens by a key, is whole on a narrow page, and Escape closes it and returns to its button."""
    page = visit.page
    visit.open("")
    page.focus(f"#{menu}-menu > summary")
    page.keyboard.press("Enter")
    if menu == "bell":
        page.wait_for_selector("#bell-menu .notes li")
    if menu == "tenant":
        page.wait_for_selector("#tenant-choices a")
    visit.picture(f"menu {menu}")
    assert violations(page) == []
    page.set_viewport_size(NARROW)
    assert page.evaluate(OVERFLOW) == 0
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.parentElement.id") == f"{menu}-menu"
    assert not page.locator(f"#{menu}-menu > :not(summary)").first.is_visible()


def test_the_theme_is_chosen_and_stays(visit: Visit) -> None:
    visit.open("")
    visit.page.select_option("#theme-choice", "dark")
    visit.page.wait_for_selector("html[data-theme=dark]")
    assert (
        visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(27, 26, 25)"
    )
    visit.picture("dashboard chosen dark")
    visit.page.select_option("#theme-choice", "system")
    visit.page.wait_for_selector("html:not([data-theme])")
