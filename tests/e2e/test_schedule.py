"""A schedule from its editor to its run, from click to end."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .browsing import Visit
from .test_every_page import NARROW, OVERFLOW, violations
from .test_hands import tab_to

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_schedule_is_made_run_paused_and_archived(visit: Visit) -> None:
    """The next times are shown as one types; the run is found under the schedule afterwards."""
    page = visit.page
    visit.open("schedules/new/")
    page.fill("#name", "Every morning")
    page.fill("#at", "06:30")
    page.fill("#zone", "Europe/Lisbon")
    page.press("#zone", "Tab")
    page.clock.run_for(2_000)
    page.wait_for_selector("text=06:30 Europe/Lisbon")
    visit.picture("schedule editor")
    visit.press("Save schedule")
    page.wait_for_selector("h1:has-text('Every morning')")
    assert "Every day at 06:30 Europe/Lisbon" in visit.text()
    there = page.url
    visit.press("Run now")
    page.wait_for_url("**/runs/**")
    visit.await_end()
    assert page.title().startswith("✓ Succeeded")
    page.goto(there)
    assert "Succeeded" in visit.text()
    visit.picture("schedule")
    assert "Asked for by hand" in visit.text()
    page.click("main button:has-text('Pause')")
    page.wait_for_selector("main button:has-text('Resume')")
    visit.press("Archive")
    page.wait_for_selector("button:has-text('Restore from archive')")


def test_its_policies_are_picked_by_keyboard(visit: Visit) -> None:
    """Looked for, ticked, listed and removed without a mouse; Enter looks for, and saves nothing."""
    page = visit.page
    visit.open("schedules/new/")
    page.fill("#name", "Chosen ones")
    page.press("#name", "Tab")
    tab_to(page, "#param-policies > summary")
    page.keyboard.press("Enter")
    tab_to(page, "[name=find-name]")
    page.keyboard.type("custom")
    page.keyboard.press("Enter")
    expect(page.locator("#found .choice")).to_have_count(5)
    for number in (1, 2, 3):
        tab_to(page, "#found [name=policy]")
        page.keyboard.press("Space")
        expect(page.locator("#picked li")).to_have_count(number)
        expect(page.locator("#picked-count")).to_have_text(f"{number} chosen")
    assert page.evaluate("document.activeElement.matches('#found [name=policy]:checked')")
    first, second, third = page.locator("#picked li > div").all_inner_texts()
    visit.picture("schedule policies light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []
    visit.picture("schedule policies dark")
    page.set_viewport_size(NARROW)
    assert page.evaluate(OVERFLOW) == 0
    visit.picture("schedule policies narrow")
    tab_to(page, "#picked [name=drop]")
    page.keyboard.press("Enter")
    expect(page.locator("#picked li > div")).to_have_text([second, third])
    expect(page.locator(".htmx-settling")).to_have_count(0)  # the cursor is placed until then
    assert page.evaluate("document.activeElement.closest('li').innerText").startswith(second)
    assert page.locator("#found [name=policy]:checked").count() == 2
    page.focus("#name")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Chosen ones')")
    assert second.partition(" Custom profiles")[0] in visit.text()
    assert first.partition(" Custom profiles")[0] not in visit.text()
    visit.press("Edit…")
    expect(page.locator("#picked li > div")).to_have_text([second, third])


def test_its_policies_are_picked_without_scripts(visiting_without_scripts) -> None:
    """The same buttons send the form, which comes back with what was ticked and typed."""
    with visiting_without_scripts() as visit:
        page = visit.page
        visit.open("schedules/new/")
        page.fill("#name", "By hand")
        page.click("#param-policies > summary")
        page.fill("[name=find-name]", "Custom proxy")
        visit.press("Find policies")
        page.check("#found [name=policy]")
        page.fill("[name=find-name]", "Custom printers")
        visit.press("Find policies")
        assert "Custom proxy" in page.inner_text("#picked")
        assert page.input_value("#name") == "By hand"
        page.check("#found [name=policy]")
        visit.press("Save schedule")
        assert "Custom printers" in visit.text()
        assert "Custom proxy" in visit.text()
