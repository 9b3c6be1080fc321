"""Steps below a policy, deletes, priorities: their lost answers too."""

from __future__ import annotations

from typing import Any

import pytest

from tenantatlas.core.ids import stable_id
from tenantatlas.restore.models import WriteRecord, WriteResult
from tenantatlas.restore.queries import shown_writes
from tenantatlas.simulator.faults import LoseReply, Status
from tests.simulated import CATALOG, NamelessRow

from .conftest import Restoring
from .test_round_trip import CATALOG_ONLY, put_group

TEMPLATES = "/beta/deviceManagement/notificationMessageTemplates"
ENROLLMENT = "/beta/deviceManagement/deviceEnrollmentConfigurations"
AUTOPILOT = "/beta/deviceManagement/windowsAutopilotDeploymentProfiles"


def put_template(restoring: Restoring) -> str:
    return restoring.world.sim.put(
        TEMPLATES,
        {
            "id": stable_id("template"),
            "displayName": "Warn",
            "description": "",
            "brandingOptions": "none",
            "roleScopeTagIds": ["0"],
            "localizedNotificationMessages": [
                {"id": f"m{n}", "locale": locale, "subject": "S", "messageTemplate": "T", "isDefault": n == 0}
                for n, locale in enumerate(("en-us", "de-de"))
            ],
        },
    )


@pytest.mark.parametrize("fault", [None, LoseReply(), Status(500, applied=False), Status(504, applied=True)])
def test_a_message_below_a_template_is_written_once(restoring: Restoring, fault: Any) -> None:
    template = put_template(restoring)
    types = ["notificationMessageTemplates"]
    backup_set = restoring.capture(types=types)
    restoring.world.sim.remove(TEMPLATES, template)
    if fault:
        restoring.world.simulator.fault("POST", r"/localizedNotificationMessages$", fault, nth=1)

    run = restoring.execute(restoring.preview(backup_set))

    assert run.outcome == "succeeded", run.failures
    made = next(row for row in restoring.world.sim.objects(TEMPLATES) if row["displayName"] == "Warn")
    locales = sorted(row["locale"] for row in made["localizedNotificationMessages"])
    assert locales == ["de-de", "en-us"]


def test_a_message_is_not_made_again_where_a_row_cannot_be_read(restoring: Restoring) -> None:
    """It may be the row below the template that cannot be read."""
    template = put_template(restoring)
    backup_set = restoring.capture(types=["notificationMessageTemplates"])
    restoring.world.sim.remove(TEMPLATES, template)
    simulator = restoring.world.simulator
    simulator.fault("POST", r"/localizedNotificationMessages$", LoseReply(), nth=1)
    simulator.fault("GET", r"/localizedNotificationMessages(\?|$)", NamelessRow(), times=0)

    run = restoring.execute(restoring.preview(backup_set))

    (item,) = [item for item in restoring.world.items(run).values() if item.state != "succeeded"]
    assert (item.state, item.reason) == ("unknown", "no_answer")
    assert "no id" in item.message
    made = next(row for row in restoring.world.sim.objects(TEMPLATES) if row["displayName"] == "Warn")
    assert len(made["localizedNotificationMessages"]) == 1


@pytest.mark.parametrize(
    "fault",
    [LoseReply(), Status(500, applied=False), Status(504, applied=True), Status(404, message="Gone.")],
)
def test_a_delete_whose_answer_is_lost(restoring: Restoring, fault: Any) -> None:
    policy = restoring.world.catalog_policy("There")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Mine"), collection=CATALOG)
    tenant = restoring.world.tenant
    tenant.allow_deletes = True
    tenant.save()
    restoring.world.simulator.fault("DELETE", r"/configurationPolicies/", fault)

    run = restoring.execute(restoring.preview(backup_set, existing="recreate"))

    if getattr(fault, "status", 0) == 404:
        assert run.outcome == "failed"
        return
    assert run.outcome == "succeeded", run.failures
    assert restoring.names() == ["There"]
    assert policy not in {row["id"] for row in restoring.world.sim.objects(CATALOG)}


@pytest.mark.parametrize("fault", [None, LoseReply(), Status(500, applied=False)])
def test_an_update_whose_answer_is_lost(restoring: Restoring, fault: Any) -> None:
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Mine"), collection=CATALOG)
    if fault:
        restoring.world.simulator.fault("(PATCH|PUT)", r"/configurationPolicies/", fault)

    run = restoring.execute(restoring.preview(backup_set))

    assert run.outcome == "succeeded", run.failures
    assert restoring.world.sim.get(CATALOG, policy)["description"] == "About Changed"


def test_an_update_that_never_gets_an_answer_is_unknown(restoring: Restoring) -> None:
    policy = restoring.world.catalog_policy("Changed")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.mutate(policy, lambda body: body.update(description="Mine"), collection=CATALOG)
    restore = restoring.preview(backup_set)
    for method in ("PATCH", "PUT"):
        restoring.world.simulator.fault(method, r"/configurationPolicies/", Status(500), times=0)

    run = restoring.execute(restore)

    assert {item.state for item in restoring.world.items(run).values()} == {"unknown"}


def limit(number: int) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration",
        "id": f"{stable_id('limit', number)}_Limit",
        "deviceEnrollmentConfigurationType": "limit",
        "displayName": f"Limit {number}",
        "description": "",
        "priority": number,
        "limit": 5 + number,
        "roleScopeTagIds": ["0"],
    }


@pytest.mark.parametrize("busy", [False, True])
def test_priorities_come_back_one_by_one(restoring: Restoring, busy: bool) -> None:  # noqa: FBT001 - a case
    for number in (1, 2, 3):
        restoring.world.sim.put(ENROLLMENT, limit(number))
    types = ["enrollment.limit"]
    backup_set = restoring.capture(types=types)
    for number in (1, 2, 3):
        restoring.world.sim.remove(ENROLLMENT, limit(number)["id"])
    if busy:
        conflict = Status(409, code="Conflict", message="Another change is under way.")
        restoring.world.simulator.fault("POST", r"/deviceEnrollmentConfigurations$", conflict, nth=2)
    restore = restoring.preview(backup_set)

    run = restoring.execute(restore)

    assert run.outcome == "succeeded", run.failures
    made = [row for row in restoring.world.sim.objects(ENROLLMENT) if row["displayName"].startswith("Limit")]
    assert {row["displayName"]: row["priority"] for row in made} == {f"Limit {n}": n for n in (1, 2, 3)}
    asked = WriteRecord.objects.filter(path__endswith="/setPriority")
    assert set(asked.values_list("result", flat=True)) <= {WriteResult.NEEDLESS, WriteResult.APPLIED}
    shown = {write.path.rpartition("/")[2]: write.unless for write in shown_writes(restore)}
    assert shown["setPriority"]["priority"] in (1, 2, 3)
    assert not shown["deviceEnrollmentConfigurations"]


@pytest.mark.parametrize("fault", [None, LoseReply(), Status(404, message="Not found yet.")])
def test_assignments_one_by_one_are_made_once(restoring: Restoring, fault: Any) -> None:
    groups = [put_group(restoring, name) for name in ("One", "Two")]
    target = "#microsoft.graph.groupAssignmentTarget"
    profile = restoring.world.sim.put(
        AUTOPILOT,
        {
            "@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile",
            "id": stable_id("autopilot"),
            "displayName": "Autopilot",
            "description": "",
            "deviceNameTemplate": "",
            "deviceType": "windowsPc",
            "locale": "os-default",
            "preprovisioningAllowed": False,
            "hardwareHashExtractionEnabled": False,
            "roleScopeTagIds": ["0"],
            "outOfBoxExperienceSetting": {"userType": "standard", "deviceUsageType": "singleUser"},
            "assignments": [{"target": {"@odata.type": target, "groupId": group}} for group in groups],
        },
    )
    backup_set = restoring.capture(types=["windowsAutopilotDeploymentProfiles"])
    for row in restoring.world.sim.get(AUTOPILOT, profile).get("assignments", []):
        assert row
    restoring.world.sim.remove(AUTOPILOT, profile)
    if fault:
        restoring.world.simulator.fault("POST", r"/assignments$", fault, nth=2)

    run = restoring.execute(restoring.preview(backup_set))

    assert run.outcome == "succeeded", run.failures
    (made,) = restoring.world.sim.objects(AUTOPILOT)
    assert sorted(row["target"]["groupId"] for row in made["assignments"]) == sorted(groups)


def test_a_create_without_an_id_in_its_answer_is_looked_for(restoring: Restoring) -> None:
    lost = restoring.world.catalog_policy("Lost")
    backup_set = restoring.capture(types=CATALOG_ONLY)
    restoring.world.sim.remove(CATALOG, lost)
    restoring.world.simulator.fault("POST", r"/configurationPolicies$", _Bodiless())

    run = restoring.execute(restoring.preview(backup_set))

    assert run.outcome == "succeeded", run.failures
    assert restoring.names() == ["Lost"]


class _Bodiless(Status):
    """The write is applied, and the answer says nothing."""

    def __init__(self) -> None:
        super().__init__(200)

    def before(self, world: Any, request: Any) -> None:  # noqa: ARG002 - a fault's signature
        return None

    def after(self, world: Any, response: Any) -> Any:  # noqa: ARG002 - a fault's signature
        return type(response)(status=204, headers=response.headers)
