"""What a restore made again is the same policy, whatever is compared with what."""

from __future__ import annotations

import pytest

from tenantatlas.backups.comparing import moved_between
from tenantatlas.backups.models import BackupSet
from tenantatlas.backups.succession import ids_of
from tenantatlas.drift.deciding import choose_baseline, ignore_setting
from tenantatlas.drift.models import Finding, FindingKind, FindingState, Severity
from tenantatlas.drift.queries import findings_of_policy, findings_of_run
from tenantatlas.restore.models import Restore, RestoreItem
from tenantatlas.tenants.scope import tenant_scope
from tests.drift.test_drift import TYPES, compare
from tests.simulated import CATALOG, FILTERS, World, group_target


@pytest.fixture
def two(world: World) -> list[str]:
    return [world.catalog_policy(name) for name in ("Alpha", "Beta")]


@pytest.fixture
def backup_set(world: World, two: list[str]) -> BackupSet:  # noqa: ARG001 - captures them
    return capture(world)


def capture(world: World, **scope: object) -> BackupSet:
    run = world.work("backup_set.capture", **(scope or {"types": TYPES}))
    assert run.outcome == "succeeded", run.failures
    return BackupSet.objects.get(run=run)


def restore(world: World, backup_set: BackupSet) -> Restore:
    """What is lost of the set, made again."""
    preview = world.work("restore.preview", set=backup_set.pk)
    planned = Restore.objects.get(preview_run=preview)
    run = world.work(
        "restore.execute", restore=planned.pk, plan=planned.plan_sha256, confirm=world.tenant.slug
    )
    assert run.outcome == "succeeded", run.failures
    return planned


def lose_and_restore(world: World, backup_set: BackupSet, graph_id: str) -> str:
    """The id under which the policy is there again."""
    world.sim.remove(CATALOG, graph_id)
    made = restore(world, backup_set).items.exclude(created_id="").get().created_id
    assert made != graph_id
    return made


def test_a_restored_tenant_has_no_drift_and_what_was_found_before_is_resolved(
    world: World, backup_set: BackupSet, two: list[str]
) -> None:
    world.sim.remove(CATALOG, two[0])
    _, before = compare(world, backup_set)
    assert {name: one.kind for name, one in before.items()} == {"Alpha": FindingKind.REMOVED}
    restore(world, backup_set)

    run, found = compare(world, backup_set)

    assert run.outcome == "succeeded", run.failures
    assert found == {}
    assert Finding.objects.get().state == FindingState.RESOLVED


def test_the_baseline_is_no_different(world: World, backup_set: BackupSet, two: list[str]) -> None:
    choose_baseline(backup_set, actor=world.cast.otto)
    lose_and_restore(world, backup_set, two[0])

    run = world.work("drift.generate", against="baseline")

    assert run.outcome == "succeeded", run.failures
    assert not findings_of_run(run.pk).exists()


def test_a_change_of_what_was_made_again_is_one_finding_of_the_policy_of_the_set(
    world: World, backup_set: BackupSet, two: list[str]
) -> None:
    made = lose_and_restore(world, backup_set, two[0])
    world.sim.mutate(made, lambda body: body.update(description="New"), collection=CATALOG)

    _, first = compare(world, backup_set)
    _, second = compare(world, backup_set)

    assert [(one.name, one.kind, one.graph_id) for one in first.values()] == [
        ("Alpha", FindingKind.CHANGED, two[0])
    ]
    assert [one["path"] for one in first["Alpha"].differences] == ["description"]
    assert second["Alpha"].pk == first["Alpha"].pk
    for graph_id in (two[0], made):
        assert [one.pk for one in findings_of_policy(TYPES[0], graph_id)] == [first["Alpha"].pk]


def test_it_keeps_its_fingerprint_however_often_it_is_made_again(
    world: World, backup_set: BackupSet, two: list[str]
) -> None:
    made = lose_and_restore(world, backup_set, two[0])
    world.sim.mutate(made, lambda body: body.update(description="New"), collection=CATALOG)
    _, first = compare(world, backup_set)
    again = lose_and_restore(world, capture(world), made)

    _, second = compare(world, backup_set)

    assert again != made
    assert second["Alpha"].fingerprint == first["Alpha"].fingerprint


def test_what_is_ignored_of_it_stays_ignored(world: World, backup_set: BackupSet, two: list[str]) -> None:
    world.sim.mutate(two[0], lambda body: body.update(description="New"), collection=CATALOG)
    _, found = compare(world, backup_set)
    until = found["Alpha"].found_at.replace(year=found["Alpha"].found_at.year + 1)
    ignore_setting(found["Alpha"], path="description", actor=world.cast.otto, reason="Wanted.", until=until)
    lose_and_restore(world, capture(world), two[0])

    _, found = compare(world, backup_set)

    assert found == {}


def test_naming_something_that_was_made_again_is_no_change(world: World) -> None:
    body = {"displayName": "Contoso only", "platform": "windows10AndLater", "rule": "(device.model -eq 1)"}
    named = world.sim.put(FILTERS, {**body, "roleScopeTags": ["0"]})
    group = world.sim.put("/groups", {"displayName": "Sales", "securityEnabled": True})
    world.work("directory_groups.sync")
    target = group_target(group)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": named,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    alpha = world.catalog_policy("Alpha", assignments=[target])
    backup_set = capture(world, types=[*TYPES, "assignmentFilters"])
    world.sim.remove(CATALOG, alpha)
    world.sim.remove(FILTERS, named)
    restore(world, backup_set)

    _, found = compare(world, backup_set)

    assert found == {}


def test_what_went_again_is_removed(world: World, backup_set: BackupSet, two: list[str]) -> None:
    world.sim.remove(CATALOG, lose_and_restore(world, backup_set, two[0]))

    _, found = compare(world, backup_set)

    assert [(one.kind, one.graph_id) for one in found.values()] == [(FindingKind.REMOVED, two[0])]


def test_a_set_of_single_policies_follows_them(world: World, backup_set: BackupSet, two: list[str]) -> None:
    world.work("inventory.sync", types=TYPES)
    single = capture(world, policies=two[:1])
    lose_and_restore(world, backup_set, two[0])

    _, found = compare(world, single)

    assert found == {}


def test_two_sets_pair_them(world: World, backup_set: BackupSet, two: list[str]) -> None:
    made = lose_and_restore(world, backup_set, two[0])
    same = capture(world)
    world.sim.mutate(made, lambda body: body.update(description="New"), collection=CATALOG)
    other = capture(world)

    assert list(moved_between(backup_set, same)) == []
    assert list(moved_between(same, backup_set)) == []
    (moved,) = moved_between(backup_set, other)
    assert (moved.kind, moved.graph_id) == ("changed", made)
    assert moved.before is not None
    assert moved.before.graph_id == two[0]


def test_two_inventories_tell_that_it_was_made_again(
    world: World, backup_set: BackupSet, two: list[str]
) -> None:
    world.work("inventory.sync", types=TYPES)
    world.clock.advance(60)
    lose_and_restore(world, backup_set, two[0])
    world.work("inventory.sync", types=TYPES)

    run = world.work("drift.generate", against="inventory", types=TYPES, foundations=False)

    (found,) = findings_of_run(run.pk)
    assert (found.name, found.kind, found.severity) == ("Alpha", FindingKind.CHANGED, Severity.LOW)
    assert "made it again" in found.summary


def test_the_restores_of_another_tenant_say_nothing(
    world: World, backup_set: BackupSet, two: list[str]
) -> None:
    made = lose_and_restore(world, backup_set, two[0])
    assert ids_of(TYPES[0], two[0]) == {two[0], made}

    with tenant_scope(world.cast.fabrikam):
        assert ids_of(TYPES[0], two[0]) == {two[0]}
        assert not RestoreItem.objects.exists()
