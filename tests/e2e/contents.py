"""What is in the simulated tenant: some thirty policies over six policy types, assigned to groups."""

from __future__ import annotations

from typing import Any

from tenantatlas.core.ids import stable_id
from tests.simulated import catalog_body, group_target

from .site import Site

GROUPS = "/groups"
CATALOG = "/deviceManagement/configurationPolicies"
CONFIGURATIONS = "/deviceManagement/deviceConfigurations"
COMPLIANCE = "/deviceManagement/deviceCompliancePolicies"
SCRIPTS = "/deviceManagement/deviceManagementScripts"
FILTERS = "/deviceManagement/assignmentFilters"
TAGS = "/deviceManagement/roleScopeTags"
LOCATIONS = "/identity/conditionalAccess/namedLocations"

#: Markup in a name must stay text on every page.
HOSTILE = '<b onmouseover=alert(1)>Baseline</b> & "friends"'
CATALOG_NAMES = (
    "Windows - Defender baseline",
    "Windows - BitLocker",
    "Windows - Edge",
    "Windows - Firewall",
    "Windows - Update for Business",
    "Windows - Local administrators",
    "Windows - OneDrive known folders",
    "Windows - Power and sleep",
    "Windows - Attack surface reduction",
    "Windows - Credential Guard",
    HOSTILE,
)


def fill(site: Site) -> dict[str, str]:
    """Fill the tenant; the ids of groups and policies by name."""
    groups = ("All laptops", "Pilot ring", "Broad ring", "Kiosks")
    group_ids = site.put(
        GROUPS, *({"displayName": name, "securityEnabled": True, "groupTypes": []} for name in groups)
    )
    ids = dict(zip(groups, group_ids, strict=True))
    everyone = [group_target(ids["All laptops"])]
    pilot = [group_target(ids["Pilot ring"]), group_target(ids["Kiosks"], excluded=True)]
    for collection, bodies in (
        (TAGS, [{"displayName": name, "description": ""} for name in ("Frankfurt", "Lisbon")]),
        (FILTERS, [_filter(name) for name in ("Corporate devices", "Surface only")]),
        (CATALOG, [catalog_body(name, settings=4, assignments=everyone) for name in CATALOG_NAMES]),
        (
            CONFIGURATIONS,
            [
                _custom(f"Custom {name}", pilot)
                for name in ("time zone", "start menu", "proxy", "lock screen", "printers")
            ],
        ),
        (
            COMPLIANCE,
            [
                _compliance(f"Compliance {name}", everyone)
                for name in ("Windows 10", "Windows 11", "shared devices", "kiosks")
            ],
        ),
        (
            SCRIPTS,
            [
                _script(f"Script {name}", everyone)
                for name in ("map drives", "remove bloat", "set wallpaper", "install fonts")
            ],
        ),
    ):
        names = [body.get("displayName") or body["name"] for body in bodies]
        ids |= dict(zip(names, site.put(collection, *bodies), strict=True))
    return ids


def _filter(name: str) -> dict[str, Any]:
    return {
        "displayName": name,
        "description": "",
        "platform": "windows10AndLater",
        "rule": '(device.deviceOwnership -eq "Corporate")',
        "assignmentFilterManagementType": "devices",
        "roleScopeTags": ["0"],
    }


def _custom(name: str, assignments: list[Any]) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.windows10CustomConfiguration",
        "id": stable_id("custom", name),
        "displayName": name,
        "description": "",
        "roleScopeTagIds": ["0"],
        "omaSettings": [
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": "One",
                "description": "",
                "omaUri": f"./Device/Vendor/MSFT/Policy/Config/Test/{name.replace(' ', '')}",
                "value": "canary-oma-value-of-the-tests",
            }
        ],
        "assignments": assignments,
    }


def _compliance(name: str, assignments: list[Any]) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.windows10CompliancePolicy",
        "id": stable_id("compliance", name),
        "displayName": name,
        "description": "",
        "roleScopeTagIds": ["0"],
        "passwordRequired": True,
        "passwordMinimumLength": 8,
        "scheduledActionsForRule": [
            {
                "ruleName": "PasswordRequired",
                "scheduledActionConfigurations": [
                    {
                        "actionType": "block",
                        "gracePeriodHours": 0,
                        "notificationTemplateId": "",
                        "notificationMessageCCList": [],
                    }
                ],
            }
        ],
        "assignments": assignments,
    }


def _script(name: str, assignments: list[Any]) -> dict[str, Any]:
    return {
        "id": stable_id("script", name),
        "displayName": name,
        "description": "",
        "scriptContent": "V3JpdGUtSG9zdA==",
        "runAsAccount": "system",
        "enforceSignatureCheck": False,
        "fileName": "script.ps1",
        "roleScopeTagIds": ["0"],
        "runAs32Bit": False,
        "assignments": assignments,
    }
