"""Taking a restore back."""

from __future__ import annotations

from functools import partial

import pytest

from tenantatlas.core.errors import Conflict
from tenantatlas.restore.models import Restore
from tenantatlas.restore.undo import undo_params
from tenantatlas.runs.lifecycle import Outcome
from tests.simulated import CATALOG, FILTERS, LoseReplyAnd, NamelessRow, group_target

from .conftest import Restoring
from .test_round_trip import ACCESS, put_filter, put_group

CATALOG_ONLY = ["configurationPolicies"]
WITH_FILTERS = ["configurationPolicies", "assignmentFilters"]


def tamper(restoring: Restoring, graph_id: str, words: str = "Tampered") -> None:
    """Somebody changes a policy in the admin center."""
    restoring.world.sim.mutate(graph_id, lambda body: body.update(description=words), collection=CATALOG)


def executed(restoring: Restoring, restore: Restore) -> Restore:
    """The restore, executed without a failure."""
    run = restoring.execute(restore)
    assert run.outcome == Outcome.SUCCEEDED, run.failures
    restore.refresh_from_db()
    return restore


def test_what_was_changed_is_changed_to_what_it_was_before(restoring: Restoring) -> None:
    pilot, wide = put_group(restoring, "Pilot"), put_group(restoring, "Wide")
    policy = restoring.world.catalog_policy("Changed", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, policy)
    restoring.world.sim.mutate(
        policy, lambda body: body.update(assignments=[group_target(wide)]), collection=CATALOG
    )
    before = restoring.digests(restoring.capture(types=CATALOG_ONLY))
    restore = executed(restoring, restoring.preview(backup_set))

    undo = restoring.undo(restore)
    assert restoring.actions(undo) == {"Changed": "update"}
    run = restoring.execute(undo)

    assert (run.outcome, run.operation) == (Outcome.SUCCEEDED, "restore.undo"), run.failures
    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == before


def test_what_was_made_is_removed_only_where_the_tenant_allows_deletes(restoring: Restoring) -> None:
    lost = restoring.world.catalog_policy("Lost")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, lost)
    restore = executed(restoring, restoring.preview(backup_set))

    item = restoring.undo(restore).items.get()
    assert (item.action, item.reasons[0]["code"]) == ("cannot", "deletes_off")
    restoring.allow_deletes()
    undo = restoring.undo(restore)
    assert (restoring.actions(undo), undo.counts["writes"]) == ({"Lost": "remove"}, 1)
    executed(restoring, undo)

    assert restoring.names() == []
    assert [record.method for record in restoring.records(undo)] == ["DELETE"]


def test_what_names_another_goes_first(restoring: Restoring) -> None:
    restoring.allow_deletes()
    pilot, narrow = put_group(restoring, "Pilot"), put_filter(restoring, "Contoso devices")
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    policy = restoring.world.catalog_policy("Assigned", assignments=[target])
    backup_set = restoring.capture(types=WITH_FILTERS)
    restoring.world.sim.remove(CATALOG, policy)
    restoring.world.sim.remove(FILTERS, narrow)
    undo = restoring.undo(executed(restoring, restoring.preview(backup_set)))

    executed(restoring, undo)

    assert [record.path.split("/")[3] for record in restoring.records(undo)] == [
        "configurationPolicies",
        "assignmentFilters",
    ]
    assert (restoring.names(), restoring.names(FILTERS)) == ([], [])


def test_what_was_touched_since_is_left_as_it_is(restoring: Restoring) -> None:
    ours, theirs = restoring.world.catalog_policy("Ours"), restoring.world.catalog_policy("Theirs")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, ours)
    tamper(restoring, theirs)
    restore = executed(restoring, restoring.preview(backup_set))
    tamper(restoring, theirs, "Wanted so")

    undo = restoring.undo(restore)
    assert restoring.actions(undo) == {"Ours": "update", "Theirs": "cannot"}
    assert undo.items.get(name="Theirs").reasons[0]["code"] == "touched"
    run = restoring.execute(undo)

    assert (run.outcome, run.failures[0]["code"]) == (Outcome.PARTIALLY_SUCCEEDED, "stays")
    assert restoring.world.sim.get(CATALOG, theirs)["description"] == "Wanted so"
    assert restoring.world.sim.get(CATALOG, ours)["description"] == "Tampered"


def test_what_is_touched_between_preview_and_execution_is_not_overwritten(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, policy)
    undo = restoring.undo(executed(restoring, restoring.preview(backup_set)))
    tamper(restoring, policy, "Wanted so")

    run = restoring.execute(undo)

    assert (run.outcome, run.failures[0]["code"]) == (Outcome.FAILED, "changed_since_preview")
    assert restoring.world.sim.get(CATALOG, policy)["description"] == "Wanted so"


def test_what_was_made_stays_while_something_that_stays_names_it(restoring: Restoring) -> None:
    restoring.allow_deletes()
    pilot, narrow = put_group(restoring, "Pilot"), put_filter(restoring, "Contoso devices")
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    policy = restoring.world.catalog_policy("Assigned", assignments=[target])
    backup_set = restoring.capture(types=WITH_FILTERS)
    restoring.world.sim.mutate(policy, lambda body: body.update(assignments=[]), collection=CATALOG)
    restoring.world.sim.remove(FILTERS, narrow)
    restore = executed(restoring, restoring.preview(backup_set))
    tamper(restoring, policy, "Wanted so")

    undo = restoring.undo(restore)

    assert restoring.actions(undo) == {"Assigned": "cannot", "Contoso devices": "cannot"}
    assert undo.items.get(name="Contoso devices").reasons[0]["code"] == "in_use"


def test_an_undo_is_undone(restoring: Restoring) -> None:
    restoring.allow_deletes()
    changed, lost = restoring.world.catalog_policy("Changed"), restoring.world.catalog_policy("Lost")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, changed)
    restoring.world.sim.remove(CATALOG, lost)
    restore = executed(restoring, restoring.preview(backup_set))
    undo = executed(restoring, restoring.undo(restore))
    assert restoring.names() == ["Changed"]

    again = restoring.undo(undo)
    assert restoring.actions(again) == {"Changed": "update", "Lost": "create"}
    executed(restoring, again)

    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == restoring.digests(backup_set)


def test_undoing_twice_changes_nothing_more(restoring: Restoring) -> None:
    restoring.allow_deletes()
    changed, lost = restoring.world.catalog_policy("Changed"), restoring.world.catalog_policy("Lost")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, changed)
    restoring.world.sim.remove(CATALOG, lost)
    restore = executed(restoring, restoring.preview(backup_set))
    executed(restoring, restoring.undo(restore))

    assert restoring.actions(restoring.undo(restore)) == {"Changed": "unchanged", "Lost": "skip"}


def test_a_recreated_policy_is_changed_back_in_place(restoring: Restoring) -> None:
    restoring.allow_deletes()
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, policy)
    before = restoring.digests(restoring.capture(types=CATALOG_ONLY))
    restore = executed(restoring, restoring.preview(backup_set, existing="recreate"))

    undo = restoring.undo(restore)
    assert restoring.actions(undo) == {"Changed": "update"}
    executed(restoring, undo)

    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == before


def test_what_policies_use_is_not_recreated_and_the_rest_is_taken_back(restoring: Restoring) -> None:
    restoring.allow_deletes()
    sim, narrow = restoring.world.sim, put_filter(restoring, "Corporate")
    pilot = group_target(put_group(restoring, "Pilot"))
    pilot["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    restoring.world.catalog_policy("User", assignments=[pilot])
    changed = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=WITH_FILTERS)
    tamper(restoring, changed)
    sim.mutate(narrow, lambda body: body.update(description="Tampered"), collection=FILTERS)
    before = restoring.digests(restoring.capture(types=WITH_FILTERS))
    restore = restoring.preview(backup_set, existing="recreate")
    assert restoring.actions(restore) == {"Changed": "recreate", "Corporate": "cannot", "User": "unchanged"}
    (reason,) = restore.items.get(name="Corporate").reasons
    assert reason["code"] == "in_use"
    assert "in use by “User”." in reason["message"]

    executed(restoring, restore)
    assert sim.get(FILTERS, narrow)["description"] == "Tampered"

    undo = restoring.undo(restore)
    assert restoring.actions(undo) == {"Changed": "update"}
    executed(restoring, undo)
    assert restoring.digests(restoring.capture(types=WITH_FILTERS)) == before


@pytest.mark.parametrize("existing", ["update", "recreate"])
def test_what_may_have_been_made_is_named_and_left_to_a_person(restoring: Restoring, existing: str) -> None:
    """The answer to a create was lost and nobody could look: its undo says so, and makes no second one."""
    restoring.allow_deletes()
    policy = restoring.world.catalog_policy("Perhaps")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    if existing == "update":
        restoring.world.sim.remove(CATALOG, policy)
    else:
        tamper(restoring, policy)
    restore = restoring.preview(backup_set, existing=existing)
    simulator = restoring.world.simulator
    blurred = partial(simulator.fault, "GET", r"/configurationPolicies(\?|$)", NamelessRow(), times=0)
    simulator.fault("POST", r"/configurationPolicies$", LoseReplyAnd(blurred))
    restoring.execute(restore)
    simulator.script.clear()

    undo = restoring.undo(restore)

    item = undo.items.get()
    assert (item.name, item.action, item.reasons[0]["code"]) == ("Perhaps", "cannot", "unknown")
    run = restoring.execute(undo)
    assert (run.outcome, restoring.names()) == (Outcome.FAILED, ["Perhaps"])


def test_a_copy_is_removed_and_the_original_is_not_touched(restoring: Restoring) -> None:
    restoring.allow_deletes()
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, policy)
    restore = executed(restoring, restoring.preview(backup_set, existing="copy"))

    undo = restoring.undo(restore)
    assert restoring.actions(undo) == {"Changed - restored": "remove"}
    executed(restoring, undo)

    assert restoring.world.sim.get(CATALOG, policy)["description"] == "Tampered"
    assert restoring.names() == ["Changed"]


def test_conditional_access_stays_report_only(restoring: Restoring) -> None:
    body = {
        "displayName": "Block",
        "state": "enabled",
        "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
    }
    policy = restoring.world.sim.put(ACCESS, body)
    backup_set = restoring.capture(types=["conditionalAccess.policies"])
    harsher = {"operator": "OR", "builtInControls": ["block"]}
    restoring.world.sim.mutate(policy, lambda body: body.update(grantControls=harsher), collection=ACCESS)
    restore = executed(restoring, restoring.preview(backup_set))

    executed(restoring, restoring.undo(restore))

    now = restoring.world.sim.get(ACCESS, policy)
    assert now["grantControls"]["builtInControls"] == ["block"]
    assert now["state"] == "enabledForReportingButNotEnforced"


def test_an_undo_is_executed_by_its_own_operation_only(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    tamper(restoring, policy)
    undo = restoring.undo(executed(restoring, restoring.preview(backup_set)))
    given = {"restore": undo.pk, "plan": undo.plan_sha256, "confirm": restoring.world.tenant.slug}

    with pytest.raises(Conflict, match=r"restore\.undo"):
        restoring.world.start("restore.execute", **given)


def test_what_was_not_executed_cannot_be_undone(restoring: Restoring) -> None:
    restoring.world.catalog_policy("Kept")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restore = restoring.preview(backup_set)
    with pytest.raises(Conflict, match="has not been executed"):
        undo_params(restore)
    restoring.execute(restore)
    restore.refresh_from_db()
    with pytest.raises(Conflict, match="wrote nothing"):
        undo_params(restore)
