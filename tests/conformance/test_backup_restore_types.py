"""For every type that can be restored: back up, lose, restore, back up again: equal, then nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet, PolicyVersion, SetStatus
from tenantatlas.backups.services import load_document
from tenantatlas.policies import paths
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.registry import get_type
from tenantatlas.restore.models import Restore
from tests.crash import policies
from tests.simulated import FILTERS, World, world  # noqa: F401 - a fixture


@pytest.mark.parametrize("key", policies.restorable_types())
def test_comes_back_equal(world: World, key: str) -> None:  # noqa: F811 - the fixture of that name
    sample = _seed(world, key)
    before = _backup(world, key)

    _lose(world, sample)
    restore = _restore(world, before)
    assert restore.counts["writes"] > 0
    after = _backup(world, key)
    assert _form(after, sample, restore) == _form(before, sample, None)

    again = _restore(world, before)
    assert again.counts["writes"] == 0
    assert _form(_backup(world, key), sample, restore) == _form(after, sample, restore)


def test_a_kind_of_filter_that_the_list_names_comes_back_as_that_kind(world: World) -> None:  # noqa: F811 - the fixture of that name
    kind = "#microsoft.graph.payloadCompatibleAssignmentFilter"
    body = {
        "@odata.type": kind,
        "displayName": "Compliant only",
        "platform": "windows10AndLater",
        "rule": '(device.deviceOwnership -eq "Corporate")',
        "payloadType": "enrollmentRestrictions",
    }
    lost = world.sim.put(FILTERS, body)
    before = _backup(world, "assignmentFilters")
    world.sim.remove(FILTERS, lost)

    restore = _restore(world, before)

    made = world.sim.find(FILTERS, restore.items.get().created_id)
    assert made is not None
    assert made.newest is not None
    assert made.newest.body["@odata.type"] == kind
    assert made.newest.body["payloadType"] == body["payloadType"]


def _seed(world: World, key: str) -> policies.Sample:  # noqa: F811 - not the fixture
    world.sim.profile.autopatch = True
    for collection, body in policies.NAMED:
        world.sim.put(collection, body)
    sample = policies.sample(key, guid=world.sim.guid)
    if sample.accident is None:
        world.sim.put(sample.collection, sample.body)
    return sample


def _lose(world: World, sample: policies.Sample) -> None:  # noqa: F811 - not the fixture
    if sample.accident is None:
        world.sim.remove(sample.collection, sample.body["id"])
    else:
        world.sim.mutate(
            sample.body["id"], lambda body: body.update(sample.accident), collection=sample.collection
        )


def _backup(world: World, key: str) -> BackupSet:  # noqa: F811 - not the fixture
    run = world.work("backup_set.capture", types=[key])
    assert run.outcome == "succeeded", run.failures
    backup_set = BackupSet.objects.get(run=run)
    assert backup_set.status == SetStatus.COMPLETE
    return backup_set


def _restore(world: World, backup_set: BackupSet) -> Restore:  # noqa: F811 - not the fixture
    preview = world.work("restore.preview", set=backup_set.pk)
    assert preview.outcome == "succeeded", preview.failures
    restore = Restore.objects.get(preview_run=preview)
    assert not restore.counts["undecided"]
    run = world.work(
        "restore.execute", restore=restore.pk, plan=restore.plan_sha256, confirm=world.tenant.slug
    )
    assert run.outcome == "succeeded", run.failures
    return restore


def _form(backup_set: BackupSet, sample: policies.Sample, restore: Restore | None) -> Any:
    """The policy's canonical form in the set, without what its type declares that the service rewrites."""
    graph_id = sample.body["id"]
    if restore is not None:
        row = restore.items.get(key=sample.key)
        graph_id = row.created_id or row.live_id
    version = PolicyVersion.objects.get(entries__backup_set=backup_set, graph_id=graph_id)
    policy_type = get_type(sample.type_key)
    form = paths.copied(canonical_form(policy_type, compose(policy_type, load_document(version))))
    paths.discard(form, policy_type.restore.rewrites)
    return form
