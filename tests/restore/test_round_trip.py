"""Lose something, bring it back: the main job."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import Restore
from tenantatlas.simulator.permissions import READER, WRITER
from tenantatlas.tenants.models import Purpose
from tenantatlas.tenants.registration import permissions_for
from tests.simulated import CATALOG, FILTERS, catalog_body, group_target

from .conftest import Restoring
from .test_plan import access_body

CATALOG_ONLY = ["configurationPolicies"]
GROUPS = "/v1.0/groups"
LOCATIONS = "/beta/identity/conditionalAccess/namedLocations"
ACCESS = "/beta/identity/conditionalAccess/policies"


def put_group(restoring: Restoring, name: str, graph_id: str = "") -> str:
    """A security group in the tenant."""
    body = {
        "id": graph_id or stable_id("group", name),
        "displayName": name,
        "securityEnabled": True,
        "mailEnabled": False,
        "groupTypes": [],
    }
    return restoring.world.sim.put(GROUPS, body)


def put_filter(restoring: Restoring, name: str) -> str:
    """An assignment filter in the tenant."""
    return restoring.world.sim.put(
        FILTERS,
        {
            "id": stable_id("filter", name),
            "displayName": name,
            "description": "",
            "platform": "windows10AndLater",
            "rule": '(device.manufacturer -eq "Contoso")',
            "roleScopeTags": ["0"],
            "assignmentFilterManagementType": "devices",
        },
    )


def test_a_lost_policy_comes_back_as_it_was(restoring: Restoring) -> None:
    lost = restoring.world.catalog_policy("Lost", settings=30)
    restoring.world.catalog_policy("Kept")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, lost)

    restore = restoring.preview(backup_set)
    assert restoring.actions(restore) == {"Lost": "create", "Kept": "unchanged"}
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == restoring.digests(backup_set)


def test_a_changed_policy_is_changed_back_in_place(restoring: Restoring) -> None:
    changed = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(changed, lambda body: body.update(description="Tampered"), collection=CATALOG)

    restore = restoring.preview(backup_set)
    assert restoring.actions(restore) == {"Changed": "update"}
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    assert restoring.world.sim.get(CATALOG, changed)["description"] == "About Changed"
    item = restore.items.get()
    assert item.preimage is not None
    assert item.preimage.digest != item.version.digest


def test_a_widened_assignment_is_put_back_without_touching_the_rest(restoring: Restoring) -> None:
    pilot = put_group(restoring, "Pilot")
    policy = restoring.world.catalog_policy("Wide", assignments=[group_target(pilot)])
    backup_set = restoring.capture(types=CATALOG_ONLY)
    everybody = {"target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}
    restoring.world.sim.mutate(policy, lambda body: body["assignments"].append(everybody), collection=CATALOG)

    run = restoring.execute(restoring.preview(backup_set))

    assert run.outcome == "succeeded", run.failures
    assert [record.kind for record in restoring.records(Restore.objects.get())] == ["assign"]
    assert restoring.digests(restoring.capture(types=CATALOG_ONLY)) == restoring.digests(backup_set)


def test_policies_come_back_with_what_they_name(restoring: Restoring) -> None:
    pilot = put_group(restoring, "Pilot")
    narrow = put_filter(restoring, "Contoso devices")
    target = group_target(pilot)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": narrow,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    policy = restoring.world.catalog_policy("Assigned", assignments=[target])
    types = ["configurationPolicies", "assignmentFilters"]
    backup_set = restoring.capture(types=types)
    restoring.world.sim.remove(CATALOG, policy)
    restoring.world.sim.remove(FILTERS, narrow)

    restore = restoring.preview(backup_set)
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    records = restoring.records(restore)
    assert [(record.kind, record.item.split("/")[0]) for record in records] == [
        ("create", "assignmentFilters"),
        ("create", "configurationPolicies"),
        ("assign", "configurationPolicies"),
    ]
    made = restoring.world.sim.objects(CATALOG)[0]
    filter_id = restoring.world.sim.objects(FILTERS)[0]["id"]
    assert filter_id != narrow
    assert made["assignments"][0]["target"]["deviceAndAppManagementAssignmentFilterId"] == filter_id


def test_a_second_run_finds_nothing_to_do(restoring: Restoring) -> None:
    for name in ("Twin", "Other"):
        restoring.world.catalog_policy(name)
    restoring.world.sim.put(CATALOG, _twin())
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.clear(CATALOG)
    assert restoring.execute(restoring.preview(backup_set)).outcome == "succeeded"
    assert restoring.names() == ["Other", "Twin", "Twin"]

    again = restoring.preview(backup_set)

    assert (again.counts["unchanged"], again.counts["writes"]) == (3, 0)
    assert restoring.execute(again).outcome == "succeeded"


def _twin() -> dict[str, Any]:
    return catalog_body("Twin") | {"id": stable_id("catalog", "Twin", "second"), "description": "Second"}


def test_conditional_access_comes_back_report_only(restoring: Restoring) -> None:
    location = restoring.world.sim.put(
        LOCATIONS,
        {
            "id": stable_id("location", "HQ"),
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "displayName": "HQ",
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}],
        },
    )
    restoring.world.sim.put(
        ACCESS,
        {
            "id": stable_id("access", "Block"),
            "displayName": "Block elsewhere",
            "state": "enabled",
            "conditions": {
                "clientAppTypes": ["all"],
                "applications": {"includeApplications": ["All"]},
                "users": {"includeUsers": ["All"]},
                "locations": {"includeLocations": ["All"], "excludeLocations": [location]},
            },
            "grantControls": {
                "operator": "OR",
                "builtInControls": ["block"],
                "customAuthenticationFactors": [],
                "termsOfUse": [],
            },
        },
    )
    types = ["conditionalAccess.policies", "conditionalAccess.namedLocations"]
    backup_set = restoring.capture(types=types)
    restoring.world.sim.clear(ACCESS)
    restoring.world.sim.remove(LOCATIONS, location)

    restore = restoring.preview(backup_set)
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    made = next(row for row in restoring.world.sim.objects(ACCESS) if row["displayName"] == "Block elsewhere")
    assert made["state"] == "enabledForReportingButNotEnforced"
    new_location = restoring.world.sim.objects(LOCATIONS)[0]["id"]
    assert made["conditions"]["locations"]["excludeLocations"] == [new_location] != [location]
    notes = restore.items.get(name="Block elsewhere").notes
    assert any("report-only" in note for note in notes)
    assert any("excludes nobody" in note for note in notes)
    again = restoring.preview(backup_set)
    assert again.counts["writes"] == 0


@pytest.mark.parametrize("withheld", ["", "User.Read.All"])
def test_the_people_that_a_policy_names_are_looked_for_with_the_documented_permissions(
    restoring: Restoring, withheld: str
) -> None:
    sim = restoring.world.sim
    person = sim.put("/users", {"id": stable_id("user", "Break glass"), "displayName": "Break glass"})
    body = access_body("Block elsewhere", state="disabled", excludeUsers=[person])
    policy = sim.put(ACCESS, body)
    backup_set = restoring.capture(types=["conditionalAccess.policies"])
    sim.remove(ACCESS, policy)
    sim.revoke(READER | WRITER)
    documented = {row.permission for purpose in Purpose for row in permissions_for(purpose)}
    sim.grant(documented - {withheld})

    item = restoring.preview(backup_set).items.get(name="Block elsewhere")

    if not withheld:
        assert item.action == "create", item.reasons
        return
    assert item.action == "cannot"
    [reason] = item.reasons
    assert "could not be looked for in the tenant" in reason["message"]
    assert "User.Read.All" in reason["message"]


def test_what_takes_one_request_at_a_time_is_read_back_together(restoring: Restoring) -> None:
    for number in range(8):
        restoring.world.sim.put(
            ACCESS,
            {
                "id": stable_id("access", number),
                "displayName": f"Report {number}",
                "state": "disabled",
                "conditions": {
                    "clientAppTypes": ["all"],
                    "applications": {"includeApplications": ["All"]},
                    "users": {"includeUsers": ["All"]},
                },
                "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
            },
        )
    backup_set = restoring.capture(types=["conditionalAccess.policies"])
    restoring.world.sim.clear(ACCESS)
    restore = restoring.preview(backup_set)
    # Eight writes and two lists, one request a second at most, and half of that is ours.
    assert restore.bound_seconds == pytest.approx((8 + 2) * 2)
    before = len(restoring.world.simulator.journal)

    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    asked = [entry for entry in restoring.world.simulator.journal[before:] if entry.tenant]
    assert sum(entry.method == "POST" and "policies" in entry.path for entry in asked) == 8
    assert sum(entry.method == "GET" for entry in asked) <= 3


@pytest.mark.parametrize("existing", ["recreate", "copy", "skip"])
def test_what_exists_is_treated_as_chosen(restoring: Restoring, existing: str) -> None:
    policy = restoring.world.catalog_policy("There")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Mine"), collection=CATALOG)
    tenant = restoring.world.tenant
    tenant.allow_deletes = True
    tenant.save()

    restore = restoring.preview(backup_set, existing=existing)
    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    expected = {"recreate": ["There"], "copy": ["There", "There - restored"], "skip": ["There"]}
    assert restoring.names() == expected[existing]
    kept = policy in {row["id"] for row in restoring.world.sim.objects(CATALOG)}
    assert kept is (existing != "recreate")


def test_recreating_is_refused_where_deletes_are_off(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("There")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Mine"), collection=CATALOG)

    restore = restoring.preview(backup_set, existing="recreate")

    item = restore.items.get()
    assert (item.action, item.reasons[0]["code"]) == ("cannot", "deletes_off")
    assert restore.counts["writes"] == 0
