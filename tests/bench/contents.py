"""The tenants of the benchmarks: so many policies in one throttle family, or spread over all families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.crash import policies
from tests.simulated import catalog_body, group_target

SETTINGS = 10
CATALOG = "/deviceManagement/configurationPolicies"

#: How a thousand policies of a mixed tenant are spread over the types; together they fill twelve families.
MIX: dict[str, int] = {
    "configurationPolicies": 300,
    "configurationPolicies.endpointSecurity": 120,
    "configurationPolicies.baseline": 30,
    "deviceConfigurations": 120,
    "deviceConfigurations.customOma": 30,
    "deviceConfigurations.updateRings": 10,
    "deviceCompliancePolicies": 40,
    "assignmentFilters": 20,
    "deviceManagementScripts": 40,
    "deviceShellScripts": 20,
    "deviceHealthScripts": 20,
    "groupPolicyConfigurations": 40,
    "iosManagedAppProtections": 15,
    "androidManagedAppProtections": 15,
    "targetedManagedAppConfigurations": 10,
    "mobileAppConfigurations": 30,
    "enrollment.statusPage": 10,
    "windowsAutopilotDeploymentProfiles": 20,
    "windowsFeatureUpdateProfiles": 15,
    "windowsDriverUpdateProfiles": 15,
    "roleScopeTags": 15,
    "intuneRoleDefinitions": 15,
    "notificationMessageTemplates": 15,
    "termsAndConditions": 10,
    "conditionalAccess.policies": 25,
}

Body = dict[str, Any]


def named() -> Iterator[tuple[str, Body]]:
    """What the policies refer to: collection and body."""
    yield from policies.NAMED


def one_family(number: int) -> Iterator[tuple[str, Body]]:
    """Settings catalog policies, each with ten settings and one assignment: two writes each."""
    for index in range(number):
        body = catalog_body(
            f"Policy {index:05}", settings=SETTINGS, assignments=[group_target(policies.GROUP)]
        )
        yield CATALOG, body


def mixed(number: int, *, guid: str) -> Iterator[tuple[str, Body]]:
    """So many policies of all families, in the proportions of `MIX`."""
    whole = sum(MIX.values())
    for key, share in MIX.items():
        for index in range(max(1, round(share * number / whole))):
            sample = policies.sample(key, guid=guid, number=index)
            yield sample.collection, sample.body
