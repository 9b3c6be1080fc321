"""What the kinds of `deviceConfigurations` share.

One polymorphic collection of some 120 types; it is read once and split here by `@odata.type`.

Traps, from the beta schema and from tools that run against live tenants:
- PATCH without `@odata.type` answers 400, and the type cannot change;
- what Graph cannot name arrives as unsupportedDeviceConfiguration: kept, never written;
- certificates of Wi-Fi, VPN, e-mail, SCEP and PKCS profiles are navigations: absent from list and item,
  read one by one, written as `…@odata.bind` with an absolute URL of the same cloud, changed by `$ref`;
- keys and passwords come back null;
- `groupAssignments` is an old mirror of the assignments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import (
    Part,
    Reference,
    Secret,
    SecretKind,
    Shape,
    Step,
    StepKind,
    WriteContext,
)
from tenantatlas.policies.types import _intune

PATH: Final = "/beta/deviceManagement/deviceConfigurations"
FAMILY: Final = "deviceConfiguration"
DOCS: Final = (
    "https://learn.microsoft.com/graph/api/resources/"
    "intune-deviceconfig-deviceconfiguration?view=graph-rest-beta"
)
ASSIGNMENTS: Final = _intune.assigned_as("deviceConfigurationAssignment")
VOLATILE: Final = (
    "groupAssignments",
    "deviceStatuses",
    "userStatuses",
    "deviceStatusOverview",
    "userStatusOverview",
    "deviceSettingStateSummaries",
    "managedDeviceCertificateStates",
)

CUSTOM: Final = (
    "androidCustomConfiguration",
    "androidForWorkCustomConfiguration",
    "androidWorkProfileCustomConfiguration",
    "iosCustomConfiguration",
    "macOSCustomAppConfiguration",
    "macOSCustomConfiguration",
    "windows10CustomConfiguration",
    "windowsPhone81CustomConfiguration",
)
TRUSTED_ROOTS: Final = (
    "androidDeviceOwnerTrustedRootCertificate",
    "androidForWorkTrustedRootCertificate",
    "androidTrustedRootCertificate",
    "androidWorkProfileTrustedRootCertificate",
    "aospDeviceOwnerTrustedRootCertificate",
    "iosTrustedRootCertificate",
    "macOSTrustedRootCertificate",
    "windows81TrustedRootCertificate",
    "windowsPhone81TrustedRootCertificate",
)
CERTIFICATES: Final = (
    *TRUSTED_ROOTS,
    "androidDeviceOwnerImportedPFXCertificateProfile",
    "androidDeviceOwnerPkcsCertificateProfile",
    "androidDeviceOwnerScepCertificateProfile",
    "androidForWorkImportedPFXCertificateProfile",
    "androidForWorkPkcsCertificateProfile",
    "androidForWorkScepCertificateProfile",
    "androidImportedPFXCertificateProfile",
    "androidPkcsCertificateProfile",
    "androidScepCertificateProfile",
    "androidWorkProfilePkcsCertificateProfile",
    "androidWorkProfileScepCertificateProfile",
    "aospDeviceOwnerPkcsCertificateProfile",
    "aospDeviceOwnerScepCertificateProfile",
    "iosImportedPFXCertificateProfile",
    "iosPkcsCertificateProfile",
    "iosScepCertificateProfile",
    "macOSImportedPFXCertificateProfile",
    "macOSPkcsCertificateProfile",
    "macOSScepCertificateProfile",
    "windows10ImportedPFXCertificateProfile",
    "windows10PFXImportCertificateProfile",
    "windows10PkcsCertificateProfile",
    "windows81SCEPCertificateProfile",
    "windowsPhone81ImportedPFXCertificateProfile",
    "windowsPhone81SCEPCertificateProfile",
)
NETWORK: Final = (
    "androidDeviceOwnerEnterpriseWiFiConfiguration",
    "androidDeviceOwnerVpnConfiguration",
    "androidDeviceOwnerWiFiConfiguration",
    "androidEasEmailProfileConfiguration",
    "androidEnterpriseWiFiConfiguration",
    "androidForWorkEnterpriseWiFiConfiguration",
    "androidForWorkGmailEasConfiguration",
    "androidForWorkNineWorkEasConfiguration",
    "androidForWorkVpnConfiguration",
    "androidForWorkWiFiConfiguration",
    "androidVpnConfiguration",
    "androidWiFiConfiguration",
    "androidWorkProfileEnterpriseWiFiConfiguration",
    "androidWorkProfileGmailEasConfiguration",
    "androidWorkProfileNineWorkEasConfiguration",
    "androidWorkProfileVpnConfiguration",
    "androidWorkProfileWiFiConfiguration",
    "aospDeviceOwnerEnterpriseWiFiConfiguration",
    "aospDeviceOwnerWiFiConfiguration",
    "iosEasEmailProfileConfiguration",
    "iosEnterpriseWiFiConfiguration",
    "iosVpnConfiguration",
    "iosWiFiConfiguration",
    "iosWiredNetworkConfiguration",
    "iosikEv2VpnConfiguration",
    "macOSEnterpriseWiFiConfiguration",
    "macOSVpnConfiguration",
    "macOSWiFiConfiguration",
    "macOSWiredNetworkConfiguration",
    "windows10EasEmailProfileConfiguration",
    "windows10VpnConfiguration",
    "windows81VpnConfiguration",
    "windows81WifiImportConfiguration",
    "windowsPhone81VpnConfiguration",
    "windowsPhoneEASEmailProfileConfiguration",
    "windowsWifiConfiguration",
    "windowsWifiEnterpriseEAPConfiguration",
    "windowsWiredNetworkConfiguration",
)
UPDATE_RINGS: Final = ("windowsUpdateForBusinessConfiguration",)
APPLE_UPDATES: Final = ("iosUpdateConfiguration", "macOSSoftwareUpdateConfiguration")
#: Everything else that the beta schema knows and that can be written.
GENERAL: Final = (
    "androidDeviceOwnerDerivedCredentialAuthenticationConfiguration",
    "androidDeviceOwnerGeneralDeviceConfiguration",
    "androidForWorkGeneralDeviceConfiguration",
    "androidGeneralDeviceConfiguration",
    "androidOmaCpConfiguration",
    "androidWorkProfileGeneralDeviceConfiguration",
    "aospDeviceOwnerDeviceConfiguration",
    "editionUpgradeConfiguration",
    "iosDerivedCredentialAuthenticationConfiguration",
    "iosDeviceFeaturesConfiguration",
    "iosEduDeviceConfiguration",
    "iosEducationDeviceConfiguration",
    "iosExpeditedCheckinConfiguration",
    "iosGeneralDeviceConfiguration",
    "macOSDeviceFeaturesConfiguration",
    "macOSEndpointProtectionConfiguration",
    "macOSExtensionsConfiguration",
    "macOSGeneralDeviceConfiguration",
    "sharedPCConfiguration",
    "windows10DeviceFirmwareConfigurationInterface",
    "windows10EndpointProtectionConfiguration",
    "windows10EnterpriseModernAppManagementConfiguration",
    "windows10GeneralConfiguration",
    "windows10NetworkBoundaryConfiguration",
    "windows10SecureAssessmentConfiguration",
    "windows10TeamGeneralConfiguration",
    "windows81GeneralConfiguration",
    "windowsDefenderAdvancedThreatProtectionConfiguration",
    "windowsDeliveryOptimizationConfiguration",
    "windowsDomainJoinConfiguration",
    "windowsHealthMonitoringConfiguration",
    "windowsIdentityProtectionConfiguration",
    "windowsKioskConfiguration",
    "windowsPhone81GeneralConfiguration",
    "windowsZtdnsConfiguration",
)

#: Navigations to one other object, and the types that have them (beta schema).
TO_ONE: Final = {
    "rootCertificate": (
        "androidDeviceOwnerImportedPFXCertificateProfile",
        "androidDeviceOwnerPkcsCertificateProfile",
        "androidDeviceOwnerScepCertificateProfile",
        "androidForWorkImportedPFXCertificateProfile",
        "androidForWorkPkcsCertificateProfile",
        "androidForWorkScepCertificateProfile",
        "androidImportedPFXCertificateProfile",
        "androidPkcsCertificateProfile",
        "androidScepCertificateProfile",
        "androidWorkProfilePkcsCertificateProfile",
        "androidWorkProfileScepCertificateProfile",
        "aospDeviceOwnerPkcsCertificateProfile",
        "aospDeviceOwnerScepCertificateProfile",
        "iosScepCertificateProfile",
        "macOSScepCertificateProfile",
        "windows81SCEPCertificateProfile",
        "windowsPhone81SCEPCertificateProfile",
    ),
    "rootCertificateForServerValidation": (
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "androidEnterpriseWiFiConfiguration",
        "androidForWorkEnterpriseWiFiConfiguration",
        "androidWorkProfileEnterpriseWiFiConfiguration",
        "aospDeviceOwnerEnterpriseWiFiConfiguration",
        "iosWiredNetworkConfiguration",
        "macOSEnterpriseWiFiConfiguration",
        "macOSWiredNetworkConfiguration",
    ),
    "rootCertificateForClientValidation": (
        "windowsWifiEnterpriseEAPConfiguration",
        "windowsWiredNetworkConfiguration",
    ),
    "secondaryRootCertificateForClientValidation": ("windowsWiredNetworkConfiguration",),
    "identityCertificate": (
        "androidDeviceOwnerVpnConfiguration",
        "androidEasEmailProfileConfiguration",
        "androidForWorkGmailEasConfiguration",
        "androidForWorkNineWorkEasConfiguration",
        "androidForWorkVpnConfiguration",
        "androidVpnConfiguration",
        "androidWorkProfileGmailEasConfiguration",
        "androidWorkProfileNineWorkEasConfiguration",
        "androidWorkProfileVpnConfiguration",
        "iosEasEmailProfileConfiguration",
        "iosVpnConfiguration",
        "iosikEv2VpnConfiguration",
        "macOSVpnConfiguration",
        "windows10VpnConfiguration",
        "windowsPhone81VpnConfiguration",
    ),
    "identityCertificateForClientAuthentication": (
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "androidEnterpriseWiFiConfiguration",
        "androidForWorkEnterpriseWiFiConfiguration",
        "androidWorkProfileEnterpriseWiFiConfiguration",
        "aospDeviceOwnerEnterpriseWiFiConfiguration",
        "iosDeviceFeaturesConfiguration",
        "iosEnterpriseWiFiConfiguration",
        "iosWiredNetworkConfiguration",
        "macOSEnterpriseWiFiConfiguration",
        "macOSWiredNetworkConfiguration",
        "windowsWifiEnterpriseEAPConfiguration",
        "windowsWiredNetworkConfiguration",
    ),
    "secondaryIdentityCertificateForClientAuthentication": ("windowsWiredNetworkConfiguration",),
    "smimeSigningCertificate": ("androidEasEmailProfileConfiguration", "iosEasEmailProfileConfiguration"),
    "smimeEncryptionCertificate": ("iosEasEmailProfileConfiguration",),
    "singleSignOnExtensionPkinitCertificate": (
        "iosDeviceFeaturesConfiguration",
        "macOSDeviceFeaturesConfiguration",
    ),
    "derivedCredentialSettings": (
        "androidDeviceOwnerDerivedCredentialAuthenticationConfiguration",
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "androidDeviceOwnerVpnConfiguration",
        "iosDerivedCredentialAuthenticationConfiguration",
        "iosEasEmailProfileConfiguration",
        "iosEnterpriseWiFiConfiguration",
        "iosVpnConfiguration",
        "iosikEv2VpnConfiguration",
    ),
}
#: Navigations to several.
TO_MANY: Final = {
    "rootCertificatesForServerValidation": (
        "androidDeviceOwnerEnterpriseWiFiConfiguration",
        "iosEnterpriseWiFiConfiguration",
        "macOSEnterpriseWiFiConfiguration",
        "windowsWifiEnterpriseEAPConfiguration",
        "windowsWiredNetworkConfiguration",
        "windowsZtdnsConfiguration",
    ),
    "rootCertificatesForClientValidation": ("windowsZtdnsConfiguration",),
    "networkAccessConfigurations": ("windowsDomainJoinConfiguration",),
}
NAVIGATIONS: Final = (*TO_ONE, *TO_MANY)
UNORDERED: Final = {
    **_intune.TAGS_ARE_A_SET,
    **dict.fromkeys(TO_MANY, ("id",)),
}

_DERIVED_CREDENTIALS = "derivedCredentialSettings"


def parts_for(names: tuple[str, ...]) -> tuple[Part, ...]:
    """The assignments, and every navigation that one of these types has."""
    return (
        _intune.ASSIGNMENTS_IF_NOT_LISTED,
        *(
            Part(
                name=f"{navigation}-{owner}",
                path=f"{{item}}/microsoft.graph.{owner}/{navigation}",
                shape=shape,
                into=navigation,
                when=_intune.is_one_of(owner),
                optional=True,
            )
            for shape, table in ((Shape.OBJECT, TO_ONE), (Shape.COLLECTION, TO_MANY))
            for navigation, owners in table.items()
            for owner in owners
            if owner in names
        ),
    )


def references_for(names: tuple[str, ...]) -> tuple[Reference, ...]:
    """Tags, groups, filters, and what the navigations of these types name."""
    found = [*_intune.ASSIGNED]
    for navigation in NAVIGATIONS:
        if not any(owner in names for owner in (*TO_ONE.get(navigation, ()), *TO_MANY.get(navigation, ()))):
            continue
        path = f"{navigation}.id" if navigation in TO_ONE else f"{navigation}[].id"
        found.append(Reference(path=path, kind=_kind_behind(navigation), check=_check_of(navigation)))
    return tuple(found)


def _kind_behind(navigation: str) -> str:
    if navigation == _DERIVED_CREDENTIALS:
        return "derivedCredentials"
    if navigation == "networkAccessConfigurations":
        return "deviceConfigurations.network"
    return "deviceConfigurations.certificates"


def _check_of(navigation: str) -> str:
    if navigation == _DERIVED_CREDENTIALS:
        return "/beta/deviceManagement/derivedCredentials/{id}"
    return _intune.CERTIFICATE_PROFILE_CHECK


def compose(body: Json) -> Json:
    """Of what a navigation leads to, only the id is part of this policy."""
    return {key: _only_ids(value) if key in NAVIGATIONS else value for key, value in body.items()}


def _only_ids(value: Json) -> Json:
    if isinstance(value, list):
        return [_only_ids(item) for item in value]
    return {"id": value["id"]} if isinstance(value, dict) and "id" in value else None


def create(ctx: WriteContext) -> tuple[Step, ...]:
    """POST with every navigation bound. The type's `strip_create` takes the navigations themselves out."""
    return tuple(
        replace(step, body={**step.body, **dict(_binds(ctx))}) if step.kind is StepKind.CREATE else step
        for step in writes.create_by_post(ctx)
    )


def update(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH, then `$ref` for each navigation that leads elsewhere than the live one."""
    return (*writes.update_by_patch(ctx), *_changed_links(ctx))


def _url(ctx: WriteContext, navigation: str, identity: str) -> str:
    segment = "derivedCredentials" if navigation == _DERIVED_CREDENTIALS else "deviceConfigurations"
    return f"{ctx.graph_root}/deviceManagement/{segment}('{identity}')"


def _binds(ctx: WriteContext) -> Iterator[tuple[str, Json]]:
    for navigation in NAVIGATIONS:
        named = _named(ctx.wanted, navigation)
        if named:
            urls = [_url(ctx, navigation, identity) for identity in named]
            yield f"{navigation}@odata.bind", urls[0] if navigation in TO_ONE else urls


def _named(body: Json, navigation: str) -> tuple[str, ...]:
    value = body.get(navigation)
    rows = value if isinstance(value, list) else [value]
    return tuple(str(row["id"]) for row in rows if row)


def _changed_links(ctx: WriteContext) -> Iterator[Step]:
    live = ctx.live or {}
    for navigation in NAVIGATIONS:
        wanted, there = _named(ctx.wanted, navigation), _named(live, navigation)
        path = f"{{item}}/microsoft.graph.{_intune.odata_name(ctx.wanted)}/{navigation}"
        if navigation in TO_ONE:
            yield from _link_to_one(ctx, navigation, path, wanted, there)
        else:
            yield from _link_to_many(ctx, navigation, path, wanted, there)


def _link_to_one(
    ctx: WriteContext, navigation: str, path: str, wanted: tuple[str, ...], there: tuple[str, ...]
) -> Iterator[Step]:
    if wanted == there:
        return
    if wanted:
        body = {"@odata.id": _url(ctx, navigation, wanted[0])}
        yield Step(
            kind=StepKind.CHILD, method="PUT", path=f"{path}/$ref", body=body, why=f"sets {navigation}"
        )
    else:
        yield Step(kind=StepKind.CHILD, method="DELETE", path=f"{path}/$ref", why=f"removes {navigation}")


def _link_to_many(
    ctx: WriteContext, navigation: str, path: str, wanted: tuple[str, ...], there: tuple[str, ...]
) -> Iterator[Step]:
    for identity in wanted:
        if identity not in there:
            body = {"@odata.id": _url(ctx, navigation, identity)}
            yield Step(
                kind=StepKind.CHILD,
                method="POST",
                path=f"{path}/$ref",
                body=body,
                why=f"adds to {navigation}",
            )
    for identity in there:
        if identity not in wanted:
            yield Step(
                kind=StepKind.CHILD,
                method="DELETE",
                path=f"{path}/{identity}/$ref",
                why=f"takes from {navigation}",
            )


def wants_wifi_key(body: Json) -> bool:
    """Whether a profile joins the network by a shared key."""
    security = str(body.get("wiFiSecurityType") or body.get("wifiSecurityType") or "")
    return bool(body.get("preSharedKeyIsSet")) or security == "wep" or security.endswith("Personal")


def wants_vpn_key(body: Json) -> bool:
    """Whether a profile opens the tunnel by a shared key."""
    return bool(body.get("authenticationMethod") == "sharedSecret")


#: Keys that Graph takes and never gives back.
KEYS: Final = (
    Secret(
        path="preSharedKey",
        kind=SecretKind.NEEDS_INPUT,
        note="Graph never gives it back; enter it in the portal.",
        when=wants_wifi_key,
    ),
    Secret(
        path="sharedSecret",
        kind=SecretKind.NEEDS_INPUT,
        note="Graph never gives it back; enter it in the portal.",
        when=wants_vpn_key,
    ),
)


def refuse_without_keys(body: Json) -> tuple[str, ...]:
    """A profile that lives by a shared key is not written without it: devices would lose the network. (A key
    that is there as null is found as a missing secret.)
    """
    reasons = []
    if wants_wifi_key(body) and "preSharedKey" not in body:
        reasons.append("The Wi-Fi key (preSharedKey) is not in the backup.")
    if wants_vpn_key(body) and "sharedSecret" not in body:
        reasons.append("The VPN key (sharedSecret) is not in the backup.")
    return tuple(reasons)
