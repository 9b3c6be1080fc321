"""Who and what Contoso's policies name: groups, people, apps, filters, tags, roles."""

from __future__ import annotations

import base64
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

GROUPS = (
    "All employees",
    "All corporate Windows devices",
    "All corporate Macs",
    "Autopilot devices",
    "Break-glass accounts",
    "Contractors",
    "Developers",
    "Executives",
    "Field sales",
    "Finance",
    "Frontline workers",
    "Helpdesk",
    "Human resources",
    "IT administrators",
    "Kiosk devices",
    "Legal",
    "Meeting room devices",
    "Pilot users",
    "Pilot Windows devices",
    "Privileged access workstations",
    "Remote workers",
    "Service accounts",
    "Shared devices",
    "Windows - ring 1 early",
    "Windows - ring 2 broad",
    "Android work profile users",
    "iOS corporate devices",
)

_PEOPLE = ("Adele Vance", "Alex Wilber", "Diego Siciliani", "Emergency One", "Emergency Two", "Grady Archie")
_TAGS = ("Berlin", "Madrid", "Seattle", "Singapore", "Kiosk", "Executive", "Development", "Retail")
_FILTERS = (
    ("Corporate Windows", "windows10AndLater", '(device.deviceOwnership -eq "Corporate")'),
    ("Personal Windows", "windows10AndLater", '(device.deviceOwnership -eq "Personal")'),
    ("Windows 11 only", "windows10AndLater", '(device.osVersion -startsWith "10.0.22")'),
    ("Surface devices", "windows10AndLater", '(device.manufacturer -eq "Microsoft Corporation")'),
    ("Virtual machines", "windows10AndLater", '(device.model -startsWith "Cloud PC")'),
    ("Corporate iPhones", "iOS", '(device.deviceOwnership -eq "Corporate")'),
    ("iPads", "iOS", '(device.model -contains "iPad")'),
    ("Fully managed Android", "androidForWork", '(device.enrollmentProfileName -eq "Fully managed")'),
    ("Apple silicon", "macOS", '(device.cpuArchitecture -eq "arm64")'),
    ("Berlin laptops", "windows10AndLater", '(device.deviceName -startsWith "BER-")'),
)
_APPS = (
    ("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
    ("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Windows Azure Service Management API"),
    ("0000000a-0000-0000-c000-000000000000", "Microsoft Intune"),
    ("d4ebce55-015a-49b5-a083-c84d1797ae8c", "Microsoft Intune Enrollment"),
    ("7a1b9c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "Contoso Expenses"),
)
_MOBILE_APPS = (
    ("iosVppApp", "Microsoft Outlook for iOS"),
    ("iosVppApp", "Microsoft Teams for iOS"),
    ("androidManagedStoreApp", "Microsoft Outlook for Android"),
    ("androidManagedStoreApp", "Managed Home Screen"),
    ("win32LobApp", "7-Zip"),
)


def encode(text: str) -> str:
    """Base64, as Graph carries scripts and payloads."""
    return base64.b64encode(text.encode()).decode()


def group_id(name: str) -> str:
    """The id of one of Contoso's groups."""
    if name not in GROUPS:
        raise KeyError(name)
    return stable_id("demo group", name)


def user_id(name: str) -> str:
    """The id of one of Contoso's people."""
    return stable_id("demo user", name)


def filter_id(name: str) -> str:
    """The id of one of Contoso's assignment filters."""
    return stable_id("demo filter", name)


def app_id(name: str) -> str:
    """The id of one of Contoso's mobile apps."""
    return stable_id("demo app", name)


def tag_of(name: str) -> str:
    """The id of one of Contoso's scope tags: a small number, as everywhere."""
    return str(_TAGS.index(name) + 1)


def to_group(name: str, *, only: str = "", without: str = "") -> dict[str, Any]:
    """An assignment to a group; `only` and `without` name a filter."""
    return _row("groupAssignmentTarget", {"groupId": group_id(name)}, only, without)


def not_group(name: str) -> dict[str, Any]:
    """The exclusion of a group."""
    return _row("exclusionGroupAssignmentTarget", {"groupId": group_id(name)}, "", "")


def all_devices(*, only: str = "") -> dict[str, Any]:
    """An assignment to all devices."""
    return _row("allDevicesAssignmentTarget", {}, only, "")


def all_users(*, only: str = "") -> dict[str, Any]:
    """An assignment to all licensed users."""
    return _row("allLicensedUsersAssignmentTarget", {}, only, "")


def _row(kind: str, more: dict[str, Any], only: str, without: str) -> dict[str, Any]:
    chosen = only or without
    return {
        "target": {
            "@odata.type": f"#microsoft.graph.{kind}",
            "deviceAndAppManagementAssignmentFilterId": filter_id(chosen) if chosen else None,
            "deviceAndAppManagementAssignmentFilterType": "include"
            if only
            else "exclude"
            if without
            else "none",
            **more,
        }
    }


def seed_people(tenant: SimTenant) -> None:
    """Put everybody and everything there."""
    for name in GROUPS:
        dynamic = "devices" in name or "Windows - ring" in name
        tenant.put(
            "/groups",
            {
                "id": group_id(name),
                "displayName": name,
                "description": f"{name} of Contoso",
                "securityEnabled": True,
                "mailEnabled": False,
                "groupTypes": ["DynamicMembership"] if dynamic else [],
            },
        )
    for name in _PEOPLE:
        address = f"{name.lower().replace(' ', '.')}@{tenant.domain}"
        tenant.put("/users", {"id": user_id(name), "displayName": name, "userPrincipalName": address})
    for app, name in _APPS:
        tenant.put("/servicePrincipals", {"id": stable_id("demo sp", app), "appId": app, "displayName": name})
    for kind, name in _MOBILE_APPS:
        body = {"@odata.type": f"#microsoft.graph.{kind}", "displayName": name, "publisher": "Microsoft"}
        tenant.put("/deviceAppManagement/mobileApps", {"id": app_id(name), **body})
    _seed_foundations(tenant)


def _seed_foundations(tenant: SimTenant) -> None:
    for number, name in enumerate(_TAGS, start=1):
        body = {
            "id": str(number),
            "displayName": name,
            "description": f"Managed by the team in charge of {name}",
        }
        tenant.put("/deviceManagement/roleScopeTags", body)
    for name, platform, rule in _FILTERS:
        tenant.put(
            "/deviceManagement/assignmentFilters",
            {
                "id": filter_id(name),
                "displayName": name,
                "description": "",
                "platform": platform,
                "rule": rule,
                "assignmentFilterManagementType": "devices",
                "roleScopeTags": ["0"],
            },
        )
    for name, areas in {
        "Helpdesk - remote actions": ("RemoteTasks", "ManagedDevices"),
        "Application packagers": ("MobileApps",),
        "Regional administrators": ("DeviceConfigurations", "DeviceCompliancePolices", "ManagedDevices"),
        "Security operations": ("EndpointSecurity", "DeviceCompliancePolices"),
    }.items():
        tenant.put("/deviceManagement/roleDefinitions", _role(name, areas))


def _role(name: str, areas: tuple[str, ...]) -> dict[str, Any]:
    actions = [f"Microsoft.Intune_{area}_{verb}" for area in areas for verb in ("Read", "Update")]
    permissions = [
        {"resourceActions": [{"allowedResourceActions": actions, "notAllowedResourceActions": []}]}
    ]
    return {
        "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
        "id": stable_id("demo role", name),
        "displayName": name,
        "description": f"{name} at Contoso",
        "rolePermissions": permissions,
        "roleScopeTagIds": ["0"],
    }
