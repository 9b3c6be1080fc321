"""What Microsoft puts into every tenant before anybody configures anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tenants import SimTenant

_ENROLLMENT = "/deviceManagement/deviceEnrollmentConfigurations"
_STRENGTHS = "/policies/authenticationStrengthPolicies"
_ROLES = "/deviceManagement/roleDefinitions"
_AREAS = (
    "DeviceConfigurations",
    "DeviceCompliancePolices",
    "ManagedDevices",
    "MobileApps",
    "Organization",
    "RemoteTasks",
    "Roles",
    "EndpointSecurity",
)
_VERBS = ("Read", "Create", "Update", "Delete", "Assign")
_PHISHING_RESISTANT = ["windowsHelloForBusiness", "fido2", "x509CertificateMultiFactor"]
_PASSWORDLESS = [*_PHISHING_RESISTANT, "deviceBasedPush"]
_ANY_MFA = [
    *_PASSWORDLESS,
    "temporaryAccessPassOneTime",
    "password,microsoftAuthenticatorPush",
    "password,sms",
]


def add_built_ins(tenant: SimTenant) -> None:
    """Seed the defaults."""
    tenant.put("/deviceManagement/roleScopeTags", {"id": "0", "displayName": "Default", "isBuiltIn": True})
    _add_roles(tenant)
    _add_enrollment_defaults(tenant)
    _add_strengths(tenant)
    _add_scripts(tenant)
    _add_service(tenant)


def _add_service(tenant: SimTenant) -> None:
    tenant.put(
        "/organization",
        {
            "id": tenant.guid,
            "displayName": tenant.name,
            "tenantType": "AAD",
            "verifiedDomains": [{"name": tenant.domain, "isDefault": True, "isInitial": True}],
        },
    )
    tenant.put("/deviceManagement", {"id": tenant.guid, "subscriptionState": "active"})
    settings = {"id": "", "deviceComplianceCheckinThresholdDays": 30, "secureByDefault": True}
    tenant.put("/deviceManagement/settings", settings)
    tenant.put(
        "/deviceManagement/androidManagedStoreAccountEnterpriseSettings",
        {"id": "androidManagedStoreAccountEnterpriseSettings", "bindStatus": "notBound"},
    )


def _add_roles(tenant: SimTenant) -> None:
    names = [f"Microsoft.Intune_{area}_{verb}" for area in _AREAS for verb in _VERBS]
    for number, (name, verbs) in enumerate(
        {"Intune Role Administrator": _VERBS, "Read Only Operator": ("Read",)}.items()
    ):
        actions = [each for each in names if each.endswith(tuple(verbs))]
        tenant.put(
            _ROLES,
            {
                "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
                "id": f"0bd113fe-6be5-400c-a28f-ae5553f9c0{number:02d}",
                "displayName": name,
                "description": "Built-in role.",
                "isBuiltIn": True,
                "isBuiltInRoleDefinition": True,
                "rolePermissions": _permissions(actions),
                "permissions": _permissions(actions),
            },
        )


def _permissions(actions: list[str]) -> list[dict[str, Any]]:
    return [{"resourceActions": [{"allowedResourceActions": actions, "notAllowedResourceActions": []}]}]


def _add_enrollment_defaults(tenant: SimTenant) -> None:
    defaults: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        (
            "deviceEnrollmentLimitConfiguration",
            "limit",
            "DefaultLimit",
            "All users and all devices",
            {"limit": 15},
        ),
        (
            "deviceEnrollmentPlatformRestrictionsConfiguration",
            "platformRestrictions",
            "DefaultPlatformRestrictions",
            "All users and all devices",
            {
                f"{platform}Restriction": _unrestricted()
                for platform in ("ios", "windows", "android", "macOS")
            },
        ),
        (
            "windows10EnrollmentCompletionPageConfiguration",
            "windows10EnrollmentCompletionPageConfiguration",
            "DefaultWindows10EnrollmentCompletionPageConfiguration",
            "All users and all devices",
            {"showInstallationProgress": False, "installProgressTimeoutInMinutes": 60},
        ),
        (
            "deviceEnrollmentWindowsHelloForBusinessConfiguration",
            "windowsHelloForBusiness",
            "DefaultWindowsHelloForBusiness",
            "All users and all devices",
            {"state": "notConfigured", "pinMinimumLength": 6, "pinMaximumLength": 127},
        ),
        (
            "windowsRestoreDeviceEnrollmentConfiguration",
            "windowsRestore",
            "DefaultWindowsRestore",
            "All users and all devices",
            {"state": "notConfigured"},
        ),
    )
    for entity, kind, suffix, name, more in defaults:
        tenant.put(
            _ENROLLMENT,
            {
                "@odata.type": f"#microsoft.graph.{entity}",
                "id": f"{tenant.guid}_{suffix}",
                "displayName": name,
                "description": "This is the default configuration applied with the lowest priority.",
                "priority": 0,
                "deviceEnrollmentConfigurationType": kind,
                **more,
            },
        )


def _unrestricted() -> dict[str, Any]:
    return {
        "platformBlocked": False,
        "personalDeviceEnrollmentBlocked": False,
        "osMinimumVersion": "",
        "osMaximumVersion": "",
        "blockedManufacturers": [],
        "blockedSkus": [],
    }


def _add_strengths(tenant: SimTenant) -> None:
    for number, (name, combinations) in enumerate(
        {
            "Multifactor authentication": _ANY_MFA,
            "Passwordless MFA": _PASSWORDLESS,
            "Phishing-resistant MFA": _PHISHING_RESISTANT,
        }.items(),
        start=2,
    ):
        tenant.put(
            _STRENGTHS,
            {
                "id": f"00000000-0000-0000-0000-00000000000{number}",
                "displayName": name,
                "description": "Built-in authentication strength.",
                "policyType": "builtIn",
                "requirementsSatisfied": "mfa",
                "allowedCombinations": combinations,
                "combinationConfigurations": [],
            },
        )


def _add_scripts(tenant: SimTenant) -> None:
    for name in ("Restart stopped Office C2R svc", "Update stale Group Policies"):
        tenant.put(
            "/deviceManagement/deviceHealthScripts",
            {
                "displayName": name,
                "publisher": "Microsoft",
                "description": "Provided by Microsoft.",
                "isGlobalScript": True,
                "detectionScriptContent": "IyBieSBNaWNyb3NvZnQ=",
                "remediationScriptContent": "IyBieSBNaWNyb3NvZnQ=",
            },
        )
