"""What a lost answer made twice, found by later captures, and removed by a person."""

from __future__ import annotations

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.notifications.models import Notification
from tenantatlas.restore.models import Restore
from tenantatlas.restore.twins import LOOKS, look_for_late_twins
from tenantatlas.restore.undo import twin_params
from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.simulator.faults import LoseReply
from tests.simulated import CATALOG, catalog_body

from .conftest import Restoring

TYPES = ["configurationPolicies"]
CREATE = ("POST", "/deviceManagement/configurationPolicies")


@pytest.fixture
def settled(restoring: Restoring) -> Restore:
    """A restore that lost the answer to its create and found the object again."""
    world = restoring.world
    lost = world.catalog_policy("Lost")
    backup_set = restoring.capture(types=TYPES)
    world.sim.remove(CATALOG, lost)
    restore = restoring.preview(backup_set)
    world.simulator.fault(*CREATE, LoseReply(), nth=1)
    assert restoring.execute(restore).outcome == Outcome.SUCCEEDED
    restore.refresh_from_db()
    assert restore.late_twins == []
    return restore


def appear(restoring: Restoring, graph_id: str, *, settings: int = 2) -> None:
    """An object of that name shows up."""
    restoring.world.sim.put(CATALOG, catalog_body("Lost", settings=settings) | {"id": graph_id})


def look(restoring: Restoring, restore: Restore) -> list[str]:
    """Capture, look through it; the ids of the twins that are known."""
    restoring.capture(types=TYPES)
    look_for_late_twins()
    restore.refresh_from_db()
    return [each["id"] for each in restore.late_twins]


def test_a_twin_is_found_by_the_next_capture_and_told_once(restoring: Restoring, settled: Restore) -> None:
    appear(restoring, "twin")
    appear(restoring, "stranger", settings=7)

    assert look(restoring, settled) == ["twin"]
    look_for_late_twins()

    told = Notification.objects.get(subject=f"restore/{settled.pk}/twins")
    assert told.user == restoring.world.cast.otto
    assert "made something twice" in told.title
    settled.refresh_from_db()
    assert settled.twin_looks == 1


def test_three_captures_are_looked_through_and_no_more(restoring: Restoring, settled: Restore) -> None:
    for number in range(LOOKS):
        assert look(restoring, settled) == []
        assert settled.twin_looks == number + 1
    appear(restoring, "twin")
    assert look(restoring, settled) == []


def test_nothing_is_removed_but_by_a_confirmed_plan(restoring: Restoring, settled: Restore) -> None:
    appear(restoring, "twin")
    look(restoring, settled)
    restoring.allow_deletes()
    assert len(restoring.names()) == 2

    plan = restoring.preview_as(twin_params(settled, "twin"))
    assert (plan.counts["remove"], plan.counts["writes"]) == (1, 1)
    run = restoring.execute(plan)

    assert (run.outcome, run.operation) == (Outcome.SUCCEEDED, "restore.execute"), run.failures
    assert [record.path.rpartition("/")[2] for record in restoring.records(plan)] == ["twin"]
    assert len(restoring.names()) == 1


def test_only_a_known_twin_is_removed(settled: Restore) -> None:
    with pytest.raises(InputError, match="knows no second object"):
        twin_params(settled, settled.items.get().created_id)
