"""Two backup sets side by side, in the browser."""

from __future__ import annotations

import pytest

from tenantatlas.runs.models import OperationRun
from tests.simulated import CATALOG, World

from .reading import main, page, text

TYPES = ["configurationPolicies"]
COMPARE = "/t/contoso/compare/"


@pytest.fixture
def sets(world: World) -> tuple[int, int]:
    """Two sets; in between one policy came, one went, one changed and one stayed."""
    gone, changed = world.catalog_policy("Gone"), world.catalog_policy("Changed")
    world.catalog_policy("Same")
    first = world.work("backup_set.capture", types=TYPES, name="Before")
    world.sim.remove(CATALOG, gone)
    world.sim.mutate(changed, lambda body: body.update(description="By somebody"), collection=CATALOG)
    world.catalog_policy("Came")
    second = world.work("backup_set.capture", types=TYPES, name="After")
    return first.context["set"], second.context["set"]


def test_what_came_went_and_changed_is_listed_with_its_difference(sets, ana):
    shown = page(ana.get(f"{COMPARE}?a={sets[0]}&b={sets[1]}"))
    assert "All 3 Added 1 Removed 1 Changed 1" in text(main(shown))
    assert "Same" not in text(main(shown)).partition("From Before to After")[2]
    link = shown.partition(">Changed</a>")[0].rpartition('href="')[2].partition('"')[0]
    assert "By somebody" in text(page(ana.get(link.replace("&amp;", "&"))))
    only = text(main(page(ana.get(f"{COMPARE}?a={sets[0]}&b={sets[1]}&kind=removed"))))
    assert "Gone Removed" in only
    assert "Came Added" not in only


def test_a_set_equals_itself(sets, ana):
    assert "The two sets hold the same" in text(page(ana.get(f"{COMPARE}?a={sets[0]}&b={sets[0]}")))


def test_live_is_compared_by_a_run(sets, ana):
    before = OperationRun.objects.count()
    shown = text(main(page(ana.get(f"{COMPARE}?a={sets[0]}&b=live"))))
    assert "The tenant is read by a run, and by no page." in shown
    assert OperationRun.objects.count() == before


def test_without_sets_there_is_nothing_to_compare(ana, olu, eve):
    assert "there is nothing to compare" in text(page(ana.get(COMPARE)))
    assert olu.get(COMPARE).status_code == 200
    assert eve.get(COMPARE).status_code == 404
    assert ana.get(f"{COMPARE}?a=999&b=998").status_code == 404
