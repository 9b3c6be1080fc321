"""Five hundred names that try to be code, on every page: they are read, and nothing else."""

from __future__ import annotations

import pytest

from .browsing import Visit
from .hostile import MANY, SLUG, connect_hostile_tenant, hostile_names, live_through
from .site import Site
from .walking import walk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
SEEN = "({ owned: window.owned, violations: window.violations })"
POLICIES_PER_PAGE = 50


@pytest.fixture(scope="module")
def hostile(site: Site, told: object) -> None:  # noqa: ARG001 - after the story
    """The tenant, with something on every page."""
    connect_hostile_tenant(site)
    live_through(site)


@pytest.mark.usefixtures("hostile")
def test_no_name_becomes_code_on_any_page(visit: Visit, site: Site) -> None:
    page, here = visit.page, f"/t/{SLUG}/"
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.add_init_script(WATCH)
    found = walk(page.context.request, site.url, here, within=here)
    assert found.broken == []
    lists = [f"{here}policies/?page={number}" for number in range(1, MANY // POLICIES_PER_PAGE + 1)]
    wrong, names = [], set()
    for path in [*found.found.values(), *lists]:
        page.goto(f"{site.url}{path}")
        page.evaluate(OPEN_ALL)
        page.wait_for_load_state("networkidle")
        seen = page.evaluate(SEEN)
        if seen.get("owned") or seen["violations"]:
            wrong.append(f"{path}: {seen}")
        if path in lists:
            names |= {_read(name) for name in page.locator("td.name a").all_text_contents()}
    assert wrong == []
    assert dialogs == []
    assert names == {_read(name) for name in hostile_names()}


def _read(name: str) -> str:
    return " ".join(name.split())
