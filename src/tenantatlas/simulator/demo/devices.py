"""Contoso's device configurations, compliance policies, scripts and administrative templates."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import all_devices, group_id, not_group, to_group

_TEMPLATES = (
    "Device not compliant - first notice",
    "Device not compliant - last notice",
    "Password expired",
    "Lost device",
)


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
            payload=_encode(f"<?xml version='1.0'?><plist><string>{name}</string></plist>"),
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
                "value": _encode(
                    "<LayoutModificationTemplate><Group>Contoso</Group></LayoutModificationTemplate>"
                ),
                "isEncrypted": True,
            }
        ],
    )


def _certificates() -> Iterator[dict[str, Any]]:
    der = _encode("the demo's root certificate, which nobody trusts")
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


# compliance


def template_id(name: str) -> str:
    """The id of one of Contoso's notification templates."""
    return stable_id("demo template", name)


def _actions(*, notice: str = "") -> list[dict[str, Any]]:
    block = {
        "actionType": "block",
        "gracePeriodHours": 24,
        "notificationTemplateId": "00000000-0000-0000-0000-000000000000",
        "notificationMessageCCList": [],
    }
    tell = {
        "actionType": "notification",
        "gracePeriodHours": 0,
        "notificationTemplateId": template_id(notice) if notice else "",
        "notificationMessageCCList": [group_id("Helpdesk")],
    }
    rows = [tell, block] if notice else [block]
    return [{"ruleName": None, "scheduledActionConfigurations": rows}]


def _compliance() -> Iterator[dict[str, Any]]:
    for kind, platform, groups, more in (
        (
            "windows10CompliancePolicy",
            "Windows",
            ("All employees", "Developers", "Executives", "Contractors"),
            {
                "bitLockerEnabled": True,
                "secureBootEnabled": True,
                "passwordRequired": True,
                "osMinimumVersion": "10.0.22631.0",
            },
        ),
        (
            "iosCompliancePolicy",
            "iOS",
            ("All employees", "Executives"),
            {"passcodeRequired": True, "passcodeMinimumLength": 6, "securityBlockJailbrokenDevices": True},
        ),
        (
            "macOSCompliancePolicy",
            "macOS",
            ("All employees", "Developers"),
            {"passwordRequired": True, "storageRequireEncryption": True, "firewallEnabled": True},
        ),
        (
            "androidWorkProfileCompliancePolicy",
            "Android work profile",
            ("Android work profile users",),
            {"passwordRequired": True, "securityBlockJailbrokenDevices": True},
        ),
        (
            "androidDeviceOwnerCompliancePolicy",
            "Android fully managed",
            ("Frontline workers",),
            {"passwordRequired": True, "storageRequireEncryption": True},
        ),
    ):
        for index, group in enumerate(groups):
            name = f"Compliance - {platform} - {group}"
            yield {
                "@odata.type": f"#microsoft.graph.{kind}",
                "id": stable_id("demo compliance", name),
                "displayName": name,
                "description": "Devices that fail lose access to company data",
                "roleScopeTagIds": ["0"],
                "scheduledActionsForRule": _actions(notice=_TEMPLATES[index % 2]),
                "assignments": [to_group(group), not_group("Service accounts")],
                **more,
            }


def seed_compliance(tenant: SimTenant) -> None:
    """Put compliance policies and their messages there."""
    for name in _TEMPLATES:
        messages = [
            {
                "locale": locale,
                "subject": f"{name} ({locale})",
                "messageTemplate": text,
                "isDefault": locale == "en-us",
            }
            for locale, text in (
                ("en-us", "Hello {{UserName}}, please update {{DeviceName}}."),
                ("de-de", "Hallo {{UserName}}, bitte aktualisieren Sie {{DeviceName}}."),
                ("es-es", "Hola {{UserName}}, actualice {{DeviceName}}."),
            )
        ]
        tenant.put(
            "/deviceManagement/notificationMessageTemplates",
            {
                "id": template_id(name),
                "displayName": name,
                "description": None,
                "defaultLocale": "en-us",
                "brandingOptions": "includeCompanyLogo,includeCompanyName",
                "localizedNotificationMessages": messages,
            },
        )
    for name in ("Antivirus of a third party", "Encryption of data drives"):
        tenant.put(
            "/deviceManagement/deviceComplianceScripts",
            {
                "id": stable_id("demo compliance script", name),
                "displayName": name,
                "publisher": "Contoso",
                "runAsAccount": "system",
                "enforceSignatureCheck": False,
                "runAs32Bit": False,
                "detectionScriptContent": _encode(
                    f"# {name}\n@{{ Installed = $true }} | ConvertTo-Json -Compress"
                ),
            },
        )
    for body in _compliance():
        tenant.put("/deviceManagement/deviceCompliancePolicies", body)


# scripts

_POWERSHELL = (
    "Remove consumer apps",
    "Set time zone",
    "Map network drives",
    "Install root certificates",
    "Disable fast startup",
    "Set corporate wallpaper",
    "Register scheduled maintenance",
    "Enable remote help",
    "Clean temporary files",
    "Set DNS suffix",
    "Rename device by serial",
    "Configure printers in Berlin",
    "Configure printers in Madrid",
    "Configure printers in Seattle",
)
_SHELL = (
    "Install Rosetta",
    "Set hostname",
    "Configure dock",
    "Install company fonts",
    "Disable guest account",
    "Rotate local logs",
)
_REMEDIATIONS = (
    "Restart stopped print spooler",
    "Renew expiring certificates",
    "Repair Windows Update components",
    "Reset broken Company Portal",
    "Enforce time synchronisation",
    "Free disk space",
    "Remove stale profiles",
)


def seed_scripts(tenant: SimTenant) -> None:
    """Put the scripts there."""
    for index, name in enumerate(_POWERSHELL):
        tenant.put("/deviceManagement/deviceManagementScripts", _powershell(index, name))
    for index, name in enumerate(_SHELL):
        tenant.put("/deviceManagement/deviceShellScripts", _shell(index, name))
    for name in ("Battery cycles", "FileVault recovery key type", "Installed Xcode"):
        tenant.put("/deviceManagement/deviceCustomAttributeShellScripts", _attribute(name))
    for index, name in enumerate(_REMEDIATIONS):
        tenant.put("/deviceManagement/deviceHealthScripts", _remediation(index, name))


def _powershell(index: int, name: str) -> dict[str, Any]:
    file = f"{name.replace(' ', '-')}.ps1"
    group = ("All corporate Windows devices", "Pilot Windows devices", "Autopilot devices")[index % 3]
    return {
        "id": stable_id("demo script", name),
        "displayName": name,
        "description": f"Runs once: {name.lower()}",
        "fileName": file,
        "scriptContent": _encode(f"# {file}\n$ErrorActionPreference = 'Stop'\nWrite-Output '{name}'\n"),
        "runAsAccount": "user" if "drives" in name else "system",
        "enforceSignatureCheck": False,
        "runAs32Bit": False,
        "roleScopeTagIds": ["0"],
        "assignments": [to_group(group)],
    }


def _shell(index: int, name: str) -> dict[str, Any]:
    file = f"{name.lower().replace(' ', '-')}.sh"
    return {
        "id": stable_id("demo shell script", name),
        "displayName": name,
        "description": "",
        "fileName": file,
        "scriptContent": _encode(f"#!/bin/zsh\n# {file}\necho '{name}'\n"),
        "runAsAccount": "system",
        "blockExecutionNotifications": True,
        "executionFrequency": "P1D" if index % 2 else "PT0S",
        "retryCount": 3,
        "roleScopeTagIds": ["0"],
        "assignments": [to_group("All corporate Macs")],
    }


def _attribute(name: str) -> dict[str, Any]:
    return {
        "id": stable_id("demo attribute", name),
        "displayName": name,
        "description": "",
        "customAttributeName": name,
        "customAttributeType": "string",
        "fileName": f"{name.lower().replace(' ', '-')}.sh",
        "scriptContent": _encode(f"#!/bin/zsh\necho '{name}'\n"),
        "runAsAccount": "system",
        "roleScopeTagIds": ["0"],
        "assignments": [to_group("All corporate Macs")],
    }


def _remediation(index: int, name: str) -> dict[str, Any]:
    schedule = {
        "@odata.type": "#microsoft.graph.deviceHealthScriptDailySchedule",
        "interval": 1,
        "useUtc": False,
        "time": "11:30:00.0000000",
    }
    row = {
        **to_group("All corporate Windows devices"),
        "runRemediationScript": index % 2 == 0,
        "runSchedule": schedule,
    }
    return {
        "id": stable_id("demo remediation", name),
        "displayName": name,
        "description": f"Looks daily: {name.lower()}",
        "publisher": "Contoso",
        "runAsAccount": "system",
        "enforceSignatureCheck": False,
        "runAs32Bit": False,
        "isGlobalScript": False,
        "detectionScriptContent": _encode(f"# detect: {name}\nexit 0\n"),
        "remediationScriptContent": _encode(f"# remediate: {name}\nexit 0\n"),
        "roleScopeTagIds": ["0"],
        "assignments": [row],
    }


# administrative templates

_ADMX = (
    (
        "Google Chrome - Security",
        "\\Google\\Google Chrome",
        ("Enable Safe Browsing", "Block third-party cookies", "Allow sync", "Set the home page"),
    ),
    (
        "Google Chrome - Extensions",
        "\\Google\\Google Chrome\\Extensions",
        ("Configure the allow list", "Block external extensions"),
    ),
    (
        "Windows - Remote Desktop",
        "\\Windows Components\\Remote Desktop Services",
        (
            "Require network level authentication",
            "Set client connection encryption level",
            "Do not allow drive redirection",
        ),
    ),
    (
        "Windows - Event log sizes",
        "\\Windows Components\\Event Log Service",
        (
            "Maximum size of the application log",
            "Maximum size of the security log",
            "Maximum size of the system log",
        ),
    ),
    (
        "Windows - Autoplay",
        "\\Windows Components\\AutoPlay Policies",
        ("Turn off Autoplay", "Disallow Autoplay for non-volume devices"),
    ),
    (
        "Office - Privacy",
        "\\Microsoft Office 2016\\Privacy",
        ("Configure diagnostic data", "Allow optional connected experiences"),
    ),
    (
        "Office - Trust center",
        "\\Microsoft Office 2016\\Security",
        ("Block macros in files from the Internet", "Turn off trusted documents"),
    ),
    (
        "Windows - Printing",
        "\\Printers",
        ("Limit driver installation to administrators", "Point and print restrictions"),
    ),
    (
        "Windows - Logon screen",
        "\\System\\Logon",
        ("Do not display network selection UI", "Turn off picture password sign-in"),
    ),
    ("Zoom - Meetings", "\\Zoom", ("Require authentication", "Disable file transfer")),
)


def seed_admx(tenant: SimTenant) -> None:
    """Put the administrative templates there, with the definitions that they name."""
    for index, (name, category, titles) in enumerate(_ADMX):
        group = ("All corporate Windows devices", "Pilot Windows devices", "Finance")[index % 3]
        tenant.put(
            "/deviceManagement/groupPolicyConfigurations",
            {
                "id": stable_id("demo admx", name),
                "displayName": name,
                "description": f"{name} by administrative template",
                "roleScopeTagIds": ["0"],
                "policyConfigurationIngestionType": "custom" if name.startswith("Zoom") else "builtIn",
                "definitionValues": [_value(title, category) for title in titles],
                "assignments": [to_group(group)],
            },
        )


def _value(title: str, category: str) -> dict[str, Any]:
    numeric = "size" in title.lower() or "level" in title.lower()
    kind = "DecimalTextBox" if numeric else "TextBox"
    presentation = {
        "@odata.type": f"#microsoft.graph.groupPolicyPresentation{kind}",
        "id": stable_id("demo presentation", category, title),
        "label": f"{title}:",
    }
    definition = {
        "id": stable_id("demo definition", category, title),
        "displayName": title,
        "categoryPath": category,
        "classType": "machine",
        "policyType": "admxIngested" if category == "\\Zoom" else "admxBacked",
    }
    value: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.groupPolicyPresentationValue{'Decimal' if numeric else 'Text'}",
        "value": 32768 if numeric else f"contoso {title.lower()[:20]}",
        "presentation": presentation,
    }
    return {
        "id": stable_id("demo definition value", category, title),
        "enabled": not title.startswith(("Allow", "Turn off trusted")),
        "configurationType": "policy",
        "definition": definition,
        "presentationValues": [value],
    }
