"""A worker may die anywhere: nothing is doubled or forgotten, and the end is that of the undisturbed run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import install_crash_hook
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, FILTERS, SCRIPTS, TAGS, group_target

from .conftest import Restoring
from .test_round_trip import put_filter, put_group

POINTS = ("intent", "sent", "reply", "recorded", "assign", "verify")
TYPES = ["assignmentFilters", "roleScopeTags", "configurationPolicies", "deviceManagementScripts"]
PLACES = (FILTERS, TAGS, CATALOG, SCRIPTS)


class Killed(BaseException):
    """The worker is gone."""


@pytest.fixture(autouse=True)
def _unhooked() -> Iterator[None]:
    yield
    install_crash_hook(None)


@pytest.fixture
def lost(restoring: Restoring) -> Restore:
    """Policies of four types that name each other: some lost, one changed, one with other assignments."""
    world = restoring.world
    pilot, narrow = put_group(restoring, "Pilot"), put_filter(restoring, "Narrow")
    tag = world.sim.put(TAGS, {"id": "7", "displayName": "Europe", "description": ""})
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    world.catalog_policy("Lost", assignments=[target], roleScopeTagIds=[tag])
    changed = world.catalog_policy("Changed")
    world.sim.put(
        SCRIPTS,
        {
            "id": stable_id("script", "Hello"),
            "displayName": "Hello",
            "description": "",
            "fileName": "a.ps1",
            "scriptContent": "QQ==",
            "runAsAccount": "system",
            "enforceSignatureCheck": False,
            "runAs32Bit": False,
            "roleScopeTagIds": ["0"],
            "assignments": [group_target(pilot)],
        },
    )
    backup_set = restoring.capture(types=TYPES)
    world.sim.remove(FILTERS, narrow)
    world.sim.remove(CATALOG, stable_id("catalog", "Lost"))
    world.sim.clear(SCRIPTS)
    world.sim.mutate(changed, lambda body: body.update(description="Accident"), collection=CATALOG)
    return restoring.preview(backup_set)


def state_of(restoring: Restoring) -> Any:
    """What people see of the tenant: names, how often, how many assignments."""
    return {
        place: sorted(
            (row.get("name") or row["displayName"], row.get("description"), len(row.get("assignments", [])))
            for row in restoring.world.sim.objects(place)
        )
        for place in PLACES
    }


def crash_at(point: str, nth: int) -> None:
    """End the worker at the nth passing of the point."""
    left = [nth]

    def die(name: str) -> None:
        left[0] -= name == point
        if left[0] == 0:
            left[0] = -1
            raise Killed

    install_crash_hook(die)


def execute_once_killed(restoring: Restoring, restore: Restore, *, point: str, nth: int) -> OperationRun:
    run = restoring.start(restore)
    crash_at(point, nth)
    with pytest.raises(Killed):
        restoring.world.finish(run)
    install_crash_hook(None)
    run.refresh_from_db(from_queryset=OperationRun.all_tenants.all())
    return restoring.world.finish(run)


def test_the_undisturbed_run_passes_every_boundary(restoring: Restoring, lost: Restore) -> None:
    passed: Counter[str] = Counter()
    install_crash_hook(lambda name: passed.update([name]))

    run = restoring.execute(lost)

    assert run.outcome == "succeeded", run.failures
    assert {point: passed[point] for point in POINTS} == {
        "intent": 6,
        "sent": 6,
        "reply": 6,
        "recorded": 6,
        "assign": 2,
        "verify": 6,
    }
    assert state_of(restoring) == EXPECTED


#: Three creates, an update and two assigns; verified once or, where assigned, twice.
EXPECTED = {
    FILTERS: [("Narrow", "", 0)],
    TAGS: [("Default", "", 0), ("Europe", "", 0)],
    CATALOG: [("Changed", "About Changed", 0), ("Lost", "About Lost", 1)],
    SCRIPTS: [("Hello", "", 1)],
}


@pytest.mark.parametrize(
    ("point", "nth"),
    [(point, nth) for point in POINTS for nth in range(1, 3 if point == "assign" else 7)],
)
def test_killed_anywhere_it_ends_the_same(restoring: Restoring, lost: Restore, point: str, nth: int) -> None:
    run = execute_once_killed(restoring, lost, point=point, nth=nth)

    assert run.outcome == "succeeded", (run.failures, run.error)
    assert state_of(restoring) == EXPECTED
    for place, kept in ((CATALOG, "Lost"), (SCRIPTS, "Hello")):
        assert restoring.names(place).count(kept) == 1


@pytest.mark.parametrize("blind", [False, True], ids=["not-shown", "not-looked-for"])
def test_killed_after_it_was_given_up_it_is_not_sent_once_more(
    restoring: Restoring, lost: Restore, *, blind: bool
) -> None:
    """What became of a create is not known: the next worker says so too, and makes nothing."""
    simulator = restoring.world.simulator
    lost_answers = 1 if blind else 2
    simulator.fault("POST", r"/deviceManagementScripts$", Status(500, applied=False), times=lost_answers)
    if blind:
        simulator.fault("GET", r"/deviceManagementScripts(\?|$)", Status(503, applied=False), nth=2, times=0)

    run = execute_once_killed(restoring, lost, point="settled", nth=lost_answers)

    (unknown,) = [item for item in restoring.world.items(run).values() if item.state == "unknown"]
    assert (unknown.label, unknown.reason) == ("Hello", "no_answer")
    assert state_of(restoring)[SCRIPTS] == []
