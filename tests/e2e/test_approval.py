"""A restore that a second person has to approve: asked in one browser, approved in another, then executed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .browsing import Visit, visiting
from .contents import CATALOG
from .onboarding import POLICIES, Onboarded
from .site import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

CHANGED = POLICIES[2]
ADA = "ada@fabrikam.example"


@pytest.fixture
def asking(visit_fabrikam: Visit) -> Iterator[Visit]:
    """The owner's window, while Fabrikam asks for approval."""
    visit_fabrikam.open("settings/")
    visit_fabrikam.press("Ask for approval")
    yield visit_fabrikam
    visit_fabrikam.open("settings/")
    visit_fabrikam.press("Ask for no approval")


def invite_ada(visit: Visit) -> str:
    """Make her an account and an operator who may restore; her one-time code."""
    page = visit.page
    page.goto(f"{visit.site.url}/people/")
    page.click("#add-person > summary")
    page.fill("#email", ADA)
    page.fill("#name", "Ada")
    visit.press("Add person")
    code = page.inner_text("#one-time-code code")
    visit.open("members/")
    page.click("#add-member > summary")
    page.fill("#email", ADA)
    page.select_option("#role", "operator")
    page.check("#add-member input[value='restore.execute']")
    visit.press("Add member")
    page.wait_for_selector(f"main td:has-text('{ADA}')")
    return code


def come_in(visit: Visit, code: str) -> None:
    """Set a password with the one-time code, and sign in with it."""
    page = visit.page
    page.goto(f"{visit.site.url}/sign-in/first-password/")
    page.fill("#email", ADA)
    page.fill("#code", code)
    page.fill("#password", PASSWORD)
    visit.press("Set password")
    page.wait_for_url("**/sign-in/")
    visit.sign_in(ADA)


def test_a_second_person_approves(chromium: Browser, onboarded: Onboarded, asking: Visit) -> None:
    fabrikam, page = onboarded.site, asking.page
    code = invite_ada(asking)
    fabrikam.change(CATALOG, fabrikam.body(CATALOG, CHANGED)["id"], description="Changed by somebody")
    asking.preview_restore()
    asking.press("Ask for approval")
    page.wait_for_selector("text=Everybody who may approve it was told.")
    assert page.get_by_role("button", name="Approve", exact=True).count() == 0
    assert page.locator("#acknowledged").count() == 0

    with visiting(chromium, fabrikam) as ada:
        come_in(ada, code)
        ada.page.goto(f"{fabrikam.url}/notifications/")
        ada.page.click("main a:has-text('asks you to approve')")
        ada.picture("review to be approved")
        ada.press("Approve")
        ada.page.wait_for_selector("text=Approved.")
        assert fabrikam.body(CATALOG, CHANGED)["description"] == "Changed by somebody"

    page.reload()
    page.check("#acknowledged")
    page.click("main form button:has-text('Restore ')")
    page.wait_for_url("**/runs/**")
    asking.await_end()
    assert page.title().startswith("✓ Succeeded")
    assert fabrikam.body(CATALOG, CHANGED)["description"] == f"About {CHANGED}"
