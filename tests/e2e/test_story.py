"""The main job in a real browser: what was promised is seen, and the tenant itself agrees."""

from __future__ import annotations

import pytest

from .contents import CATALOG_NAMES
from .story import CHANGED, GONE, RENAMED, Told

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_first_visit_says_what_to_do(told: Told) -> None:
    assert "First steps" in told.texts["first dashboard"]
    assert "No policies known yet" in told.texts["no policies"]


def test_everything_is_backed_up(told: Told) -> None:
    assert "Complete" in told.texts["backup set"]
    for name in CATALOG_NAMES:
        assert name in told.texts["backup set"]


def test_drift_names_what_happened(told: Told) -> None:
    report = told.texts["drift report"]
    for name in (*GONE, *CHANGED, RENAMED):
        assert name in report
    assert "It is no longer in the tenant." in report
    assert "Changed by somebody" in report


def test_the_review_says_what_will_be_written(told: Told) -> None:
    assert "Create 6 Update 3" in told.texts["review"]
    assert "will be written with 15 writes, exactly as previewed." in told.texts["review"]


def test_progress_is_seen_while_it_happens(told: Told) -> None:
    assert "Restore policies: " in told.texts["running restore"]
    assert len(set(told.percents)) > 1
    assert told.percents == sorted(told.percents)
    assert told.titles[0].startswith("… Restore policies #")
    assert told.titles[-1].startswith("✓ Succeeded Restore policies #")


def test_the_page_stops_asking_when_the_run_has_ended(told: Told) -> None:
    assert told.polls_while_open > 0
    assert told.polls_after_the_end == 0


def test_the_end_is_announced_once(told: Told) -> None:
    ends = [said for said in told.announced if said.startswith("Restore policies: succeeded")]
    assert len(ends) == 1


def test_the_result_is_verified_and_the_tenant_agrees(told: Told) -> None:
    assert "Succeeded 9" in told.texts["result"]
    about = {name: f"About {name}" for name in CATALOG_NAMES}
    assert told.descriptions == about | {RENAMED: ""}
