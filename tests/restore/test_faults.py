"""Whatever Graph does to a write, it happens once, and nothing is called done that is not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.restore.models import Restore, WriteRecord
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Drop, Fault, Html, LoseReply, Refuse, Reset, Status, Throttle
from tenantatlas.simulator.tenants import Lag
from tests.simulated import CATALOG, LoseReplyAnd, NamelessRow, catalog_body, group_target

from .conftest import Restoring
from .test_round_trip import CATALOG_ONLY, LOCATIONS, put_filter, put_group

CREATE = ("POST", r"/configurationPolicies$")
ASSIGN = ("POST", r"/assign$")
LIST = ("GET", r"/configurationPolicies(\?|$)")
ITEM = ("GET", r"/configurationPolicies/.*settings")


@pytest.fixture
def lost(restoring: Restoring) -> Restore:
    """Six assigned policies, captured and gone; their restore, previewed."""
    pilot = put_group(restoring, "Pilot")
    for number in range(6):
        restoring.world.catalog_policy(f"Policy {number}", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.clear(CATALOG)
    return restoring.preview(backup_set)


def assert_restored(restoring: Restoring, restore: Restore) -> None:
    run = restoring.execute(restore)
    assert run.outcome == "succeeded", (run.failures, run.error)
    assert restoring.names() == [f"Policy {number}" for number in range(6)]
    restoring.world.clock.advance(600)  # every replica shows it now
    again = restoring.capture(types=CATALOG_ONLY)
    assert restoring.digests(again) == restoring.digests(restore.backup_set)


@pytest.mark.parametrize(
    "fault",
    [
        LoseReply(),
        Reset(),
        Status(504, applied=True),
        Status(500, applied=True),
        Status(503, applied=False),
        Status(500, applied=False),
        Drop(),
        Refuse(),
        Html(),
        Throttle(retry_after="2"),
        Throttle(),
    ],
    ids=lambda fault: (
        f"{type(fault).__name__}-{getattr(fault, 'status', '')}-{getattr(fault, 'applied', '')}"
    ),
)
@pytest.mark.parametrize("request_", [CREATE, ASSIGN], ids=["create", "assign"])
def test_a_write_happens_once(restoring: Restoring, lost: Restore, fault: Any, request_: Any) -> None:
    restoring.world.simulator.fault(*request_, fault, nth=3)

    assert_restored(restoring, lost)


def test_every_reply_lost(restoring: Restoring, lost: Restore) -> None:
    restoring.world.simulator.fault(*CREATE, LoseReply(), times=0)

    assert_restored(restoring, lost)


def test_a_lost_create_is_sent_again_though_it_was_throttled_before(
    restoring: Restoring, lost: Restore
) -> None:
    """A 429 is an answer: the one more attempt after a lost one is still to come."""
    bad_days = iter([Throttle(retry_after="2"), Status(500, applied=False)])

    class BadDays(Fault):
        def before(self, world: Any, request: Any) -> Any:
            bad_day = next(bad_days, None) if b"Policy 3" in request.body else None
            return bad_day and bad_day.before(world, request)

    restoring.world.simulator.fault(*CREATE, BadDays(), times=0)

    assert_restored(restoring, lost)
    assert list(bad_days) == []
    assert WriteRecord.objects.filter(kind="create", attempt=3, result="applied").count() == 1


@pytest.mark.parametrize("shown", [LIST, ITEM], ids=["list", "item"])
def test_no_duplicate_where_nobody_can_look(restoring: Restoring, lost: Restore, shown: Any) -> None:
    """A look that fails has not seen that it is not there: what was made is not made again."""
    down = partial(restoring.world.simulator.fault, *shown, Status(503, applied=False), times=0)
    restoring.world.simulator.fault(*CREATE, LoseReplyAnd(down), nth=6)
    run = restoring.execute(lost)

    unknown = [item for item in restoring.world.items(run).values() if item.reason == "no_answer"]
    assert [item.state for item in unknown] == ["unknown"]
    assert "could not be looked for" in unknown[0].message
    assert restoring.names() == [f"Policy {number}" for number in range(6)]
    assert WriteRecord.objects.filter(result="unseen").count() == 1


def test_no_duplicate_where_a_row_cannot_be_read(restoring: Restoring, lost: Restore) -> None:
    """What was made may be the row that cannot be read: it is not made again."""
    blurred = partial(restoring.world.simulator.fault, *LIST, NamelessRow(), times=0)
    restoring.world.simulator.fault(*CREATE, LoseReplyAnd(blurred), nth=6)
    run = restoring.execute(lost)

    unknown = [item for item in restoring.world.items(run).values() if item.reason == "no_answer"]
    assert [item.state for item in unknown] == ["unknown"]
    assert "no id" in unknown[0].message
    assert restoring.names() == [f"Policy {number}" for number in range(6)]


def test_nothing_is_created_where_a_row_cannot_be_read(restoring: Restoring, lost: Restore) -> None:
    """Which policies had the name just before is not known then, and a lost answer could not be settled."""
    restoring.world.sim.put(CATALOG, catalog_body("Somebody's"))
    restoring.world.simulator.fault(*LIST, NamelessRow(), times=0)
    run = restoring.execute(lost)

    assert run.outcome == "failed"
    assert {item.state for item in restoring.world.items(run).values()} == {"failed"}
    assert restoring.names() == ["Somebody's"]


def test_a_row_that_cannot_be_read_is_not_called_deleted(restoring: Restoring) -> None:
    """Named locations are read by their list: the row without an id may be the one to update."""
    sim = restoring.world.sim
    body = {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "displayName": "Office",
        "isTrusted": True,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
    }
    office = sim.put(LOCATIONS, body)
    backup_set = restoring.capture(types=["conditionalAccess.namedLocations"])
    sim.mutate(office, lambda body: body.update(isTrusted=False), collection=LOCATIONS)
    restore = restoring.preview(backup_set)
    restoring.world.simulator.fault("GET", r"/namedLocations(\?|$)", NamelessRow(), times=0)

    run = restoring.execute(restore)

    (item,) = [item for item in restoring.world.items(run).values() if item.state == "failed"]
    assert item.message == "A row of the list has no id."


@pytest.mark.parametrize("lag", [Lag(item=60, list=90), Lag(item=120, list=200, delete=30)])
def test_no_duplicate_where_lists_lag(restoring: Restoring, lost: Restore, lag: Lag) -> None:
    restoring.world.sim.lag = lag
    restoring.world.simulator.fault(*CREATE, LoseReply(), nth=2, times=2)

    assert_restored(restoring, lost)


def test_a_stranger_of_the_same_name_is_not_adopted(restoring: Restoring, lost: Restore) -> None:
    """The name alone is not enough: the reply is lost, and somebody made a policy of that name meanwhile."""
    simulator, sim = restoring.world.simulator, restoring.world.sim
    simulator.fault(*CREATE, Status(500, applied=False), nth=1)

    def stranger() -> None:
        sim.put(CATALOG, catalog_body("Policy 0", settings=7) | {"id": "stranger"})

    simulator.fault(*CREATE, _Also(stranger), nth=2)
    run = restoring.execute(lost)

    assert run.outcome == "succeeded", run.failures
    assert restoring.names().count("Policy 0") == 2
    assert len(sim.get(CATALOG, "stranger")["settings"]) == 7


def test_two_that_could_be_it_are_for_a_person(restoring: Restoring, lost: Restore) -> None:
    simulator, sim = restoring.world.simulator, restoring.world.sim

    def stranger() -> None:
        sim.put(CATALOG, catalog_body("Policy 0") | {"id": "stranger"})

    simulator.fault(*CREATE, LoseReply(), nth=1)
    simulator.fault(*CREATE, _Also(stranger), nth=2)

    run = restoring.execute(lost)

    assert run.outcome == "partially_succeeded"
    item = next(item for item in restoring.world.items(run).values() if item.label == "Policy 0")
    assert (item.state, item.reason) == ("needs_decision", "ambiguous")
    assert "stranger" in item.message
    assert not any("Policy 0" in str(name) for name in _assigned(restoring))


def _assigned(restoring: Restoring) -> list[str]:
    return [row["name"] for row in restoring.world.sim.objects(CATALOG) if row.get("assignments")]


class _Also(Status):
    """Lets the request through, after something else has happened in the tenant."""

    def __init__(self, before: Any = None, *, after: Any = None) -> None:
        super().__init__(200)
        object.__setattr__(self, "what", (before, after))

    def before(self, world: Any, request: Any) -> None:  # noqa: ARG002 - a fault's signature
        if self.what[0]:
            self.what[0]()

    def after(self, world: Any, response: Any) -> Any:  # noqa: ARG002 - a fault's signature
        if self.what[1]:
            self.what[1]()
        return response


def test_a_refused_policy_fails_by_itself(restoring: Restoring, lost: Restore) -> None:
    restoring.world.simulator.fault(*CREATE, Status(400, code="BadRequest", message="No."), nth=2)

    run = restoring.execute(lost)

    assert run.outcome == "partially_succeeded"
    assert run.counts["succeeded"] == 5
    failed = [item for item in restoring.world.items(run).values() if item.state == "failed"]
    assert [item.reason for item in failed] == ["rejected"]
    assert failed[0].label not in restoring.names()


def test_what_needs_a_failed_policy_is_not_attempted(restoring: Restoring) -> None:
    pilot, narrow = put_group(restoring, "Pilot"), put_filter(restoring, "Narrow")
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    restoring.world.catalog_policy("Needs it", assignments=[target])
    restoring.world.catalog_policy("Free")
    types = ["configurationPolicies", "assignmentFilters"]
    backup_set = restoring.capture(types=types)
    restoring.world.sim.clear(CATALOG)
    restoring.world.sim.clear("/beta/deviceManagement/assignmentFilters")
    restore = restoring.preview(backup_set)
    restoring.world.simulator.fault("POST", r"/assignmentFilters$", Status(400, message="No."))

    run = restoring.execute(restore)

    items = {item.label: item for item in restoring.world.items(run).values()}
    assert items["Narrow"].state == "failed"
    assert (items["Needs it"].state, items["Needs it"].reason) == ("skipped", "needs_failed")
    assert items["Free"].state == "succeeded"
    assert restoring.names() == ["Free"]


@pytest.mark.parametrize("how", ["changed", "deleted", "assigned"])
def test_what_moved_since_the_preview_is_refused(restoring: Restoring, how: str) -> None:
    pilot = put_group(restoring, "Pilot")
    moved = restoring.world.catalog_policy("Moved", assignments=[])
    other = restoring.world.catalog_policy("Other")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    sim = restoring.world.sim
    for policy in (moved, other):
        sim.mutate(policy, lambda body: body.update(description="Accident"), collection=CATALOG)
    restore = restoring.preview(backup_set)
    if how == "deleted":
        sim.remove(CATALOG, moved)
    elif how == "changed":
        sim.mutate(moved, lambda body: body.update(description="A colleague"), collection=CATALOG)
    else:
        sim.mutate(moved, lambda body: body.update(assignments=[group_target(pilot)]), collection=CATALOG)

    run = restoring.execute(restore)

    assert run.outcome == "partially_succeeded"
    item = restoring.world.items(run)[f"configurationPolicies/{moved}"]
    assert (item.state, item.reason) == ("failed", "changed_since_preview")
    assert [record.item for record in restoring.records(restore)] == [f"configurationPolicies/{other}"]
    if how == "changed":
        assert sim.get(CATALOG, moved)["description"] == "A colleague"


def test_a_policy_made_meanwhile_is_not_doubled(restoring: Restoring, lost: Restore) -> None:
    restoring.world.catalog_policy("Policy 0")

    run = restoring.execute(lost)

    items = {item.label: item for item in restoring.world.items(run).values()}
    assert items["Policy 0"].reason == "changed_since_preview"
    assert restoring.names().count("Policy 0") == 1


def test_what_the_service_keeps_differently_is_never_success(restoring: Restoring, lost: Restore) -> None:
    sim = restoring.world.sim

    def spoil() -> None:
        for row in sim.objects(CATALOG):
            sim.mutate(row["id"], lambda body: body.update(description="Rewritten"), collection=CATALOG)

    restoring.world.simulator.fault(*CREATE, _Also(after=spoil), nth=1)

    run = restoring.execute(lost)

    failed = [item for item in restoring.world.items(run).values() if item.state == "failed"]
    assert run.outcome == "partially_succeeded"
    assert [item.reason for item in failed] == ["differs"]
    assert "description" in failed[0].message
    assert failed[0].label not in _assigned(restoring)


def test_a_late_twin_is_reported(restoring: Restoring, lost: Restore) -> None:
    """Graph commits after W: no second copy in silence."""
    sim = restoring.world.sim
    sim.lag = Lag(item=500, list=500)
    restoring.world.simulator.fault(*CREATE, LoseReply(), nth=1)

    run = restoring.execute(lost)

    lost.refresh_from_db()
    twins = {twin["name"] for twin in lost.late_twins}
    assert run.outcome in {"partially_succeeded", "failed"}
    assert restoring.names().count("Policy 0") == 1 or twins == {"Policy 0"}


def test_a_missing_permission_is_named(restoring: Restoring, lost: Restore) -> None:
    restoring.world.sim.revoke("DeviceManagementConfiguration.ReadWrite.All")
    restoring.world.sim.grant("DeviceManagementConfiguration.Read.All")

    run = restoring.execute(lost)

    assert run.outcome == "failed"
    assert run.failures[0]["code"] == "consent"
    came = [entry for entry in restoring.world.simulator.journal if entry.is_write]
    assert len(came) <= 3 + 20
    assert restoring.names() == []


def test_other_plans_and_other_tenants_are_refused(restoring: Restoring, lost: Restore) -> None:
    start = restoring.world.start
    with pytest.raises(Conflict, match="not the plan"):
        start("restore.execute", restore=lost.pk, plan="0" * 64, confirm="contoso")
    with pytest.raises(InputError, match="64 hexadecimal"):
        start("restore.execute", restore=lost.pk, plan="abc", confirm="contoso")
    with pytest.raises(InputError, match="short name"):
        start("restore.execute", restore=lost.pk, plan=lost.plan_sha256, confirm="fabrikam")


def test_an_old_preview_is_refused(restoring: Restoring, lost: Restore) -> None:
    restoring.world.clock.advance(30 * 60 + 1)

    with pytest.raises(Conflict, match="too old"):
        restoring.start(lost)


def test_a_preview_that_waited_too_long_is_refused(restoring: Restoring, lost: Restore) -> None:
    run = restoring.start(lost)
    restoring.world.clock.advance(30 * 60 + 1)

    run = restoring.world.finish(run)

    assert run.outcome == "failed"
    assert run.failures[0]["code"] == "conflict"
    assert not WriteRecord.objects.exists()


def test_a_plan_altered_in_the_store_is_refused(restoring: Restoring, lost: Restore) -> None:
    first, second = lost.items.order_by("position")[:2]
    lost.items.filter(pk=first.pk).update(name="Something else", sealed=second.sealed)

    run = restoring.execute(lost)

    assert run.outcome in {"failed", "blocked"}
    assert not WriteRecord.objects.exists()


def preview_without(restoring: Restoring, *lists: str) -> OperationRun:
    """A preview of a lost filter and a lost policy while these lists cannot be read."""
    put_filter(restoring, "Narrow")
    restoring.world.catalog_policy("Policy")
    backup_set = restoring.capture(types=[*CATALOG_ONLY, "assignmentFilters"])
    restoring.world.sim.clear(CATALOG)
    for path in lists:
        restoring.world.simulator.fault("GET", path, Status(503), times=0)
    return restoring.world.work("restore.preview", set=backup_set.pk)


def test_a_preview_that_could_not_look_at_everything_did_not_succeed(restoring: Restoring) -> None:
    run = preview_without(restoring, r"/configurationPolicies(\?|$)")

    assert run.outcome == "partially_succeeded"
    items = restoring.world.items(run)
    assert {item.label: (item.state, item.reason) for item in items.values()} == {
        "Policy": ("failed", "not_read"),
        "Narrow": ("succeeded", ""),
    }


def test_there_is_no_preview_of_a_tenant_that_does_not_answer(restoring: Restoring) -> None:
    run = preview_without(restoring, r"/configurationPolicies(\?|$)", r"/assignmentFilters(\?|$)")

    assert (run.outcome, run.failures[0]["code"]) == ("failed", "unavailable")
    assert Restore.objects.get(preview_run=run).plan_sha256 == ""
