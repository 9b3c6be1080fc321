"""Where a group is used, as the newest versions say."""

from __future__ import annotations

from tenantatlas.backups.targets import policies_naming, uses_of
from tests.simulated import CATALOG, World, group_target

from .test_groups import put_group

CONDITIONAL = "/identity/conditionalAccess/policies"


def names(group_id: str) -> list[tuple[str, bool]]:
    return [(each.version.name, each.excluded) for each in policies_naming(group_id)]


def test_newest_versions_say_who_is_included_and_who_is_left_out(world: World) -> None:
    pilot, vips = put_group(world, "Pilot"), put_group(world, "VIPs")
    world.catalog_policy("Firewall", assignments=[group_target(pilot), group_target(vips, excluded=True)])
    world.catalog_policy("Defender", assignments=[group_target(pilot)])
    world.catalog_policy("Nobody")

    world.work("backup_set.capture", types=["configurationPolicies"])

    assert names(pilot) == [("Defender", False), ("Firewall", False)]
    assert names(vips) == [("Firewall", True)]
    assert (uses_of([pilot, vips])[vips].included, uses_of([pilot, vips])[vips].excluded) == (0, 1)


def test_an_older_version_does_not_count(world: World) -> None:
    pilot, other = put_group(world, "Pilot"), put_group(world, "Other")
    policy = world.catalog_policy("Firewall", assignments=[group_target(pilot)])
    world.work("backup_set.capture", types=["configurationPolicies"])
    world.sim.mutate(
        policy,
        lambda body: body.update(
            assignments=[group_target(other)], lastModifiedDateTime="2027-01-01T00:00:00Z"
        ),
        collection=CATALOG,
    )

    world.work("backup_set.capture", types=["configurationPolicies"])

    assert names(pilot) == []
    assert names(other) == [("Firewall", False)]


def test_conditional_access_names_groups_in_its_conditions(world: World) -> None:
    staff, glass = put_group(world, "Staff"), put_group(world, "Break glass")
    world.sim.put(
        CONDITIONAL,
        {
            "displayName": "Require MFA",
            "state": "enabled",
            "conditions": {
                "users": {"includeGroups": [staff], "excludeGroups": [glass]},
                "applications": {"includeApplications": ["All"]},
                "clientAppTypes": ["all"],
            },
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        },
    )

    world.work("backup_set.capture", types=["conditionalAccess.policies"])

    assert names(staff) == [("Require MFA", False)]
    assert names(glass) == [("Require MFA", True)]
