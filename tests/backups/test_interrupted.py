"""A worker may die anywhere: the set that is resumed is the set that would have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tenantatlas.backups.models import BackupSet, Blob, PolicyVersion, SetType, StagedRow
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import install_crash_hook
from tests.simulated import SCRIPTS, TAGS, World

TYPES = ["configurationPolicies", "deviceManagementScripts", "roleScopeTags"]


class Killed(BaseException):
    """The worker is gone."""


@pytest.fixture(autouse=True)
def _unhooked() -> Iterator[None]:
    yield
    install_crash_hook(None)


@pytest.fixture
def peopled(world: World) -> World:
    """Two pages of one type, and two other types."""
    world.small_pages()
    for number in range(26):
        world.catalog_policy(f"Policy {number:02}")
    for name in ("One", "Two"):
        world.sim.put(
            SCRIPTS,
            {"displayName": name, "fileName": "a.ps1", "scriptContent": "QQ==", "runAsAccount": "system"},
        )
        world.sim.put(TAGS, {"displayName": name, "description": ""})
    return world


def contents(run: OperationRun) -> dict[str, object]:
    """What people see of the set."""
    backup_set = BackupSet.objects.get(run=run)
    types = SetType.objects.filter(backup_set=backup_set).order_by("type_key")
    return {
        "outcome": run.outcome,
        "status": backup_set.status,
        "fingerprint": backup_set.fingerprint,
        "counts": {name: backup_set.counts[name] for name in ("policies", "listed", "failed", "types")},
        "types": list(types.values_list("type_key", "status", "listed", "captured", "failed")),
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


def boundaries(world: World) -> tuple[Counter[str], dict[str, object]]:
    """Every crash point that an undisturbed capture passes, how often, and what it captured."""
    passed: Counter[str] = Counter()
    install_crash_hook(lambda name: passed.update([name]))
    run = world.work("backup_set.capture", types=TYPES)
    install_crash_hook(None)
    return passed, contents(run)


def test_a_capture_resumes_at_every_boundary_to_the_same_set(peopled: World) -> None:
    passed, undisturbed = boundaries(peopled)
    assert {"list_staged", "list_recorded", "documents_read", "documents_stored"} <= passed.keys()
    versions, blobs = PolicyVersion.objects.count(), Blob.objects.count()

    for point, times in sorted(passed.items()):
        for nth in range(1, times + 1):
            run = peopled.start("backup_set.capture", types=TYPES)
            crash_at(point, nth)
            with pytest.raises(Killed):
                peopled.finish(run)
            install_crash_hook(None)

            run = peopled.finish(run)

            assert contents(run) == undisturbed, (point, nth)
    assert (PolicyVersion.objects.count(), Blob.objects.count()) == (versions, blobs)
    assert not StagedRow.objects.exists()


def test_a_first_capture_that_is_interrupted_makes_each_version_once(peopled: World) -> None:
    run = peopled.start("backup_set.capture", types=TYPES)
    for point in ("list_recorded", "documents_stored", "documents_stored"):
        crash_at(point, 1)
        with pytest.raises(Killed):
            peopled.finish(run)
    install_crash_hook(None)

    run = peopled.finish(run)

    assert run.outcome == "succeeded", run.failures
    assert PolicyVersion.objects.count() == BackupSet.objects.get(run=run).counts["policies"]
    assert BackupSet.objects.get(run=run).counts["seen_again"] == 0


def test_a_cancelled_capture_says_what_was_not_reached(peopled: World) -> None:
    from tenantatlas.runs.services import cancel_run  # noqa: PLC0415 - one test

    run = peopled.start("backup_set.capture", types=TYPES)

    def ask(name: str) -> None:
        if name == "list_recorded":
            cancel_run(run, actor=peopled.cast.otto)

    install_crash_hook(ask)
    run = peopled.finish(run)

    backup_set = BackupSet.objects.get(run=run)
    assert run.outcome == "cancelled"
    assert backup_set.status == "incomplete"
    assert any("not reached" in row.detail for row in SetType.objects.all())


def test_a_cancel_waits_for_the_policies_in_hand_only(world: World) -> None:
    from tenantatlas.runs.services import cancel_run  # noqa: PLC0415 - one test

    for number in range(100):
        world.catalog_policy(f"Policy {number:03}")
    run = world.start("backup_set.capture", types=["configurationPolicies"])

    def ask(name: str) -> None:
        if name == "documents_stored":
            cancel_run(run, actor=world.cast.otto)

    install_crash_hook(ask)
    run = world.finish(run)

    assert run.outcome == "cancelled"
    assert PolicyVersion.objects.count() <= 40
