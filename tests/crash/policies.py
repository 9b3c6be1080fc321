"""A tenant with one policy of every restorable type, and what these policies name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.policies.model import RestoreMode
from tenantatlas.policies.registry import all_types, get_type
from tests.simulated import catalog_body, group_target

Json = Any

GROUPS = "/groups"
GROUP = stable_id("group", "Pilot")
ROOT = stable_id("certificate", "Root")
LOCATION = stable_id("location", "Headquarters")
TEMPLATE = stable_id("template", "Reminder")
DEFINITION = stable_id("definition", "Edge mode")
PRESENTATION = stable_id("presentation", "Edge mode")
APP = stable_id("app", "Outlook")

#: What policies name. It stays when the policies are lost.
NAMED: tuple[tuple[str, Json], ...] = (
    (GROUPS, {"id": GROUP, "displayName": "Pilot", "securityEnabled": True, "groupTypes": []}),
    (
        "/deviceManagement/deviceConfigurations",
        {
            "@odata.type": "#microsoft.graph.windows81TrustedRootCertificate",
            "id": ROOT,
            "displayName": "Root",
            "certFileName": "root.cer",
            "trustedRootCertificate": base64.b64encode(b"a root").decode(),
        },
    ),
    (
        "/identity/conditionalAccess/namedLocations",
        {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": LOCATION,
            "displayName": "Headquarters",
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "192.0.2.0/24"}],
        },
    ),
    (
        "/deviceManagement/notificationMessageTemplates",
        {
            "id": TEMPLATE,
            "displayName": "Reminder",
            "brandingOptions": "none",
            "localizedNotificationMessages": [
                {"locale": "en-us", "subject": "Hi", "messageTemplate": "Please.", "isDefault": True}
            ],
        },
    ),
    (
        "/deviceManagement/groupPolicyDefinitions",
        {
            "id": DEFINITION,
            "displayName": "Edge mode",
            "classType": "machine",
            "policyType": "admxBacked",
            "categoryPath": "\\Edge",
            "presentations": [
                {
                    "@odata.type": "#microsoft.graph.groupPolicyPresentationText",
                    "id": PRESENTATION,
                    "label": "Mode",
                    "required": False,
                }
            ],
        },
    ),
    (
        "/deviceAppManagement/mobileApps",
        {"@odata.type": "#microsoft.graph.managedAndroidStoreApp", "id": APP, "displayName": "Outlook"},
    ),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A policy of one type, as it was before it was lost or changed."""

    type_key: str
    body: Json = field(repr=False)
    #: Not deleted by the accident but changed: these properties.
    accident: Json = None
    #: Microsoft puts it into every tenant.
    built_in: bool = False

    @property
    def collection(self) -> str:
        """The simulator's path of its collection."""
        path = get_type(self.type_key).path
        return "/" + path.split("/", 2)[2]

    @property
    def key(self) -> str:
        """Its item in every run."""
        return f"{self.type_key}/{self.body['id']}"


def _named(key: str, number: int, **more: Any) -> Json:
    """What nearly every body has."""
    name = f"Lost {get_type(key).label}" + (f" {number}" if number else "")
    return {"id": stable_id("lost", key, number), get_type(key).name_field: name[:120], **more}


def _odata(name: str) -> str:
    return f"#microsoft.graph.{name}"


_TO_GROUP = [group_target(GROUP)]
_LOST_FILTER = stable_id("lost", "assignmentFilters", 0)
_LOST_TEMPLATE = stable_id("lost", "notificationMessageTemplates", 0)
_TAGS = {"roleScopeTagIds": ["0"], "description": "Before"}
_OUTLOOK_IOS = {"@odata.type": _odata("iosMobileAppIdentifier"), "bundleId": "com.microsoft.office.outlook"}
_OUTLOOK_ANDROID = {
    "@odata.type": _odata("androidMobileAppIdentifier"),
    "packageId": "com.microsoft.office.outlook",
}
_SCRIPT = base64.b64encode(b"echo hi").decode()
_RESTRICTION = {
    "platformBlocked": False,
    "personalDeviceEnrollmentBlocked": True,
    "osMinimumVersion": "12.0",
    "osMaximumVersion": "",
    "blockedManufacturers": [],
    "blockedSkus": [],
}


def _filtered(assignment: Json) -> Json:
    """Narrowed by a filter that is lost too."""
    narrow = {
        "deviceAndAppManagementAssignmentFilterId": _LOST_FILTER,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    return {"target": {**assignment["target"], **narrow}}


def _settings_catalog(family: str) -> Callable[[str, int], Json]:
    def make(key: str, number: int) -> Json:
        body = catalog_body("x", settings=3)
        body["templateReference"] |= {"templateFamily": family}
        if family != "none":
            template = stable_id("template", family)
            body["templateReference"] |= {
                "templateId": f"{template}_1",
                "templateDisplayName": family,
                "templateDisplayVersion": "Version 1",
            }
        targets = [_filtered(_TO_GROUP[0])] if number else _TO_GROUP
        return {**body, **_named(key, number, assignments=targets), "description": "Before"}

    return make


def _configuration(kind: str, **more: Any) -> Callable[[str, int], Json]:
    def make(key: str, number: int) -> Json:
        return _named(key, number, **{"@odata.type": _odata(kind)}, **_TAGS, assignments=_TO_GROUP, **more)

    return make


def _plain(**more: Any) -> Callable[[str, int], Json]:
    return lambda key, number: _named(key, number, **more)


def _enrollment(kind: str, suffix: str, **more: Any) -> Callable[[str, int], Json]:
    def make(key: str, number: int) -> Json:
        body = _named(
            key, number, **{"@odata.type": _odata(kind)}, **_TAGS, priority=number + 1, assignments=_TO_GROUP
        )
        return {**body, "id": f"{body['id']}_{suffix}", **more}

    return make


def _compliance(key: str, number: int) -> Json:
    """Further ones warn by a template that is lost too."""
    actions = [("block", 0, "", []), ("notification", 24, _LOST_TEMPLATE if number else TEMPLATE, [GROUP])]
    return _named(
        key,
        number,
        **{"@odata.type": _odata("windows10CompliancePolicy")},
        **_TAGS,
        passwordRequired=True,
        assignments=_TO_GROUP,
        scheduledActionsForRule=[
            {
                "ruleName": None,
                "scheduledActionConfigurations": [
                    {
                        "actionType": kind,
                        "gracePeriodHours": hours,
                        "notificationTemplateId": template,
                        "notificationMessageCCList": copies,
                    }
                    for kind, hours, template, copies in actions
                ],
            }
        ],
    )


_APP_RULES = {
    "appGroupType": "selectedPublicApps",
    "assignments": _TO_GROUP,
    **_TAGS,
}

_MAKERS: dict[str, Callable[[str, int], Json]] = {
    "roleScopeTags": _plain(description="Before"),
    "assignmentFilters": _plain(
        description="Before",
        platform="windows10AndLater",
        rule='(device.deviceOwnership -eq "Corporate")',
        assignmentFilterManagementType="devices",
        roleScopeTags=["0"],
    ),
    "intuneRoleDefinitions": _plain(
        **{"@odata.type": _odata("deviceAndAppManagementRoleDefinition")},
        description="Before",
        isBuiltIn=False,
        isBuiltInRoleDefinition=False,
        roleScopeTagIds=["0"],
        rolePermissions=[
            {
                "resourceActions": [
                    {
                        "allowedResourceActions": ["Microsoft.Intune_ManagedDevices_Read"],
                        "notAllowedResourceActions": [],
                    }
                ]
            }
        ],
    ),
    "notificationMessageTemplates": _plain(
        **_TAGS,
        brandingOptions="none",
        defaultLocale="en-us",
        localizedNotificationMessages=[
            {"locale": "en-us", "subject": "Hi", "messageTemplate": "Please update.", "isDefault": True},
            {"locale": "de-de", "subject": "Hallo", "messageTemplate": "Bitte.", "isDefault": False},
        ],
    ),
    "conditionalAccess.authenticationStrengths": _plain(
        description="Before", policyType="custom", allowedCombinations=["fido2"]
    ),
    "conditionalAccess.namedLocations": _plain(
        **{"@odata.type": _odata("countryNamedLocation")},
        countriesAndRegions=["CH"],
        includeUnknownCountriesAndRegions=False,
        countryLookupMethod="clientIpAddress",
    ),
    "reusablePolicySettings": _plain(
        description="Before",
        settingDefinitionId="vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}",
        settingInstance={
            "@odata.type": _odata("deviceManagementConfigurationSimpleSettingInstance"),
            "settingDefinitionId": "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}",
            "simpleSettingValue": {
                "@odata.type": _odata("deviceManagementConfigurationStringSettingValue"),
                "value": "192.0.2.1",
            },
        },
    ),
    "deviceComplianceScripts": _plain(
        **_TAGS,
        publisher="Contoso",
        runAsAccount="system",
        detectionScriptContent=_SCRIPT,
        enforceSignatureCheck=False,
        runAs32Bit=False,
    ),
    "termsAndConditions": _plain(
        **_TAGS,
        title="Terms",
        bodyText="Be kind.",
        acceptanceStatement="I am.",
        assignments=_TO_GROUP,
    ),
    "deviceConfigurations": _configuration("sharedPCConfiguration", allowLocalStorage=False),
    "deviceConfigurations.customOma": _configuration(
        "windows10CustomConfiguration",
        omaSettings=[
            {
                "@odata.type": _odata("omaSettingString"),
                "displayName": "One",
                "description": "",
                "omaUri": "./Device/Vendor/MSFT/Policy/Config/Test/One",
                "value": "a value of the crash tests",
            }
        ],
    ),
    "deviceConfigurations.certificates": _configuration(
        "windows81TrustedRootCertificate",
        certFileName="lost.cer",
        trustedRootCertificate=base64.b64encode(b"another root").decode(),
    ),
    "deviceConfigurations.network": _configuration(
        "windowsWifiEnterpriseEAPConfiguration",
        networkName="Office",
        ssid="Office",
        wifiSecurityType="wpa2Enterprise",
        rootCertificatesForServerValidation=[{"id": ROOT}],
    ),
    "deviceConfigurations.updateRings": _configuration(
        "windowsUpdateForBusinessConfiguration",
        qualityUpdatesDeferralPeriodInDays=3,
        featureUpdatesDeferralPeriodInDays=0,
    ),
    "deviceConfigurations.appleUpdates": _configuration(
        "iosUpdateConfiguration", activeHoursStart="08:00:00.0000000", activeHoursEnd="17:00:00.0000000"
    ),
    "configurationPolicies": _settings_catalog("none"),
    "configurationPolicies.endpointSecurity": _settings_catalog("endpointSecurityAntivirus"),
    "configurationPolicies.baseline": _settings_catalog("baseline"),
    "configurationPolicies.enrollment": _settings_catalog("enrollmentConfiguration"),
    "groupPolicyConfigurations": _plain(
        **_TAGS,
        policyConfigurationIngestionType="builtIn",
        assignments=_TO_GROUP,
        definitionValues=[
            {
                "id": stable_id("value", "Edge mode"),
                "enabled": True,
                "configurationType": "policy",
                "definition": {"id": DEFINITION},
                "presentationValues": [
                    {
                        "@odata.type": _odata("groupPolicyPresentationValueText"),
                        "id": stable_id("shown", "Edge mode"),
                        "value": "strict",
                        "presentation": {"id": PRESENTATION},
                    }
                ],
            }
        ],
    ),
    "deviceCompliancePolicies": _compliance,
    "deviceManagementScripts": _plain(
        **_TAGS,
        fileName="a.ps1",
        scriptContent=_SCRIPT,
        runAsAccount="system",
        enforceSignatureCheck=False,
        runAs32Bit=False,
        assignments=_TO_GROUP,
    ),
    "deviceShellScripts": _plain(
        **_TAGS, fileName="a.sh", scriptContent=_SCRIPT, runAsAccount="system", assignments=_TO_GROUP
    ),
    "deviceCustomAttributeShellScripts": _plain(
        **_TAGS,
        fileName="a.sh",
        scriptContent=_SCRIPT,
        runAsAccount="system",
        customAttributeName="Disk",
        customAttributeType="string",
        assignments=_TO_GROUP,
    ),
    "deviceHealthScripts": _plain(
        **_TAGS,
        publisher="Contoso",
        detectionScriptContent=_SCRIPT,
        remediationScriptContent=_SCRIPT,
        runAsAccount="system",
        isGlobalScript=False,
        assignments=[
            {
                **_TO_GROUP[0],
                "runRemediationScript": True,
                "runSchedule": {
                    "@odata.type": _odata("deviceHealthScriptDailySchedule"),
                    "interval": 1,
                    "time": "04:00:00",
                    "useUtc": False,
                },
            }
        ],
    ),
    "windowsFeatureUpdateProfiles": _plain(
        **_TAGS, featureUpdateVersion="Windows 11, version 24H2", assignments=_TO_GROUP
    ),
    "windowsQualityUpdateProfiles": _plain(
        **_TAGS,
        expeditedUpdateSettings={"qualityUpdateRelease": "2026-01-13T00:00:00Z", "daysUntilForcedReboot": 1},
        assignments=_TO_GROUP,
    ),
    "windowsQualityUpdatePolicies": _plain(**_TAGS, hotpatchEnabled=True, assignments=_TO_GROUP),
    "windowsDriverUpdateProfiles": _plain(
        **_TAGS, approvalType="automatic", deploymentDeferralInDays=7, assignments=_TO_GROUP
    ),
    "iosManagedAppProtections": _plain(
        **_APP_RULES, pinRequired=True, apps=[{"mobileAppIdentifier": _OUTLOOK_IOS}]
    ),
    "androidManagedAppProtections": _plain(
        **_APP_RULES, pinRequired=True, apps=[{"mobileAppIdentifier": _OUTLOOK_ANDROID}]
    ),
    "targetedManagedAppConfigurations": _plain(
        **_APP_RULES,
        targetedAppManagementLevels="unspecified",
        customSettings=[{"name": "com.microsoft.outlook.Mail.FocusedInbox", "value": "true"}],
        apps=[{"mobileAppIdentifier": _OUTLOOK_IOS}],
    ),
    "mobileAppConfigurations": _plain(
        **{"@odata.type": _odata("androidManagedStoreAppConfiguration")},
        **_TAGS,
        targetedMobileApps=[APP],
        packageId="app:com.microsoft.office.outlook",
        payloadJson=base64.b64encode(b"{}").decode(),
        assignments=_TO_GROUP,
    ),
    "windowsAutopilotDeploymentProfiles": _plain(
        **{"@odata.type": _odata("azureADWindowsAutopilotDeploymentProfile")},
        **_TAGS,
        deviceType="windowsPc",
        deviceNameTemplate="",
        locale="os-default",
        preprovisioningAllowed=False,
        hardwareHashExtractionEnabled=True,
        outOfBoxExperienceSetting={
            "deviceUsageType": "singleUser",
            "escapeLinkHidden": True,
            "eulaHidden": True,
            "keyboardSelectionPageSkipped": True,
            "privacySettingsHidden": True,
            "userType": "standard",
        },
        assignments=_TO_GROUP,
    ),
    "enrollment.statusPage": _enrollment(
        "windows10EnrollmentCompletionPageConfiguration",
        "Windows10EnrollmentCompletionPageConfiguration",
        showInstallationProgress=True,
        installProgressTimeoutInMinutes=60,
        selectedMobileAppIds=[APP],
    ),
    "enrollment.limit": _enrollment("deviceEnrollmentLimitConfiguration", "Limit", limit=5),
    "enrollment.platformRestriction": _enrollment(
        "deviceEnrollmentPlatformRestrictionConfiguration",
        "SinglePlatformRestriction",
        platformType="android",
        platformRestriction=_RESTRICTION,
    ),
    "enrollment.windowsHello": _enrollment(
        "deviceEnrollmentWindowsHelloForBusinessConfiguration",
        "WindowsHelloForBusiness",
        state="enabled",
        pinMinimumLength=8,
        pinMaximumLength=127,
    ),
    "enrollment.coManagement": _enrollment(
        "deviceComanagementAuthorityConfiguration",
        "DeviceComanagementAuthorityConfiguration",
        managedDeviceAuthority=0,
        installConfigurationManagerAgent=False,
    ),
    "enrollment.windowsRestore": _enrollment(
        "windowsRestoreDeviceEnrollmentConfiguration", "WindowsRestore", state="enabled"
    ),
    "conditionalAccess.policies": _plain(
        state="enabled",
        conditions={
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "users": {"includeUsers": ["All"], "excludeGroups": [GROUP]},
            "locations": {"includeLocations": ["All"], "excludeLocations": [LOCATION]},
        },
        grantControls={
            "operator": "OR",
            "builtInControls": ["mfa"],
            "customAuthenticationFactors": [],
            "termsOfUse": [],
        },
    ),
}


def restorable_types() -> tuple[str, ...]:
    """Every type that a restore may write."""
    return tuple(each.key for each in all_types() if each.restore.mode is not RestoreMode.BACKUP_ONLY)


#: A policy with this number is not lost: the accident changes it.
CHANGED = 9


def sample(type_key: str, *, guid: str, number: int = 0) -> Sample:
    """A policy of the type in that tenant. What cannot be deleted is changed by the accident instead."""
    if type_key == "enrollment.platformRestrictionsDefault":
        body = {"id": f"{guid}_DefaultPlatformRestrictions"}
        return Sample(
            type_key=type_key,
            body=body,
            accident={"iosRestriction": {**_RESTRICTION, "osMinimumVersion": "1.0"}},
            built_in=True,
        )
    body = _MAKERS[type_key](type_key, number)
    accident = {"description": "Accident"} if number == CHANGED else None
    return Sample(type_key=type_key, body=body, accident=accident)


#: 30 policies over eight types: some have rows below them, go one at a time, name each other, only change.
THIRTY: tuple[tuple[str, int], ...] = tuple(
    (key, number)
    for key, numbers in (
        ("assignmentFilters", (0, 1, 2)),
        ("notificationMessageTemplates", (0, 1, 2)),
        ("deviceConfigurations.customOma", (0, 1, 2, CHANGED)),
        ("configurationPolicies", (0, 1, 2, CHANGED)),
        ("groupPolicyConfigurations", (0, 1, 2, 3)),
        ("deviceCompliancePolicies", (0, 1, 2, CHANGED)),
        ("deviceManagementScripts", (0, 1, 2, CHANGED)),
        ("conditionalAccess.policies", (0, 1, 2, 3)),
    )
    for number in numbers
)
