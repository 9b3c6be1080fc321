"""How devices come to Contoso: Autopilot, enrollment configurations, updates, terms."""

from __future__ import annotations

from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import all_users, to_group

_HIDDEN = stable_id("demo hidden template")
_ENROLLMENT = "/deviceManagement/deviceEnrollmentConfigurations"


def seed_enrollment(tenant: SimTenant) -> None:
    """Put them there."""
    for name, locale, group in (
        ("Autopilot - Standard users", "os-default", "Autopilot devices"),
        ("Autopilot - Kiosk", "en-US", "Kiosk devices"),
        ("Autopilot - Executives", "os-default", "Executives"),
    ):
        tenant.put("/deviceManagement/windowsAutopilotDeploymentProfiles", _profile(name, locale, group))
    tenant.put("/deviceManagement/notificationMessageTemplates", _hidden_template())
    for body in _configurations():
        tenant.put(_ENROLLMENT, body)
    _seed_updates(tenant)
    for name in ("Terms for employees", "Terms for contractors"):
        tenant.put(
            "/deviceManagement/termsAndConditions",
            {
                "id": stable_id("demo terms", name),
                "displayName": name,
                "title": name,
                "description": "",
                "bodyText": "Contoso manages this device. Company data may be removed at any time.",
                "acceptanceStatement": "I accept",
                "version": 3,
                "assignments": [to_group("All employees" if "employees" in name else "Contractors")],
            },
        )


def _profile(name: str, locale: str, group: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.azureADWindowsAutopilotDeploymentProfile",
        "id": stable_id("demo autopilot", name),
        "displayName": name,
        "description": "",
        "locale": locale,
        "deviceType": "windowsPc",
        "deviceNameTemplate": "CON-%SERIAL%",
        "hardwareHashExtractionEnabled": True,
        "preprovisioningAllowed": group != "Kiosk devices",
        "outOfBoxExperienceSetting": {
            "privacySettingsHidden": True,
            "eulaHidden": True,
            "userType": "standard",
            "deviceUsageType": "singleUser",
            "keyboardSelectionPageSkipped": True,
            "escapeLinkHidden": True,
        },
        "roleScopeTagIds": ["0"],
        "assignments": [to_group(group)],
    }


def _hidden_template() -> dict[str, Any]:
    """What the service makes behind an enrollment notification."""
    text = {
        "locale": "en-us",
        "subject": "A device was enrolled",
        "messageTemplate": "Welcome.",
        "isDefault": True,
    }
    return {
        "id": _HIDDEN,
        "displayName": "EnrollmentNotificationInternalMEO",
        "description": None,
        "defaultLocale": "en-us",
        "brandingOptions": "includeCompanyLogo",
        "localizedNotificationMessages": [text],
    }


def _restriction() -> dict[str, Any]:
    return {
        "platformBlocked": False,
        "personalDeviceEnrollmentBlocked": True,
        "osMinimumVersion": None,
        "osMaximumVersion": None,
        "blockedManufacturers": [],
        "blockedSkus": [],
    }


def _configurations() -> list[dict[str, Any]]:
    rows: list[tuple[str, str, str, str, dict[str, Any]]] = [
        (
            "deviceEnrollmentLimitConfiguration",
            "limit",
            "Limit",
            "Five devices for contractors",
            {"limit": 5},
        ),
        ("deviceEnrollmentLimitConfiguration", "limit", "Limit", "Ten devices for developers", {"limit": 10}),
    ]
    for platform in ("windows", "ios", "android", "mac"):
        rows.append(
            (
                "deviceEnrollmentPlatformRestrictionConfiguration",
                "singlePlatformRestriction",
                "SinglePlatformRestriction",
                f"Company {platform} devices only",
                {"platformType": platform, "platformRestriction": _restriction()},
            )
        )
    page = "windows10EnrollmentCompletionPageConfiguration"
    rows.append(
        (
            page,
            page,
            "Windows10EnrollmentCompletionPageConfiguration",
            "Status page with required apps",
            {
                "showInstallationProgress": True,
                "blockDeviceSetupRetryByUser": False,
                "allowDeviceResetOnInstallFailure": True,
                "allowLogCollectionOnInstallFailure": True,
                "customErrorMessage": "Call the helpdesk: +1 555 0100",
                "installProgressTimeoutInMinutes": 90,
                "allowDeviceUseOnInstallFailure": False,
                "selectedMobileAppIds": [],
                "trackInstallProgressForAutopilotOnly": True,
                "disableUserStatusTrackingAfterFirstUser": True,
            },
        )
    )
    authority = "deviceComanagementAuthorityConfiguration"
    rows.append(
        (
            authority,
            authority,
            "DeviceComanagementAuthorityConfiguration",
            "Co-management from the cloud",
            {
                "managedDeviceAuthority": 0,
                "installConfigurationManagerAgent": False,
                "configurationManagerAgentCommandLineArgument": "",
            },
        )
    )
    rows.append(
        (
            "deviceEnrollmentNotificationConfiguration",
            "enrollmentNotificationsConfiguration",
            "EnrollmentNotificationsConfiguration",
            "Tell people that a device was enrolled",
            {
                "platformType": "windows",
                "templateType": "email",
                "notificationMessageTemplateId": "00000000-0000-0000-0000-000000000000",
                "defaultLocale": "en-us",
                "brandingOptions": "includeCompanyLogo",
                "notificationTemplates": [f"Email_{_HIDDEN}"],
            },
        )
    )
    ranks: dict[str, int] = {}
    made = []
    for entity, kind, suffix, name, more in rows:
        ranks[kind] = ranks.get(kind, 0) + 1
        made.append(
            {
                "@odata.type": f"#microsoft.graph.{entity}",
                "id": f"{stable_id('demo enrollment', name)}_{suffix}",
                "displayName": name,
                "description": "",
                "priority": ranks[kind],
                "deviceEnrollmentConfigurationType": kind,
                "roleScopeTagIds": ["0"],
                "assignments": [to_group("Contractors")] if kind == "limit" else [all_users()],
                **more,
            }
        )
    return made


def _seed_updates(tenant: SimTenant) -> None:
    for version, group in (
        ("Windows 11, version 24H2", "Windows - ring 2 broad"),
        ("Windows 11, version 25H2", "Pilot Windows devices"),
    ):
        tenant.put(
            "/deviceManagement/windowsFeatureUpdateProfiles",
            {
                "id": stable_id("demo feature update", version),
                "displayName": f"Feature update - {version}",
                "description": "",
                "featureUpdateVersion": version,
                "installLatestWindows10OnWindows11IneligibleDevice": False,
                "installFeatureUpdatesOptional": False,
                "deployableContentDisplayName": version,
                "endOfSupportDate": "2028-10-10T00:00:00Z",
                "assignments": [to_group(group)],
            },
        )
    tenant.put(
        "/deviceManagement/windowsQualityUpdateProfiles",
        {
            "id": stable_id("demo quality update", "expedite"),
            "displayName": "Expedite the October security update",
            "description": "",
            "expeditedUpdateSettings": {
                "qualityUpdateRelease": "2026-10-13T00:00:00Z",
                "daysUntilForcedReboot": 1,
            },
            "releaseDateDisplayName": "10/13/2026",
            "deployableContentDisplayName": "2026.10 B security updates",
            "assignments": [to_group("Windows - ring 1 early")],
        },
    )
    tenant.put(
        "/deviceManagement/windowsQualityUpdatePolicies",
        {
            "id": stable_id("demo quality policy", "hotpatch"),
            "displayName": "Hotpatch",
            "description": "",
            "hotpatchEnabled": True,
            "approvalSettings": [],
            "assignments": [to_group("Pilot Windows devices")],
        },
    )
    for name, approval, days in (
        ("Drivers - automatic", "automatic", 7),
        ("Drivers - by hand", "manual", None),
    ):
        tenant.put(
            "/deviceManagement/windowsDriverUpdateProfiles",
            {
                "id": stable_id("demo drivers", name),
                "displayName": name,
                "description": "",
                "approvalType": approval,
                "deploymentDeferralInDays": days,
                "newUpdates": 4,
                "deviceReporting": 180,
                "assignments": [to_group("Pilot Windows devices" if days else "Executives")],
            },
        )
