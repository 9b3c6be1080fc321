"""A simulated tenant filled with real exports, and with what they refer to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.policies import references
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import type_of_row
from tenantatlas.simulator.tenants import SimTenant

from .normaliser import Export, Normalised

Json = Any

GROUPS = "/groups"
USERS = "/users"
TAGS = "/deviceManagement/roleScopeTags"
FILTERS = "/deviceManagement/assignmentFilters"
DEFINITIONS = "/deviceManagement/groupPolicyDefinitions"

#: Where an id of a kind that a policy names is put, when no export is it.
PLACES = {
    "groups": GROUPS,
    "users": USERS,
    "roleScopeTags": TAGS,
    "assignmentFilters": FILTERS,
    "mobileApps": "/deviceAppManagement/mobileApps",
    "servicePrincipals": "/servicePrincipals",
    "termsOfUse.agreements": "/identityGovernance/termsOfUse/agreements",
    "notificationMessageTemplates": "/deviceManagement/notificationMessageTemplates",
    "conditionalAccess.namedLocations": "/identity/conditionalAccess/namedLocations",
    "conditionalAccess.authenticationStrengths": "/policies/authenticationStrengthPolicies",
    "conditionalAccess.authenticationContexts": (
        "/identity/conditionalAccess/authenticationContextClassReferences"
    ),
    "deviceConfigurations": "/deviceManagement/deviceConfigurations",
    "deviceConfigurations.certificates": "/deviceManagement/deviceConfigurations",
    "deviceComplianceScripts": "/deviceManagement/deviceComplianceScripts",
    "reusablePolicySettings": "/deviceManagement/reusablePolicySettings",
}


#: What nobody exported and no mock fills: one of our own each, counted apart.
OWN = (
    (
        "/deviceManagement/deviceEnrollmentConfigurations",
        {
            "@odata.type": "#microsoft.graph.deviceEnrollmentPlatformRestrictionConfiguration",
            "displayName": "No personal Android",
            "description": "Ours",
            "deviceEnrollmentConfigurationType": "singlePlatformRestriction",
            "platformType": "android",
            "platformRestriction": {
                "platformBlocked": False,
                "personalDeviceEnrollmentBlocked": True,
                "osMinimumVersion": "12.0",
                "osMaximumVersion": "",
                "blockedManufacturers": [],
                "blockedSkus": [],
            },
            "roleScopeTagIds": ["0"],
            "priority": 1,
        },
    ),
    (
        "/deviceAppManagement/targetedManagedAppConfigurations",
        {
            "displayName": "Outlook focused inbox",
            "description": "Ours",
            "roleScopeTagIds": ["0"],
            "appGroupType": "selectedPublicApps",
            "targetedAppManagementLevels": "unspecified",
            "customSettings": [
                {"name": "com.microsoft.outlook.Mail.FocusedInbox", "value": "true"},
            ],
            "apps": [
                {
                    "mobileAppIdentifier": {
                        "@odata.type": "#microsoft.graph.iosMobileAppIdentifier",
                        "bundleId": "com.microsoft.Office.Outlook",
                    }
                }
            ],
        },
    ),
)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass
class Filled:
    """What was put into the tenant: exports, what they refer to, and our own."""

    loaded: list[Export] = field(default_factory=list)
    seeded: Counter[str] = field(default_factory=Counter)
    own: int = 0


def fill(sim: SimTenant, exports: Normalised) -> Filled:
    """Everything that the exports name, then the exports, then what nobody exported."""
    filled = Filled()
    for definition_id, definition in exports.definitions.items():
        presentations = list(exports.presentations.get(definition_id, {}).values())
        sim.put(DEFINITIONS, {**definition, "presentations": presentations})
        filled.seeded["groupPolicyDefinitions"] += 1
    present = {(export.collection, export.body["id"].lower()) for export in exports.exports}
    for kind, wanted in sorted(set(_named(exports))):
        place = PLACES[kind]
        if (place, wanted.lower()) in present or sim.find(place, wanted) is not None:
            continue
        sim.put(place, _stand_in(kind, wanted, exports))
        filled.seeded[kind] += 1
    for app_id in sorted(set(_applications(exports))):
        sim.put("/servicePrincipals", {"appId": app_id, "displayName": f"App {app_id}"})
        filled.seeded["applications"] += 1
    for export in exports.exports:
        sim.put(export.collection, export.body)
        filled.loaded.append(export)
    for collection, body in OWN:
        sim.put(collection, body)
        filled.own += 1
    return filled


def type_of(export: Export) -> PolicyType | None:
    """The policy type that an export belongs to."""
    rows = (type_of_row(f"/{version}{export.collection}", export.body) for version in ("beta", "v1.0"))
    return next(filter(None, rows), None)


def _named(exports: Normalised) -> Iterator[tuple[str, str]]:
    for export in exports.exports:
        policy_type = type_of(export)
        if policy_type is not None:
            for found in references.find(policy_type, export.body):
                yield found.kind, found.id


def _applications(exports: Normalised) -> Iterator[str]:
    """Apps that conditional access names by their application id."""
    for export in exports.exports:
        applications = (export.body.get("conditions") or {}).get("applications") or {}
        for name in ("includeApplications", "excludeApplications"):
            yield from (each.lower() for each in applications.get(name) or () if GUID.fullmatch(each))


def _stand_in(kind: str, wanted: str, exports: Normalised) -> dict[str, Json]:
    name = exports.groups.get(wanted, f"{kind} {stable_id(kind, wanted)[:8]}")
    return {"id": wanted, "displayName": name, **_MORE.get(kind, {})}


_MORE: dict[str, dict[str, Json]] = {
    "groups": {"securityEnabled": True, "mailEnabled": False, "groupTypes": []},
    "assignmentFilters": {
        "platform": "windows10AndLater",
        "rule": '(device.deviceOwnership -eq "Corporate")',
        "assignmentFilterManagementType": "devices",
        "roleScopeTags": ["0"],
    },
    "conditionalAccess.namedLocations": {
        "@odata.type": "#microsoft.graph.countryNamedLocation",
        "countriesAndRegions": ["CH"],
        "includeUnknownCountriesAndRegions": False,
        "countryLookupMethod": "clientIpAddress",
    },
    "conditionalAccess.authenticationStrengths": {"policyType": "custom", "allowedCombinations": ["fido2"]},
    "mobileApps": {"@odata.type": "#microsoft.graph.win32LobApp"},
    "notificationMessageTemplates": {"brandingOptions": "none", "roleScopeTagIds": ["0"]},
}
