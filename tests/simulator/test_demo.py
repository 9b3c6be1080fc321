"""Contoso is believable, valid by Microsoft's schema, and its accident is told truthfully."""

from __future__ import annotations

from tenantatlas.simulator.demo import TENANT, accident, seed_demo
from tenantatlas.simulator.simulator import Simulator

from .client import CATALOG, Client


def test_the_demo_has_some_hundred_policies_of_every_kind(simulator: Simulator):
    facts = seed_demo(simulator)
    assert 250 <= sum(facts.policies.values()) <= 350
    assert len(facts.policies) >= 28
    assert facts.groups >= 25
    tenant = simulator.tenants[facts.tenant]
    assert len(tenant.objects("/groups")) == facts.groups
    client = Client(simulator, guid=facts.tenant, app=facts.client_id, secret=facts.secret)
    assert client.get("/deviceManagement/configurationPolicies").status == 200


def test_the_demo_can_be_seeded_twice(simulator: Simulator):
    facts = seed_demo(simulator)
    seed_demo(simulator)
    names = [body["name"] for body in simulator.tenants[facts.tenant].objects(CATALOG)]
    assert len(names) == len(set(names))


def test_everything_named_exists(simulator: Simulator):
    tenant = simulator.tenants[seed_demo(simulator).tenant]
    for path in tenant.stored:
        for body in tenant.objects(path):
            for row in body.get("assignments") or ():
                target = row["target"]
                group, chosen = target.get("groupId"), target.get("deviceAndAppManagementAssignmentFilterId")
                assert group is None or tenant.knows("/groups", group)
                assert chosen is None or tenant.knows("/deviceManagement/assignmentFilters", chosen)


def test_settings_may_be_written_as_they_are(strict_client: Client):
    simulator = strict_client.simulator
    tenant = simulator.tenants[seed_demo(simulator).tenant]
    for body in tenant.objects(CATALOG):
        simulator.schema.check(
            "deviceManagementConfigurationPolicy",
            {
                name: body[name]
                for name in ("name", "description", "platforms", "technologies", "roleScopeTagIds")
            },
        )
        for row in body["settings"]:
            simulator.schema.check(
                "deviceManagementConfigurationSetting", {"settingInstance": row["settingInstance"]}
            )


def test_the_accident_is_what_is_said(simulator: Simulator):
    tenant = simulator.tenants[seed_demo(simulator).tenant]
    before = {path: {body["id"]: body for body in tenant.objects(path)} for path in tenant.stored}
    happened = accident(simulator, guid=TENANT)
    touched = set()
    for path in tenant.stored:
        now = {body["id"]: body for body in tenant.objects(path)}
        touched |= {object_id for object_id, body in before[path].items() if now.get(object_id) != body}
    assert {mishap.id for mishap in happened} == touched
    assert {mishap.kind for mishap in happened} == {"deleted", "changed", "widened"}
    for mishap in happened:
        gone = tenant.find(mishap.collection, mishap.id).newest is None
        assert gone == (mishap.kind == "deleted")
