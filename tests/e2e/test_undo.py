"""A whole restore is taken back, from click to end."""

from __future__ import annotations

import pytest

from .browsing import Visit
from .contents import CATALOG
from .onboarding import POLICIES, Onboarded

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

GONE, CHANGED = POLICIES[:2]
BY_SOMEBODY = "Changed by somebody"


def test_a_whole_restore_is_taken_back(onboarded: Onboarded, visit_fabrikam: Visit) -> None:
    """What it made is gone again, and what it changed is as it was before; that is previewed first."""
    visit, fabrikam = visit_fabrikam, onboarded.site
    page = visit.page
    fabrikam.remove(CATALOG, fabrikam.body(CATALOG, GONE)["id"])
    fabrikam.change(CATALOG, fabrikam.body(CATALOG, CHANGED)["id"], description=BY_SOMEBODY)
    visit.preview_restore()
    page.check("#acknowledged")
    visit.press("Restore 2 policies")
    page.wait_for_url("**/runs/**")
    visit.await_end()
    assert fabrikam.names(CATALOG) == sorted(POLICIES)
    assert fabrikam.body(CATALOG, CHANGED)["description"] == f"About {CHANGED}"
    visit.press("Show the result")
    there = page.url

    visit.open("settings/")
    visit.press("Allow deletes")
    page.goto(there)
    visit.press("Undo…")
    visit.await_end()
    assert fabrikam.names(CATALOG) == sorted(POLICIES)
    visit.press("Next: review")
    visit.picture("review of an undo")
    assert "Update 1 Remove 1" in visit.text()
    page.check("#acknowledged")
    page.fill("#confirm", fabrikam.slug)
    visit.press("Take back 2 policies")
    page.wait_for_url("**/runs/**")
    visit.await_end()

    assert page.title().startswith("✓ Succeeded")
    assert fabrikam.names(CATALOG) == sorted(set(POLICIES) - {GONE})
    assert fabrikam.body(CATALOG, CHANGED)["description"] == BY_SOMEBODY
    page.goto(there)
    assert "takes it back Succeeded" in visit.text()
