"""The main job against servers that say the same in other words: nothing is lost, nothing written twice."""

from __future__ import annotations

import pytest

from tenantatlas.graph.transport import install_transport
from tenantatlas.restore.models import Restore
from tenantatlas.simulator.transport import SimulatorTransport
from tests.crash import policies
from tests.simulated import World, world  # noqa: F401 - a fixture

from .another_graph import DIALECTS, AnotherGraph


@pytest.mark.parametrize("dialect", DIALECTS)
def test_comes_back_whole(world: World, dialect: str) -> None:  # noqa: F811 - the fixture of that name
    install_transport(AnotherGraph(SimulatorTransport(world.simulator), DIALECTS[dialect]))
    world.sim.profile.autopatch = True
    for collection, body in policies.NAMED:
        world.sim.put(collection, body)
    samples = [policies.sample(key, guid=world.sim.guid) for key in policies.restorable_types()]
    for sample in samples:
        if sample.accident is None:
            world.sim.put(sample.collection, sample.body)

    world.work("directory_groups.sync")
    captured = world.work("backup_set.capture")
    assert captured.outcome == "succeeded", captured.failures
    for sample in samples:
        if sample.accident is None:
            world.sim.remove(sample.collection, sample.body["id"])
        else:
            world.sim.mutate(
                sample.body["id"],
                lambda body, sample=sample: body.update(sample.accident),
                collection=sample.collection,
            )
    first = _restore(world, captured.context["set"])
    assert first.counts["writes"] >= len(samples)
    assert _restore(world, captured.context["set"]).counts["writes"] == 0


def _restore(world: World, backup_set: int) -> Restore:  # noqa: F811 - not the fixture
    preview = world.work("restore.preview", set=backup_set)
    assert preview.outcome == "succeeded", preview.failures
    restore = Restore.objects.get(preview_run=preview)
    assert not restore.counts["undecided"]
    run = world.work(
        "restore.execute", restore=restore.pk, plan=restore.plan_sha256, confirm=world.tenant.slug
    )
    assert run.outcome == "succeeded", run.failures
    return restore
