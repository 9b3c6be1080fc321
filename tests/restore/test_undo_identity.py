"""Undo ∘ restore = identity: on random tenants, after random accidents, whatever way the restore went."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet
from tenantatlas.backups.services import load_document
from tenantatlas.policies import paths
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.registry import get_type
from tenantatlas.restore.models import Restore
from tenantatlas.restore.softening import soften
from tenantatlas.restore.takeback import has_written
from tests.crash import policies
from tests.simulated import group_target

from .conftest import Restoring

#: What others of the samples name: always there, so that it may be lost with them.
_NAMED = ("assignmentFilters", "notificationMessageTemplates")
#: Left out: making one moves the priority of others, which is theirs to keep.
_OTHERS = tuple(
    key for key in policies.restorable_types() if key not in _NAMED and not key.startswith("enrollment.")
)
_TYPES_AT_ONCE = 4
#: How Graph refuses to delete what a policy uses.
_IN_USE = ("is in use and cannot be deleted", "is associated with an assignment")


@pytest.mark.parametrize("seed", range(8))
def test_an_undo_gives_back_what_was_before_the_restore(restoring: Restoring, seed: int) -> None:
    _there_and_back(restoring, random.Random(seed))  # noqa: S311 - repeatable, not secret


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(100, 400))
def test_an_undo_gives_back_what_was_before_many_restores(restoring: Restoring, seed: int) -> None:
    _there_and_back(restoring, random.Random(seed))  # noqa: S311 - repeatable, not secret


def _there_and_back(restoring: Restoring, chance: random.Random) -> None:
    """Seed, back up, break, restore, undo: as broken as it was; undo that: as restored as it was."""
    restoring.allow_deletes()
    keys = sorted({*_NAMED, *chance.sample(_OTHERS, _TYPES_AT_ONCE)})
    samples = list(_seed(restoring, keys, chance))
    backup_set = restoring.capture(types=keys)
    fates = {sample.key: chance.choice(("keep", "lose", "describe", "assign")) for sample in samples}
    lost = {sample.body["id"] for sample in samples if fates[sample.key] == "lose"}
    for sample in samples:
        names_a_lost_one = any(each in repr(sample.body) for each in lost)
        _break(restoring, sample, "lose" if names_a_lost_one else fates[sample.key])
    before = _forms(restoring.capture(types=keys))
    restore = restoring.preview(backup_set, existing=chance.choice(("update", "update", "recreate", "copy")))
    _executed(restoring, restore, in_use_is_refused=True)
    restored = _forms(restoring.capture(types=keys))
    if not has_written(restore):
        assert restored == before
        return

    undo = restoring.undo(restore)
    left = [(row.name, row.reasons) for row in undo.items.filter(action__in=("cannot", "undecided", "skip"))]
    assert not left
    _executed(restoring, undo)
    assert _forms(restoring.capture(types=keys)) == before

    again = restoring.undo(undo)
    _executed(restoring, again)
    assert _forms(restoring.capture(types=keys)) == restored


def _executed(restoring: Restoring, restore: Restore, *, in_use_is_refused: bool = False) -> None:
    """Execute; nothing fails. Graph may refuse to recreate what policies use: then the rest counts."""
    run = restoring.execute(restore)
    failed = {
        item.label: item.message for item in restoring.world.items(run).values() if item.state == "failed"
    }
    if in_use_is_refused:
        recreated = set(restore.items.filter(action="recreate").values_list("name", flat=True))
        refusals = {name for name, said in failed.items() if any(words in said for words in _IN_USE)}
        failed = {name: said for name, said in failed.items() if name not in refusals & recreated}
    assert not failed
    restore.refresh_from_db()


def _seed(restoring: Restoring, keys: list[str], chance: random.Random) -> Iterator[policies.Sample]:
    world = restoring.world
    world.sim.profile.autopatch = True
    for collection, body in policies.NAMED:
        world.sim.put(collection, body)
    for key in keys:
        for number in range(chance.choice((1, 2, 3)) if key not in _NAMED else 1):
            sample = policies.sample(key, guid=world.sim.guid, number=number)
            if sample.accident is None:
                world.sim.put(sample.collection, sample.body)
            yield sample


def _break(restoring: Restoring, sample: policies.Sample, fate: str) -> None:
    """What somebody did to it in the admin center. What names something that is lost is lost with it."""
    sim, graph_id = restoring.world.sim, sample.body["id"]
    if sample.accident is not None:
        sim.mutate(graph_id, lambda body: body.update(sample.accident), collection=sample.collection)
    elif fate == "lose":
        sim.remove(sample.collection, graph_id)
    elif fate == "describe" and "description" in sample.body:
        sim.mutate(graph_id, lambda body: body.update(description="After"), collection=sample.collection)
    elif fate == "assign" and sample.body.get("assignments"):
        wide = sim.put(policies.GROUPS, {"displayName": "Wide", "securityEnabled": True, "groupTypes": []})
        sim.mutate(
            graph_id, lambda body: body.update(assignments=[group_target(wide)]), collection=sample.collection
        )


def _forms(backup_set: BackupSet) -> list[Any]:
    """What the tenant holds: type, name and canonical form of every policy, whatever ids it has.

    Conditional access comes back report-only, and what a type declares that the service rewrites may differ.
    """
    ids = {}
    found = []
    for entry in backup_set.entries.select_related("version__tenant").order_by("version__name"):
        ids[entry.version.graph_id] = f"{entry.version.type_key}:{entry.version.name}"
        policy_type = get_type(entry.version.type_key)
        body, _ = soften(policy_type, compose(policy_type, load_document(entry.version)))
        form = paths.copied(canonical_form(policy_type, body))
        paths.discard(form, policy_type.restore.rewrites)
        found.append((entry.version.type_key, entry.version.name, form))
    return sorted((_renamed(each, ids) for each in found), key=repr)


def _renamed(value: Any, ids: dict[str, str]) -> Any:
    """The value with the ids of this set's policies replaced by names: what is made again has another."""
    if isinstance(value, dict):
        return {key: _renamed(child, ids) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(child, ids) for child in value]
    return ids.get(value, value) if isinstance(value, str) else value
