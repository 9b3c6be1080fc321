"""Contoso's compliance policies and the messages that they send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import encode, group_id, not_group, to_group

_TEMPLATES = (
    "Device not compliant - first notice",
    "Device not compliant - last notice",
    "Password expired",
    "Lost device",
)


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
                "detectionScriptContent": encode(
                    f"# {name}\n@{{ Installed = $true }} | ConvertTo-Json -Compress"
                ),
            },
        )
    for body in _compliance():
        tenant.put("/deviceManagement/deviceCompliancePolicies", body)
