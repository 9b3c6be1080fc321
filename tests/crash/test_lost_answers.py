"""Lost answers, late sight and throttling, on a virtual clock: each write once, and the truth at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.restore.models import Restore
from tenantatlas.runs.lifecycle import RunStatus
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import LoseReply, Status, Throttle
from tenantatlas.simulator.tenants import Lag
from tests.restore.conftest import Restoring, restoring  # noqa: F401 - a fixture
from tests.simulated import world  # noqa: F401 - a fixture

from . import policies

INTUNE, ENTRA = "configurationPolicies", "conditionalAccess.namedLocations"
#: W, how long each may take to show what it has done.
WINDOWS = {INTUNE: 300.0, ENTRA: 900.0}
LAGS = {INTUNE: (0, 1, 7, 60, 150, 299), ENTRA: (0, 1, 60, 299, 301, 600, 899)}
ANSWERS = {"lost": LoseReply(), "504 after commit": Status(504, applied=True)}


class Lost:
    """Three policies of a type, captured, gone, and their restore previewed."""

    def __init__(self, restoring: Restoring, type_key: str) -> None:  # noqa: F811 - the fixture's value
        self.restoring = restoring
        self.sim = restoring.world.sim
        self.simulator = restoring.world.simulator
        for collection, body in policies.NAMED:
            self.sim.put(collection, body)
        samples = [policies.sample(type_key, guid=self.sim.guid, number=number) for number in range(3)]
        if type_key == INTUNE:
            for sample in samples:
                sample.body["assignments"] = []
        self.collection = samples[0].collection
        for sample in samples:
            self.sim.put(self.collection, sample.body)
        self.before = self.names()
        backup_set = restoring.capture(types=[type_key])
        for sample in samples:
            self.sim.remove(self.collection, sample.body["id"])
        self.restore: Restore = restoring.preview(backup_set)

    def names(self) -> list[str]:
        """The names in the collection."""
        return self.restoring.names(self.collection)

    def execute(self) -> OperationRun:
        """Worked to its end, however often it is put aside."""
        run = self.restoring.execute(self.restore)
        while run.status != RunStatus.COMPLETED:
            assert run.waiting_until is not None, run.error
            clock = self.restoring.world.clock
            clock.advance((run.waiting_until - clock.now()).total_seconds())
            run = self.restoring.world.finish(run)
        return run


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("type_key", "lag"), [(key, lag) for key, lags in LAGS.items() for lag in lags])
def test_seen_within_the_window_it_is_made_once(
    restoring: Restoring,  # noqa: F811 - the fixture
    type_key: str,
    lag: int,
    answer: str,
) -> None:
    """Every answer to a create is lost, and what was made is seen late."""
    lost = Lost(restoring, type_key)
    lost.sim.lag = Lag(item=lag, list=lag, reference=lag)
    lost.simulator.fault("POST", f"{lost.collection}$", ANSWERS[answer], times=0)

    run = lost.execute()

    assert run.outcome == "succeeded", (run.failures, run.error)
    assert lost.names() == lost.before
    lost.restore.refresh_from_db()
    assert lost.restore.late_twins == []


@pytest.mark.parametrize("lag", [301, 450, 600, 900])
def test_seen_after_the_window_nothing_is_called_done_that_is_not(
    restoring: Restoring,  # noqa: F811 - the fixture
    lag: int,
) -> None:
    lost = Lost(restoring, INTUNE)
    lost.sim.lag = Lag(item=lag, list=lag)
    lost.simulator.fault("POST", f"{lost.collection}$", LoseReply(), nth=1)

    run = lost.execute()

    items = restoring.world.items(run).values()
    names = lost.names()
    lost.restore.refresh_from_db()
    twins = {twin["name"] for twin in lost.restore.late_twins}
    doubled = {name for name in names if names.count(name) > lost.before.count(name)}
    said = twins | {item.label for item in items if item.state != "succeeded"}
    assert doubled <= said
    assert set(lost.before) <= set(names)
    assert not doubled or run.outcome != "succeeded"


def retry_after_forms() -> list[Any]:
    """A throttle in every form it takes."""
    texts = (
        None,
        "",
        "0",
        "1",
        "2.5",
        "59",
        "61",
        "3600",
        "huge",
        "date",
        "-5",
        "soon",
        "1e3",
        "0x10",
        "NaN",
    )
    return [pytest.param(Throttle(retry_after=text), id=f"Retry-After: {text}") for text in texts]


@pytest.mark.parametrize("throttle", retry_after_forms())
@pytest.mark.parametrize("times", [1, 3])
def test_throttled_it_waits_and_writes_once(
    restoring: Restoring,  # noqa: F811 - the fixture
    throttle: Throttle,
    times: int,
) -> None:
    lost = Lost(restoring, INTUNE)
    lost.simulator.fault("POST", f"{lost.collection}$", throttle, nth=2, times=times)
    began = restoring.world.clock.now()

    run = lost.execute()

    assert run.outcome == "succeeded", (run.failures, run.error)
    assert lost.names() == lost.before
    assert sum(entry.status == 429 for entry in lost.simulator.writes()) <= times + 2
    waited = (restoring.world.clock.now() - began).total_seconds()
    assert waited >= 3 * times
    if throttle.retry_after == "huge":
        assert waited >= 86400


@pytest.mark.parametrize("lag", [1, 20, 120, 290])
@pytest.mark.parametrize("fault", [LoseReply(), Status(504, applied=True)], ids=["lost", "504 after commit"])
def test_an_update_whose_effect_is_seen_late_is_no_failure(
    restoring: Restoring,  # noqa: F811 - the fixture
    lag: int,
    fault: Any,
) -> None:
    sim, simulator = restoring.world.sim, restoring.world.simulator
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=[INTUNE])
    collection = "/beta/deviceManagement/configurationPolicies"
    sim.mutate(policy, lambda body: body.update(description="Accident"), collection=collection)
    restoring.world.clock.advance(1000)  # everybody has seen that
    restore = restoring.preview(backup_set)
    sim.lag = Lag(item=lag, list=lag)
    simulator.fault("*", r"/configurationPolicies\('?[^/]*$|/configurationPolicies/[^/?]*$", fault, nth=1)

    run = restoring.execute(restore)

    assert run.outcome == "succeeded", (run.failures, run.error)
    assert sim.get(collection, policy)["description"] == "About Changed"
