"""Device configurations: one polymorphic collection of some 120 types, some of them with secrets."""

from __future__ import annotations

import binascii
from base64 import b64decode

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, Style, bad_request, not_found
from tenantatlas.simulator.facts import (
    Action,
    Assignments,
    Call,
    Child,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, TAGGED

PATH = "/deviceManagement/deviceConfigurations"
_STATUS = (
    "deviceStatuses",
    "userStatuses",
    "deviceStatusOverview",
    "userStatusOverview",
    "deviceSettingStateSummaries",
    "managedDeviceCertificateStates",
    "groupAssignments",
)
#: set by the service while an update ring is paused or rolled back
_UPDATE_STATE = (
    "qualityUpdatesPauseStartDate",
    "featureUpdatesPauseStartDate",
    "qualityUpdatesPauseExpiryDateTime",
    "featureUpdatesPauseExpiryDateTime",
    "qualityUpdatesRollbackStartDateTime",
    "featureUpdatesRollbackStartDateTime",
    "qualityUpdatesWillBeRolledBack",
    "featureUpdatesWillBeRolledBack",
    "deviceUpdateStates",
)
_ONE_PROFILE = (
    "rootCertificate",
    "rootCertificateForServerValidation",
    "rootCertificateForClientValidation",
    "identityCertificate",
    "identityCertificateForClientAuthentication",
    "secondaryIdentityCertificateForClientAuthentication",
    "secondaryRootCertificateForClientValidation",
    "singleSignOnExtensionPkinitCertificate",
    "smimeEncryptionCertificate",
    "smimeSigningCertificate",
    "derivedCredentialSettings",
)
_SEVERAL_PROFILES = (
    "rootCertificatesForServerValidation",
    "rootCertificatesForClientValidation",
    "networkAccessConfigurations",
)
_OMA_TYPES = frozenset({"String", "StringXml", "Integer", "FloatingPoint", "Boolean", "Base64", "DateTime"})
TYPES = frozenset(
    [
        "androidCustomConfiguration",
        "androidDeviceOwnerDerivedCredentialAuthenticationConfiguration",
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "androidDeviceOwnerGeneralDeviceConfiguration",
        "androidDeviceOwnerImportedPFXCertificateProfile",
        "androidDeviceOwnerPkcsCertificateProfile",
        "androidDeviceOwnerScepCertificateProfile",
        "androidDeviceOwnerTrustedRootCertificate",
        "androidDeviceOwnerVpnConfiguration",
        "androidDeviceOwnerWiFiConfiguration",
        "androidEasEmailProfileConfiguration",
        "androidEnterpriseWiFiConfiguration",
        "androidForWorkCustomConfiguration",
        "androidForWorkEnterpriseWiFiConfiguration",
        "androidForWorkGeneralDeviceConfiguration",
        "androidForWorkGmailEasConfiguration",
        "androidForWorkImportedPFXCertificateProfile",
        "androidForWorkNineWorkEasConfiguration",
        "androidForWorkPkcsCertificateProfile",
        "androidForWorkScepCertificateProfile",
        "androidForWorkTrustedRootCertificate",
        "androidForWorkVpnConfiguration",
        "androidForWorkWiFiConfiguration",
        "androidGeneralDeviceConfiguration",
        "androidImportedPFXCertificateProfile",
        "androidOmaCpConfiguration",
        "androidPkcsCertificateProfile",
        "androidScepCertificateProfile",
        "androidTrustedRootCertificate",
        "androidVpnConfiguration",
        "androidWiFiConfiguration",
        "androidWorkProfileCustomConfiguration",
        "androidWorkProfileEnterpriseWiFiConfiguration",
        "androidWorkProfileGeneralDeviceConfiguration",
        "androidWorkProfileGmailEasConfiguration",
        "androidWorkProfileNineWorkEasConfiguration",
        "androidWorkProfilePkcsCertificateProfile",
        "androidWorkProfileScepCertificateProfile",
        "androidWorkProfileTrustedRootCertificate",
        "androidWorkProfileVpnConfiguration",
        "androidWorkProfileWiFiConfiguration",
        "aospDeviceOwnerDeviceConfiguration",
        "aospDeviceOwnerEnterpriseWiFiConfiguration",
        "aospDeviceOwnerPkcsCertificateProfile",
        "aospDeviceOwnerScepCertificateProfile",
        "aospDeviceOwnerTrustedRootCertificate",
        "aospDeviceOwnerWiFiConfiguration",
        "editionUpgradeConfiguration",
        "iosCustomConfiguration",
        "iosDerivedCredentialAuthenticationConfiguration",
        "iosDeviceFeaturesConfiguration",
        "iosEasEmailProfileConfiguration",
        "iosEduDeviceConfiguration",
        "iosEducationDeviceConfiguration",
        "iosEnterpriseWiFiConfiguration",
        "iosExpeditedCheckinConfiguration",
        "iosGeneralDeviceConfiguration",
        "iosImportedPFXCertificateProfile",
        "iosPkcsCertificateProfile",
        "iosScepCertificateProfile",
        "iosTrustedRootCertificate",
        "iosUpdateConfiguration",
        "iosVpnConfiguration",
        "iosWiFiConfiguration",
        "iosWiredNetworkConfiguration",
        "iosikEv2VpnConfiguration",
        "macOSCustomAppConfiguration",
        "macOSCustomConfiguration",
        "macOSDeviceFeaturesConfiguration",
        "macOSEndpointProtectionConfiguration",
        "macOSEnterpriseWiFiConfiguration",
        "macOSExtensionsConfiguration",
        "macOSGeneralDeviceConfiguration",
        "macOSImportedPFXCertificateProfile",
        "macOSPkcsCertificateProfile",
        "macOSScepCertificateProfile",
        "macOSSoftwareUpdateConfiguration",
        "macOSTrustedRootCertificate",
        "macOSVpnConfiguration",
        "macOSWiFiConfiguration",
        "macOSWiredNetworkConfiguration",
        "sharedPCConfiguration",
        "windows10CustomConfiguration",
        "windows10DeviceFirmwareConfigurationInterface",
        "windows10EasEmailProfileConfiguration",
        "windows10EndpointProtectionConfiguration",
        "windows10EnterpriseModernAppManagementConfiguration",
        "windows10GeneralConfiguration",
        "windows10ImportedPFXCertificateProfile",
        "windows10NetworkBoundaryConfiguration",
        "windows10PFXImportCertificateProfile",
        "windows10PkcsCertificateProfile",
        "windows10SecureAssessmentConfiguration",
        "windows10TeamGeneralConfiguration",
        "windows10VpnConfiguration",
        "windows81GeneralConfiguration",
        "windows81SCEPCertificateProfile",
        "windows81TrustedRootCertificate",
        "windows81VpnConfiguration",
        "windows81WifiImportConfiguration",
        "windowsDefenderAdvancedThreatProtectionConfiguration",
        "windowsDeliveryOptimizationConfiguration",
        "windowsDomainJoinConfiguration",
        "windowsHealthMonitoringConfiguration",
        "windowsIdentityProtectionConfiguration",
        "windowsKioskConfiguration",
        "windowsPhone81CustomConfiguration",
        "windowsPhone81GeneralConfiguration",
        "windowsPhone81ImportedPFXCertificateProfile",
        "windowsPhone81SCEPCertificateProfile",
        "windowsPhone81TrustedRootCertificate",
        "windowsPhone81VpnConfiguration",
        "windowsPhoneEASEmailProfileConfiguration",
        "windowsUpdateForBusinessConfiguration",
        "windowsWifiConfiguration",
        "windowsWifiEnterpriseEAPConfiguration",
        "windowsWiredNetworkConfiguration",
        "windowsZtdnsConfiguration",
    ]
)


def _check_create(call: Call, body: dict[str, Json]) -> None:
    if not body.get("displayName"):
        raise bad_request("Property displayName is required.", code="ModelValidationFailure")
    _check_oma(call, body)
    _check_custom(call, body)


def _check_custom(call: Call, body: dict[str, Json]) -> None:
    del call
    if str(body.get("@odata.type")).endswith(("macOSCustomConfiguration", "iosCustomConfiguration")):
        for name in ("payload", "payloadName", "payloadFileName"):
            if not body.get(name):
                raise bad_request(f"Property {name} is required.", code="ModelValidationFailure")


def _check_oma(call: Call, body: dict[str, Json]) -> None:
    del call
    settings = body.get("omaSettings")
    if settings is None:
        return
    if not isinstance(settings, list):
        raise bad_request("Property omaSettings in payload has a value that does not match schema.")
    for setting in settings:
        _check_oma_setting(setting)


def _check_oma_setting(setting: Json) -> None:
    if not isinstance(setting, dict):
        raise bad_request("Property omaSettings in payload has a value that does not match schema.")
    if setting.get("secretReferenceValueId") is not None:
        raise bad_request(
            "SecretReferenceValueId invalid for create", code="NotSupported", phrase="NotSupported"
        )
    if "isEncrypted" in setting:
        raise bad_request(
            "Invalid property name: omaSettings/isEncrypted. The property is set by the service."
        )
    kind = str(setting.get("@odata.type", "")).removeprefix("#microsoft.graph.omaSetting")
    if kind not in _OMA_TYPES or not setting.get("omaUri") or "value" not in setting:
        raise bad_request(
            "An OMA setting needs '@odata.type', omaUri and value.", code="ModelValidationFailure"
        )
    if kind in {"StringXml", "Base64"}:
        _check_base64(setting["value"])


def _check_base64(value: Json) -> None:
    try:
        b64decode(str(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(
            f"Cannot convert the literal '{str(value)[:40]}' to the expected type 'Edm.Binary'.",
            code="ModelValidationFailure",
        ) from error


def _plain_value(call: Call, body: Json) -> Reply:
    """The secret in clear; XML comes decoded."""
    del body
    wanted = call.parameters.get("secretReferenceValueId", "")
    secrets = call.state.hidden.get("oma", {})
    if wanted not in secrets:
        raise not_found(wanted, intune=True)
    setting = next(
        (
            row
            for row in call.state.body.get("omaSettings", ())
            if row.get("secretReferenceValueId") == wanted
        ),
        None,
    )
    if setting is None:
        raise not_found(wanted, intune=True)
    return Reply(
        status=200,
        body={
            "@odata.context": f"{call.graph}/{call.version}/$metadata#Edm.String",
            "value": _decoded(setting, secrets[wanted]),
        },
    )


def _decoded(setting: dict[str, Json], value: Json) -> Json:
    if not str(setting.get("@odata.type")).endswith("omaSettingStringXml"):
        return value
    try:
        return b64decode(str(value), validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError) as error:
        raise AnswerError(
            500, "InternalServerError", "An internal server error has occurred", style=Style.INTUNE
        ) from error


def _privacy_controls(call: Call, body: Json) -> Reply:
    rows = body.get("windowsPrivacyAccessControls") if isinstance(body, dict) else None
    if not isinstance(rows, list) or call.object is None:
        raise bad_request(
            "Property windowsPrivacyAccessControls in payload has a value that does not match schema."
        )
    made = [{"id": call.world.new_guid(), **{k: v for k, v in row.items() if k != "id"}} for row in rows]
    call.tenant.commit(call.object, call.state.with_rows("privacyAccessControls", made))
    call.applied = True
    return Reply(status=204)


COLLECTIONS = (
    Collection(
        path=PATH,
        entity="deviceConfiguration",
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        filter=FilterSupport.EVALUATED,
        types=TYPES,
        children=(
            Child(name="privacyAccessControls", on_item=ExpandSupport.WORKS, cast=True),
            *(Child(name=name, single=True, cast=True) for name in _ONE_PROFILE),
            *(Child(name=name, cast=True, keeps_ids=True) for name in _SEVERAL_PROFILES),
        ),
        assignments=Assignments(odata_type="microsoft.graph.deviceConfigurationAssignment"),
        versioned=True,
        defaults={
            **TAGGED,
            "description": None,
            "supportsScopeTags": True,
            "deviceManagementApplicabilityRuleOsEdition": None,
            "deviceManagementApplicabilityRuleOsVersion": None,
            "deviceManagementApplicabilityRuleDeviceMode": None,
        },
        read_only=("supportsScopeTags", *_STATUS, *_UPDATE_STATE),
        check_create=_check_create,
        check_update=_check_oma,
        actions={
            "getOmaSettingPlainTextValue": Action(_plain_value, "GET"),
            "windowsPrivacyAccessControls": Action(_privacy_controls),
        },
    ),
    Collection(
        path="/deviceManagement/derivedCredentials",
        entity="deviceManagementDerivedCredentialSettings",
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        create=False,
        created="",
        modified="",
    ),
)
