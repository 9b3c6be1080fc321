"""Who may use Contoso's data: app protection, app configuration, conditional access."""

from __future__ import annotations

import base64
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import app_id, group_id, to_group, user_id

_POLICIES = "/identity/conditionalAccess/policies"
_LOCATIONS = "/identity/conditionalAccess/namedLocations"
_STRENGTHS = "/policies/authenticationStrengthPolicies"
_ADMIN_ROLES = ["62e90394-69f5-4237-9190-012177145e10", "3a2c62db-5318-420d-8d74-23affee5d9d5"]
_PLACES = {
    "Headquarters Seattle": "192.0.2.0/24",
    "Office Berlin": "198.51.100.0/25",
    "Office Madrid": "198.51.100.128/25",
}


def seed_access(tenant: SimTenant) -> None:
    """Put it all there."""
    _seed_protection(tenant)
    _seed_app_configuration(tenant)
    _seed_places(tenant)
    for name, combinations in {
        "Keys for administrators": ["fido2"],
        "No text messages": ["fido2", "windowsHelloForBusiness"],
    }.items():
        tenant.put(
            _STRENGTHS,
            {
                "id": _strength(name),
                "displayName": name,
                "description": "",
                "policyType": "custom",
                "allowedCombinations": combinations,
                "combinationConfigurations": [],
            },
        )
    for body in _policies():
        tenant.put(_POLICIES, body)


def _strength(name: str) -> str:
    return stable_id("demo strength", name)


def _place(name: str) -> str:
    return stable_id("demo place", name)


def _seed_protection(tenant: SimTenant) -> None:
    for platform, key, suffix in (("ios", "bundleId", "ios"), ("android", "packageId", "android")):
        apps = [
            {
                "id": f"{name}.{suffix}",
                "mobileAppIdentifier": {
                    "@odata.type": f"#microsoft.graph.{platform}MobileAppIdentifier",
                    key: name,
                },
            }
            for name in ("com.microsoft.office.outlook", "com.microsoft.skype.teams")
        ]
        for group in ("All employees", "Executives"):
            title = f"App protection - {'iOS' if platform == 'ios' else 'Android'} - {group}"
            tenant.put(
                f"/deviceAppManagement/{platform}ManagedAppProtections",
                {
                    "id": f"T_{stable_id('demo protection', title)}",
                    "displayName": title,
                    "description": "",
                    "periodOfflineBeforeAccessCheck": "PT12H",
                    "periodOnlineBeforeAccessCheck": "PT30M",
                    "periodOfflineBeforeWipeIsEnforced": "P90D",
                    "allowedInboundDataTransferSources": "managedApps",
                    "allowedOutboundDataTransferDestinations": "managedApps",
                    "organizationalCredentialsRequired": group == "Executives",
                    "pinRequired": True,
                    "maximumPinRetries": 5,
                    "minimumPinLength": 6,
                    "appGroupType": "selectedPublicApps",
                    "roleScopeTagIds": ["0"],
                    "apps": apps,
                    "assignments": [to_group(group)],
                },
            )
    tenant.put(
        "/deviceAppManagement/targetedManagedAppConfigurations",
        {
            "id": f"A_{stable_id('demo app settings', 'Edge')}",
            "displayName": "Edge - start page and bookmarks",
            "description": "",
            "customSettings": [
                {
                    "name": "com.microsoft.intune.mam.managedbrowser.homepage",
                    "value": "https://contoso.example",
                }
            ],
            "appGroupType": "selectedPublicApps",
            "roleScopeTagIds": ["0"],
            "apps": [
                {
                    "id": "com.microsoft.msedge.ios",
                    "mobileAppIdentifier": {
                        "@odata.type": "#microsoft.graph.iosMobileAppIdentifier",
                        "bundleId": "com.microsoft.msedge",
                    },
                }
            ],
            "assignments": [to_group("All employees")],
        },
    )


def _seed_app_configuration(tenant: SimTenant) -> None:
    settings = "<dict><key>IntuneMAMUPN</key><string>{{userprincipalname}}</string></dict>"
    tenant.put(
        "/deviceAppManagement/mobileAppConfigurations",
        {
            "@odata.type": "#microsoft.graph.iosMobileAppConfiguration",
            "id": stable_id("demo app configuration", "outlook"),
            "displayName": "Outlook for iOS - account set-up",
            "description": None,
            "targetedMobileApps": [app_id("Microsoft Outlook for iOS")],
            "encodedSettingXml": base64.b64encode(settings.encode()).decode(),
            "settings": [],
            "assignments": [to_group("iOS corporate devices")],
        },
    )
    payload = '{"kind":"androidenterprise#managedConfiguration","productId":"app:com.example.launcher"}'
    tenant.put(
        "/deviceAppManagement/mobileAppConfigurations",
        {
            "@odata.type": "#microsoft.graph.androidManagedStoreAppConfiguration",
            "id": stable_id("demo app configuration", "home screen"),
            "displayName": "Managed Home Screen - kiosk tablets",
            "description": None,
            "targetedMobileApps": [app_id("Managed Home Screen")],
            "packageId": "app:com.microsoft.launcher.enterprise",
            "payloadJson": base64.b64encode(payload.encode()).decode(),
            "permissionActions": [],
            "profileApplicability": "androidDeviceOwner",
            "assignments": [to_group("Frontline workers")],
        },
    )


def _seed_places(tenant: SimTenant) -> None:
    for name, network in _PLACES.items():
        tenant.put(
            _LOCATIONS,
            {
                "@odata.type": "#microsoft.graph.ipNamedLocation",
                "id": _place(name),
                "displayName": name,
                "isTrusted": True,
                "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": network}],
            },
        )
    for name, countries in {
        "Countries with offices": ["US", "DE", "ES", "SG"],
        "Countries we never sign in from": ["KP"],
    }.items():
        tenant.put(
            _LOCATIONS,
            {
                "@odata.type": "#microsoft.graph.countryNamedLocation",
                "id": _place(name),
                "displayName": name,
                "countriesAndRegions": countries,
                "includeUnknownCountriesAndRegions": False,
                "countryLookupMethod": "clientIpAddress",
            },
        )


def _conditions(**more: Any) -> dict[str, Any]:
    users = {
        "includeUsers": ["All"],
        "excludeUsers": [user_id("Emergency One"), user_id("Emergency Two")],
        "includeGroups": [],
        "excludeGroups": [group_id("Break-glass accounts")],
        "includeRoles": [],
        "excludeRoles": [],
        **more.pop("users", {}),
    }
    apps = {
        "includeApplications": ["All"],
        "excludeApplications": [],
        "includeUserActions": [],
        "includeAuthenticationContextClassReferences": [],
        **more.pop("applications", {}),
    }
    return {
        "userRiskLevels": [],
        "signInRiskLevels": [],
        "servicePrincipalRiskLevels": [],
        "clientAppTypes": ["all"],
        "platforms": None,
        "locations": None,
        "devices": None,
        "clientApplications": None,
        "users": users,
        "applications": apps,
        **more,
    }


def _grant(*controls: str, operator: str = "OR", strength: str = "") -> dict[str, Any]:
    return {
        "operator": operator,
        "builtInControls": list(controls),
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength": {"id": strength} if strength else None,
    }


def _policies() -> list[dict[str, Any]]:
    admins = {"includeUsers": [], "includeRoles": _ADMIN_ROLES}
    legacy = ["exchangeActiveSync", "other"]
    trusted = {"includeLocations": ["All"], "excludeLocations": [_place(name) for name in _PLACES]}
    abroad = {"includeLocations": [_place("Countries we never sign in from")], "excludeLocations": []}
    contractors = {"includeUsers": [], "includeGroups": [group_id("Contractors")]}
    azure = {"includeApplications": ["797f4846-ba00-4fd7-ba43-dac1f8f63013"]}
    register = {"includeApplications": [], "includeUserActions": ["urn:user:registersecurityinfo"]}
    rows: tuple[tuple[str, str, dict[str, Any], dict[str, Any] | None], ...] = (
        ("CA001 - Require MFA for all users", "enabled", _conditions(), _grant("mfa")),
        (
            "CA002 - Block legacy authentication",
            "enabled",
            _conditions(clientAppTypes=legacy),
            _grant("block"),
        ),
        (
            "CA003 - Keys for administrators",
            "enabled",
            _conditions(users=admins),
            _grant(strength=_strength("Keys for administrators")),
        ),
        (
            "CA004 - Compliant device for administrators",
            "enabled",
            _conditions(users=admins),
            _grant("compliantDevice"),
        ),
        ("CA005 - Block sign-in from abroad", "enabled", _conditions(locations=abroad), _grant("block")),
        (
            "CA006 - MFA outside the offices",
            "enabled",
            _conditions(locations=trusted),
            _grant("mfa", "compliantDevice"),
        ),
        ("CA007 - Azure management needs MFA", "enabled", _conditions(applications=azure), _grant("mfa")),
        (
            "CA008 - Register security information in the office",
            "enabled",
            _conditions(applications=register, locations=trusted),
            _grant("block"),
        ),
        (
            "CA009 - High sign-in risk",
            "enabledForReportingButNotEnforced",
            _conditions(signInRiskLevels=["high"]),
            _grant("mfa"),
        ),
        (
            "CA010 - High user risk",
            "enabledForReportingButNotEnforced",
            _conditions(userRiskLevels=["high"]),
            _grant("mfa", "passwordChange", operator="AND"),
        ),
        (
            "CA011 - Office apps on managed devices",
            "enabled",
            _conditions(applications={"includeApplications": ["Office365"]}),
            _grant("compliantDevice", "domainJoinedDevice"),
        ),
        (
            "CA012 - Approved apps on phones",
            "enabled",
            _conditions(platforms={"includePlatforms": ["android", "iOS"], "excludePlatforms": []}),
            _grant("approvedApplication", "compliantApplication"),
        ),
        (
            "CA013 - Contractors only from company devices",
            "enabled",
            _conditions(users=contractors),
            _grant("compliantDevice"),
        ),
        ("CA014 - Contractors sign in daily", "enabled", _conditions(users=contractors), None),
        (
            "CA015 - Block unknown platforms",
            "disabled",
            _conditions(
                platforms={
                    "includePlatforms": ["all"],
                    "excludePlatforms": ["windows", "macOS", "iOS", "android"],
                }
            ),
            _grant("block"),
        ),
        (
            "CA016 - Expenses app needs strong MFA",
            "enabled",
            _conditions(applications={"includeApplications": ["7a1b9c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"]}),
            _grant(strength=_strength("No text messages")),
        ),
    )
    session = {
        "signInFrequency": {
            "value": 1,
            "type": "days",
            "isEnabled": True,
            "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "timeBased",
        }
    }
    return [
        {
            "id": stable_id("demo access", name),
            "displayName": name,
            "state": state,
            "conditions": conditions,
            "grantControls": grant,
            "sessionControls": session if grant is None else None,
        }
        for name, state, conditions, grant in rows
    ]
