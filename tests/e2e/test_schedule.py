"""A schedule from its editor to its run, from click to end."""

from __future__ import annotations

import pytest

from .browsing import Visit

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
