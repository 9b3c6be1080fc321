"""Lost answers, stops, crashes and colleagues in unlucky orders: made once, taken back or named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tenantatlas.core.errors import Overdue
from tenantatlas.restore.desk import Desk
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.restore.takeback import has_written
from tenantatlas.restore.twins import look_for_late_twins
from tenantatlas.restore.undo import rerun_params
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import install_crash_hook
from tenantatlas.runs.services import cancel_run
from tenantatlas.simulator.faults import Drop, Fault, LoseReply, Status, Throttle
from tenantatlas.simulator.tenants import Lag
from tests.simulated import CATALOG, FILTERS, catalog_body, group_target

from .conftest import Restoring
from .test_faults import preview_without
from .test_interrupted import execute_once_killed
from .test_round_trip import CATALOG_ONLY, put_filter, put_group

CREATE = ("POST", r"/configurationPolicies$")
UPDATE = ("PUT|PATCH", r"/configurationPolicies")


@pytest.fixture(autouse=True)
def unhooked() -> Iterator[None]:
    yield
    install_crash_hook(None)


@pytest.fixture
def one(restoring: Restoring) -> Restore:
    """One policy, captured and gone; its restore, previewed."""
    lost = restoring.world.catalog_policy("Lost")
    put_filter(restoring, "Narrow")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, lost)
    return restoring.preview(backup_set)


@pytest.fixture
def two_writes(restoring: Restoring) -> Restore:
    """The restore of a policy whose description and assignments were changed: two writes."""
    pilot, wide = put_group(restoring, "Pilot"), put_group(restoring, "Wide")
    policy = restoring.world.catalog_policy("Changed", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(
        policy,
        lambda body: body.update(description="Tampered", assignments=[group_target(wide)]),
        collection=CATALOG,
    )
    return restoring.preview(backup_set)


def cancelled_when(restoring: Restoring, restore: Restore, *, point: str, nth: int = 1) -> OperationRun:
    """The execution, with a person's stop at the nth passing of a crash point."""
    run = restoring.start(restore)
    passed: list[str] = []

    def stop(name: str) -> None:
        passed.append(name)
        if name == point and passed.count(point) == nth:
            cancel_run(run, actor=None)

    install_crash_hook(stop)
    return restoring.world.finish(run)


def late_twins(restoring: Restoring, restore: Restore, *types: str) -> list[str]:
    """Capture these types some time later and look through it; the ids that are known to be made twice."""
    restoring.world.clock.advance(900)
    restoring.capture(types=list(types) or CATALOG_ONLY)
    look_for_late_twins()
    restore.refresh_from_db()
    return [each["id"] for each in restore.late_twins]


# ── A preview is a promise ──


def test_only_the_plan_that_was_confirmed_is_executed(restoring: Restoring, one: Restore) -> None:
    """Confirmed and waiting, while somebody previews the same restore again."""
    run = restoring.start(one)
    theirs = restoring.world.catalog_policy("Lost", description="A colleague's")
    again = restoring.world.work("restore.preview", set=one.backup_set_id, restore=one.pk)
    assert again.outcome == "succeeded"

    run = restoring.world.finish(run)

    assert run.outcome == "failed"
    assert "not the plan" in run.error["message"]
    assert not WriteRecord.objects.exists()
    assert restoring.world.sim.get(CATALOG, theirs)["description"] == "A colleague's"


def test_a_policy_made_while_the_create_waited_is_not_doubled(restoring: Restoring) -> None:
    """What it needs takes minutes; a colleague makes the policy meanwhile."""
    pilot, narrow = put_group(restoring, "Pilot"), put_filter(restoring, "Narrow")
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    restoring.world.catalog_policy("Needs it", assignments=[target])
    backup_set = restoring.capture(types=["configurationPolicies", "assignmentFilters"])
    restoring.world.sim.clear(CATALOG)
    restoring.world.sim.clear(FILTERS)
    restore = restoring.preview(backup_set)

    class Meanwhile(Fault):
        def before(self, world: Any, request: Any) -> None:
            del world, request
            restoring.world.catalog_policy("Needs it", description="A colleague's")

    restoring.world.simulator.fault("POST", r"/assignmentFilters$", Drop(), nth=1)
    restoring.world.simulator.fault("POST", r"/assignmentFilters$", Meanwhile(), nth=2)
    restoring.execute(restore)

    assert restoring.names() == ["Needs it"]


# ── Made once ──


def test_namesakes_are_made_one_after_the_other(restoring: Restoring) -> None:
    """Otherwise the one whose answer is lost takes the other's object for its own."""
    for number in "12":
        restoring.world.sim.put(
            CATALOG, catalog_body("Same") | {"id": f"{number * 8}-1111-4111-8111-111111111111"}
        )
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.clear(CATALOG)
    restore = restoring.preview(backup_set)

    class Slow(Fault):
        def after(self, world: Any, response: Any) -> Any:
            del world
            return replace(response, delay=response.delay + 5)

    restoring.world.simulator.fault(*CREATE, Slow(), times=0)
    assert restoring.execute(restore).outcome == "succeeded"

    first, second = sorted(restoring.records(restore), key=lambda record: record.sent_at)
    assert second.sent_at >= first.answered_at
    assert first.graph_id in second.before


def test_a_worker_that_wakes_does_not_send_what_was_taken_over(
    restoring: Restoring, one: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It froze between its last look at the run and the socket."""
    run = restoring.start(one)
    frozen: list[Callable[[], Any]] = []
    write = Desk.write

    class FrozenError(BaseException):
        pass

    def freeze(self: Desk, work: Any, *, then: Any) -> None:
        if frozen:
            return write(self, work, then=then)
        frozen.append(work)
        raise FrozenError

    monkeypatch.setattr(Desk, "write", freeze)
    with pytest.raises(FrozenError):
        restoring.world.finish(run)
    run.refresh_from_db(from_queryset=OperationRun.all_tenants.all())
    assert restoring.world.finish(run).outcome == "succeeded"

    with pytest.raises(Overdue):
        frozen[0]()
    assert restoring.names() == ["Lost"]


def test_what_a_stopped_run_may_have_made_is_not_made_by_the_next(restoring: Restoring, one: Restore) -> None:
    other = restoring.preview(one.backup_set)
    restoring.world.simulator.fault(*CREATE, Drop())
    run = cancelled_when(restoring, one, point="recorded")
    assert [item.state for item in restoring.world.items(run).values()] == ["unknown"]
    install_crash_hook(None)

    refused = restoring.execute(other)
    one.refresh_from_db()
    again = restoring.preview_as(rerun_params(one))

    assert (refused.outcome, refused.failures[0]["code"]) == ("failed", "unsettled")
    item = again.items.get()
    assert (item.action, item.reasons[0]["code"]) == ("cannot", "unsettled")
    assert "Preview it again after" in item.reasons[0]["message"]
    assert restoring.execute(again).outcome == "failed"
    assert restoring.names() == []
    restoring.world.clock.advance(300)
    assert restoring.actions(restoring.preview(one.backup_set)) == {"Lost": "create"}


# ── Named ──


def test_what_a_stopped_run_made_is_told_by_the_next_capture(restoring: Restoring, one: Restore) -> None:
    restoring.world.sim.lag = Lag(item=200, list=200)
    restoring.world.simulator.fault(*CREATE, LoseReply())
    cancelled_when(restoring, one, point="recorded")

    (made,) = late_twins(restoring, one)
    assert restoring.world.sim.get(CATALOG, made)["name"] == "Lost"


def test_only_captures_that_read_the_type_count_as_looks(restoring: Restoring, one: Restore) -> None:
    restoring.world.sim.lag = Lag(item=1000, list=1000)
    restoring.world.simulator.fault(*CREATE, LoseReply(), times=0)
    restoring.execute(one)
    restoring.world.clock.advance(1000)

    for _ in range(3):
        assert late_twins(restoring, one, "assignmentFilters") == []
    assert one.twin_looks == 0
    assert len(late_twins(restoring, one)) == 2


def test_the_policy_that_was_captured_is_no_twin_of_itself(restoring: Restoring, one: Restore) -> None:
    """The inventory still says that it is there."""
    restoring.world.simulator.fault(*CREATE, LoseReply(), nth=1)
    restoring.execute(one)

    restoring.capture(types=["assignmentFilters"])
    look_for_late_twins()

    one.refresh_from_db()
    assert one.late_twins == []


@pytest.mark.parametrize("killed", [False, True])
def test_what_appears_late_is_told_at_the_end_of_the_run(
    restoring: Restoring, one: Restore, *, killed: bool
) -> None:
    """Also where another worker than the one that lost the answer comes to the end."""

    class AppearsNow(Fault):
        def before(self, world: Any, request: Any) -> None:
            del world, request
            made = restoring.world.clock.now().isoformat()
            late = catalog_body("Lost") | {"id": "late", "createdDateTime": made}
            restoring.world.sim.put(CATALOG, late)

        def after(self, world: Any, response: Any) -> Any:
            del world
            return replace(response, delay=response.delay + 5)

    restoring.world.simulator.fault(*CREATE, Drop(), nth=1)
    restoring.world.simulator.fault(*CREATE, AppearsNow(), nth=2)
    kill = partial(execute_once_killed, point="settled", nth=1)
    run = (kill if killed else Restoring.execute)(restoring, one)

    one.refresh_from_db()
    assert [each["id"] for each in one.late_twins] == ["late"]
    assert run.outcome == "partially_succeeded"


def test_a_type_that_could_not_be_read_is_no_success(restoring: Restoring) -> None:
    run = preview_without(restoring, r"/configurationPolicies(\?|$)")
    restoring.world.simulator.script.clear()

    run = restoring.execute(Restore.objects.get(preview_run=run))

    assert run.outcome == "failed"
    assert "needs_decision" in {item.state for item in restoring.world.items(run).values()}


@pytest.mark.parametrize("killed", [False, True])
def test_an_approval_in_the_admin_center_is_asked_for(
    restoring: Restoring, one: Restore, *, killed: bool
) -> None:
    """Also where the worker died right after it had heard so."""
    code = {"x-msft-approval-code": "11111111-1111-4111-8111-111111111111"}
    held = Status(412, code="BadRequest", message="Approval Required", headers=code)
    restoring.world.simulator.fault(*CREATE, held, nth=1)
    kill = partial(execute_once_killed, point="recorded", nth=1)
    run = (kill if killed else Restoring.execute)(restoring, one)

    (item,) = restoring.world.items(run).values()
    assert (item.state, item.reason) == ("needs_decision", "approval")


# ── Lost, and what came after it ──


def test_a_write_that_is_refused_after_a_lost_answer_may_be_undone(
    restoring: Restoring, two_writes: Restore
) -> None:
    restoring.world.simulator.fault(*UPDATE, LoseReply(), nth=1)
    restoring.world.simulator.fault(*UPDATE, Status(400, message="No."), nth=2)
    assert restoring.execute(two_writes).outcome == "failed"

    assert has_written(two_writes)
    item = restoring.undo(two_writes).items.get()
    assert (item.name, item.action, item.reasons[0]["code"]) == ("Changed", "cannot", "not_verified")


def test_a_create_that_nothing_ever_shows_is_named_in_its_undo(restoring: Restoring, one: Restore) -> None:
    restoring.world.sim.lag = Lag(item=5000, list=5000)
    restoring.world.simulator.fault(*CREATE, LoseReply(), times=0)
    restoring.execute(one)

    item = restoring.undo(one).items.get()
    assert (item.name, item.action, item.reasons[0]["code"]) == ("Lost", "cannot", "unknown")


def test_our_own_write_is_not_taken_for_a_colleagues(restoring: Restoring, two_writes: Restore) -> None:
    """Its answer was lost, then it was throttled for longer than a look stays fresh."""

    class LoseSlowly(LoseReply):
        def after(self, world: Any, response: Any) -> Any:
            return replace(super().after(world, response), delay=90)

    restoring.world.simulator.fault(*UPDATE, LoseSlowly(), nth=1)
    restoring.world.simulator.fault(*UPDATE, Throttle(retry_after="20"), nth=2)

    assert restoring.execute(two_writes).outcome == "succeeded"


def test_nor_by_the_worker_that_comes_after(restoring: Restoring, two_writes: Restore) -> None:
    restoring.world.simulator.fault(*UPDATE, LoseReply(), nth=1)

    run = execute_once_killed(restoring, two_writes, point="settled", nth=1)

    assert run.outcome == "succeeded"


def test_a_stop_after_a_lost_answer_does_not_say_not_started(
    restoring: Restoring, two_writes: Restore
) -> None:
    restoring.world.simulator.fault(*UPDATE, LoseReply(), nth=1)
    restoring.world.simulator.fault(*UPDATE, Throttle(retry_after="50"), nth=2)

    run = cancelled_when(restoring, two_writes, point="recorded", nth=2)

    (item,) = restoring.world.items(run).values()
    assert (item.state, item.reason) == ("failed", "stopped")


def test_what_was_made_and_not_assigned_is_removed_by_the_undo(restoring: Restoring) -> None:
    restoring.allow_deletes()
    pilot = put_group(restoring, "Pilot")
    policy = restoring.world.catalog_policy("Half", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, policy)
    restore = restoring.preview(backup_set)
    restoring.world.simulator.fault("POST", r"/assign$", Status(400, message="No."))
    assert restoring.execute(restore).outcome == "failed"

    undo = restoring.undo(restore)

    assert restoring.actions(undo) == {"Half": "remove"}
    assert restoring.execute(undo).outcome == "succeeded"
    assert restoring.names() == []
