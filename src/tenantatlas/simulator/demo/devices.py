"""Contoso's device configurations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import all_devices, encode, to_group


def configuration(kind: str, name: str, assignments: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A device configuration."""
    return {
        "@odata.type": f"#microsoft.graph.{kind}",
        "id": stable_id("demo configuration", name),
        "displayName": name,
        "description": f"{name}. Owned by the workplace team.",
        "roleScopeTagIds": ["0"],
        "assignments": assignments,
        **more,
    }


def _windows() -> Iterator[dict[str, Any]]:
    everybody = [to_group("All corporate Windows devices")]
    for index, audience in enumerate(("Developers", "Finance", "Kiosk devices", "Shared devices", "Legal")):
        yield configuration(
            "windows10GeneralConfiguration",
            f"Windows - Device restrictions - {audience}",
            [to_group(audience)],
            cortanaBlocked=True,
            cameraBlocked=index % 2 == 0,
            screenCaptureBlocked=audience == "Finance",
            passwordMinimumLength=8 + index,
        )
    yield configuration(
        "windowsDeliveryOptimizationConfiguration",
        "Windows - Delivery optimization",
        everybody,
        deliveryOptimizationMode="httpWithPeeringPrivateGroup",
        backgroundDownloadFromHttpDelayInSeconds=60,
    )
    yield configuration(
        "windowsHealthMonitoringConfiguration",
        "Windows - Health monitoring",
        [all_devices()],
        allowDeviceHealthMonitoring="enabled",
        configDeviceHealthMonitoringScope="bootPerformance,windowsUpdates",
    )
    yield configuration(
        "sharedPCConfiguration", "Windows - Shared PC", [to_group("Shared devices")], enabled=True
    )
    yield configuration(
        "editionUpgradeConfiguration",
        "Windows - Edition upgrade",
        everybody,
        licenseType="notConfigured",
        targetEdition="windows10Enterprise",
    )


def _rings() -> Iterator[dict[str, Any]]:
    for index, (ring, group) in enumerate(
        (
            ("Pilot", "Pilot Windows devices"),
            ("Early", "Windows - ring 1 early"),
            ("Broad", "Windows - ring 2 broad"),
            ("Kiosk", "Kiosk devices"),
            ("Executives", "Executives"),
        )
    ):
        yield configuration(
            "windowsUpdateForBusinessConfiguration",
            f"Windows Update ring - {ring}",
            [to_group(group)],
            automaticUpdateMode="autoInstallAtMaintenanceTime",
            qualityUpdatesDeferralPeriodInDays=index * 3,
            featureUpdatesDeferralPeriodInDays=index * 30,
            driversExcluded=index > 2,  # noqa: PLR2004 - the last two rings
            microsoftUpdateServiceAllowed=True,
            businessReadyUpdatesOnly="userDefined",
        )


def _apple() -> Iterator[dict[str, Any]]:
    for name, kind, group in (
        ("iOS - Device restrictions - Corporate", "iosGeneralDeviceConfiguration", "iOS corporate devices"),
        ("iOS - Device restrictions - Executives", "iosGeneralDeviceConfiguration", "Executives"),
    ):
        yield configuration(
            kind, name, [to_group(group)], appStoreBlockAutomaticDownloads=True, airDropBlocked=True
        )
    yield configuration(
        "iosUpdateConfiguration",
        "iOS - Update policy",
        [to_group("iOS corporate devices")],
        updateScheduleType="alwaysUpdate",
    )
    yield configuration(
        "macOSSoftwareUpdateConfiguration",
        "macOS - Update policy",
        [to_group("All corporate Macs")],
        criticalUpdateBehavior="installASAP",
        updateScheduleType="alwaysUpdate",
    )
    for name in ("macOS - Dock layout", "macOS - Privacy preferences"):
        yield configuration(
            "macOSCustomConfiguration",
            name,
            [to_group("All corporate Macs")],
            payloadName=name,
            payloadFileName=f"{name.split(' - ')[1].lower().replace(' ', '-')}.mobileconfig",
            payload=encode(f"<?xml version='1.0'?><plist><string>{name}</string></plist>"),
        )


def _android() -> Iterator[dict[str, Any]]:
    yield configuration(
        "androidWorkProfileGeneralDeviceConfiguration",
        "Android - Work profile restrictions",
        [to_group("Android work profile users")],
        workProfileBlockScreenCapture=True,
        workProfilePasswordMinimumLength=6,
    )
    yield configuration(
        "androidDeviceOwnerGeneralDeviceConfiguration",
        "Android - Fully managed restrictions",
        [to_group("Frontline workers", only="Fully managed Android")],
        cameraBlocked=False,
        factoryResetBlocked=True,
    )


def _custom() -> Iterator[dict[str, Any]]:
    for name, uri, value in (
        ("VPN server", "./Device/Vendor/MSFT/VPNv2/Contoso/Server", "vpn.contoso.example"),
        (
            "Licence key",
            "./Device/Vendor/MSFT/WindowsLicensing/UpgradeEditionWithProductKey",
            "XXXXX-DEMO1-DEMO2-DEMO3",
        ),
        ("Wi-Fi passphrase", "./Vendor/MSFT/WiFi/Profile/Contoso/Passphrase", "a passphrase for the demo"),
        ("Proxy bypass", "./Device/Vendor/MSFT/NetworkProxy/ProxyServer/Exceptions", "*.contoso.example"),
    ):
        yield configuration(
            "windows10CustomConfiguration",
            f"Windows - Custom - {name}",
            [to_group("Remote workers")],
            omaSettings=[
                {
                    "@odata.type": "#microsoft.graph.omaSettingString",
                    "displayName": name,
                    "description": None,
                    "omaUri": uri,
                    "value": value,
                    "isEncrypted": True,
                },
                {
                    "@odata.type": "#microsoft.graph.omaSettingInteger",
                    "displayName": f"{name} enabled",
                    "description": None,
                    "omaUri": f"{uri}Enabled",
                    "value": 1,
                    "isEncrypted": False,
                    "secretReferenceValueId": None,
                },
            ],
        )
    yield configuration(
        "windows10CustomConfiguration",
        "Windows - Custom - Start menu layout",
        [to_group("Kiosk devices")],
        omaSettings=[
            {
                "@odata.type": "#microsoft.graph.omaSettingStringXml",
                "displayName": "Layout",
                "description": None,
                "omaUri": "./Device/Vendor/MSFT/Policy/Config/Start/StartLayout",
                "fileName": "layout.xml",
                "value": encode(
                    "<LayoutModificationTemplate><Group>Contoso</Group></LayoutModificationTemplate>"
                ),
                "isEncrypted": True,
            }
        ],
    )


def _certificates() -> Iterator[dict[str, Any]]:
    der = encode("the demo's root certificate, which nobody trusts")
    windows = [to_group("All corporate Windows devices")]
    root = configuration(
        "windows81TrustedRootCertificate",
        "Windows - Contoso root",
        windows,
        trustedRootCertificate=der,
        certFileName="contoso-root.cer",
        destinationStore="computerCertStoreRoot",
    )
    yield root
    yield configuration(
        "iosTrustedRootCertificate",
        "iOS - Contoso root",
        [to_group("iOS corporate devices")],
        trustedRootCertificate=der,
        certFileName="contoso-root.cer",
    )
    yield configuration(
        "windows81SCEPCertificateProfile",
        "Windows - Device certificate",
        windows,
        renewalThresholdPercentage=20,
        keyStorageProvider="useTpmKspOtherwiseUseSoftwareKsp",
        subjectNameFormat="custom",
        subjectNameFormatString="CN={{AAD_Device_ID}}",
        subjectAlternativeNameType="none",
        certificateValidityPeriodValue=1,
        certificateValidityPeriodScale="years",
        certificateStore="machine",
        scepServerUrls=["https://scep.contoso.example/certsrv/mscep/mscep.dll"],
        keySize="size2048",
        hashAlgorithm="sha2",
        keyUsage="keyEncipherment,digitalSignature",
        extendedKeyUsages=[{"name": "Client authentication", "objectIdentifier": "1.3.6.1.5.5.7.3.2"}],
        customSubjectAlternativeNames=[],
        rootCertificate={key: root[key] for key in ("@odata.type", "id", "displayName")},
    )


def _networks() -> Iterator[dict[str, Any]]:
    for name, kind, group in (
        ("iOS - Wi-Fi - Corporate", "iosWiFiConfiguration", "iOS corporate devices"),
        ("iOS - Wi-Fi - Guest", "iosWiFiConfiguration", "Executives"),
        ("Android - Wi-Fi - Corporate", "androidWorkProfileWiFiConfiguration", "Android work profile users"),
    ):
        ssid = "CONTOSO-GUEST" if "Guest" in name else "CONTOSO"
        yield configuration(
            kind, name, [to_group(group)], networkName=ssid, ssid=ssid, connectAutomatically=True
        )


def seed_configurations(tenant: SimTenant) -> None:
    """Put the device configurations there."""
    for source in (_windows, _rings, _apple, _android, _custom, _certificates, _networks):
        for body in source():
            tenant.put("/deviceManagement/deviceConfigurations", body)
