"""What the second list finds, and what ends a capture early."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError

from tenantatlas.backups import services
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetType, StagedRow
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import read_policy
from tenantatlas.inventory.models import Policy, ReadStatus
from tenantatlas.policies.registry import get_type
from tenantatlas.runs import journal
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import install_crash_hook
from tenantatlas.runs.services import retry_failed_items
from tenantatlas.simulator.faults import Status, Throttle
from tenantatlas.tenants.connections import client_for
from tests.simulated import CATALOG, World

TYPE = "configurationPolicies"


@pytest.fixture
def three(world: World) -> list[str]:
    return [world.catalog_policy(name) for name in ("Alpha", "Beta", "Gamma")]


@pytest.fixture(autouse=True)
def _unhooked():
    yield
    install_crash_hook(None)


def capture(world: World, meanwhile: Callable[[], object] | None = None) -> tuple[OperationRun, SetType]:
    """Capture; `meanwhile` happens once, after the documents were stored."""
    left = [meanwhile] if meanwhile else []

    def hook(name: str) -> None:
        if name == "documents_stored" and left:
            world.clock.advance(60)
            left.pop()()

    install_crash_hook(hook)
    run = world.work("backup_set.capture", types=[TYPE])
    return run, SetType.objects.get(backup_set__run=run)


def test_a_policy_that_appears_is_named(world: World, three: list[str]) -> None:  # noqa: ARG001 - the policies
    run, row = capture(world, lambda: world.catalog_policy("Delta"))

    assert run.outcome == "partially_succeeded"
    assert (row.status, row.captured) == (ReadStatus.CHANGED, 3)
    assert "Delta (appeared)" in row.detail


def test_a_policy_that_goes_after_it_was_read_is_named(world: World, three: list[str]) -> None:
    run, row = capture(world, lambda: world.sim.remove(CATALOG, three[0]))

    assert run.outcome == "partially_succeeded"
    assert "Alpha (removed)" in row.detail


def test_a_second_look_that_fails_leaves_the_type_partial(world: World, three: list[str]) -> None:  # noqa: ARG001
    run, row = capture(
        world, lambda: world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)
    )

    assert run.outcome == "partially_succeeded"
    assert row.status == ReadStatus.PARTIAL
    assert "Whether anything changed meanwhile is not known" in row.detail


def test_retrying_the_second_look_captures_the_type_again(world: World, three: list[str]) -> None:
    run, _ = capture(world, lambda: world.catalog_policy("Delta"))
    install_crash_hook(None)

    again, _ = retry_failed_items(run, actor=world.cast.otto, trigger=Trigger.PERSON)
    again = world.finish(again)

    assert again.outcome == "succeeded", again.failures
    made = BackupSet.objects.get(run=again)
    assert made.status == "complete"
    assert made.entries.count() == len(three) + 1


def test_a_long_throttle_in_mid_capture_is_waited_for(world: World, three: list[str]) -> None:
    rule = world.simulator.fault("GET", f"{three[1]}/settings", Throttle("3600"))

    run = world.work("backup_set.capture", types=[TYPE])

    assert (run.status, run.waiting_reason) == ("queued", "throttled")
    assert rule.seen == 1
    world.clock.advance(3700)
    assert journal.end_wait(run.pk, dispatch=run.dispatch)
    run.refresh_from_db()
    run = world.finish(run)

    assert run.outcome == "succeeded", run.failures
    assert PolicyVersion.objects.count() == 3


def test_a_credential_that_stops_working_blocks_the_run(world: World, three: list[str]) -> None:  # noqa: ARG001
    def lock_out(name: str) -> None:
        if name == "list_recorded":
            world.sim.apps.clear()
            world.sim.expire_tokens()

    install_crash_hook(lock_out)
    run = world.work("backup_set.capture", types=[TYPE])

    made = BackupSet.objects.get(run=run)
    assert run.outcome == "partially_succeeded"
    assert run.failures[0]["code"] == "sign_in"
    assert made.status == "incomplete"
    assert "3 of 3 were not reached: Alpha, Beta, Gamma" in SetType.objects.get().detail
    assert not StagedRow.objects.exists()


def test_storing_looks_again_when_a_version_went_meanwhile(
    world: World, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, failures = services._store, [IntegrityError("gone"), IntegrityError("gone")]

    def flaky(*args: object, **kwargs: object) -> object:
        if failures:
            raise failures.pop()
        return store(*args, **kwargs)

    monkeypatch.setattr(services, "_store", flaky)
    run, row = capture(world)

    assert run.outcome == "succeeded", run.failures
    assert row.captured == len(three)


def test_a_policy_that_no_list_showed_can_be_stored(world: World, three: list[str]) -> None:
    run = world.start("backup_set.capture", types=[TYPE])
    policy_type = get_type(TYPE)
    document = read_policy(client_for(world.tenant), policy_type, three[0])

    version, created = services.store_document(world.tenant, policy_type, document, run=run)
    same, again = services.store_document(world.tenant, policy_type, document, run=run)

    assert (created, version) == (True, same)
    assert again is True
    assert Policy.objects.get().name == "Alpha"


def test_reading_by_list_and_by_id_gives_the_same_version(world: World, three: list[str]) -> None:
    capture(world)
    world.work("policy.capture_snapshot", policy=three[0])

    assert PolicyVersion.objects.filter(graph_id=three[0]).count() == 1


def test_lists_of_one_moment_need_no_second_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sim.put("/beta/identity/conditionalAccess/namedLocations", _location("Office"))
    asked: list[str] = []
    pages = GraphClient.pages
    monkeypatch.setattr(
        GraphClient, "pages", lambda self, path, **more: asked.append(path) or pages(self, path, **more)
    )

    run = world.work("backup_set.capture", types=["conditionalAccess.namedLocations"])

    assert run.outcome == "succeeded", run.failures
    assert len(asked) == 1


def _location(name: str) -> dict[str, object]:
    return {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "displayName": name,
        "isTrusted": False,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "10.0.0.0/8"}],
    }
