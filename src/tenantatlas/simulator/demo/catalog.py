"""Contoso's settings catalog policies, endpoint security policies and baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import all_devices, all_users, not_group, tag_of, to_group

_PREFIX = "device_vendor_msft_policy_config_"
_TYPE = "#microsoft.graph.deviceManagementConfiguration"

#: area -> names of on/off settings, then of numbers (name: value)
AREAS: dict[str, tuple[tuple[str, ...], dict[str, int]]] = {
    "defender": (
        (
            "allowrealtimemonitoring",
            "allowbehaviormonitoring",
            "allowcloudprotection",
            "allowarchivescanning",
            "allowemailscanning",
            "allowioavprotection",
            "allowscriptscanning",
            "enablenetworkprotection",
            "puaprotection",
            "submitsamplesconsent",
            "checkforsignaturesbeforerunningscan",
            "enablelowcpupriority",
        ),
        {
            "avgcpuloadfactor": 50,
            "cloudblocklevel": 2,
            "cloudextendedtimeout": 50,
            "daystoretaincleanedmalware": 60,
        },
    ),
    "microsoft_edge": (
        (
            "passwordmanagerenabled",
            "smartscreenenabled",
            "preventsmartscreenpromptoverride",
            "browsersignin",
            "syncdisabled",
            "trackingprevention",
            "blockthirdpartycookies",
            "hidefirstrunexperience",
            "autofillcreditcardenabled",
            "edgeshoppingassistantenabled",
        ),
        {"defaultpopupssetting": 2, "proxysettings_timeout": 30},
    ),
    "bitlocker": (
        (
            "requiredeviceencryption",
            "allowwarningforotherdiskencryption",
            "allowstandarduserencryption",
            "systemdrivesrequirestartupauthentication",
            "fixeddrivesrequireencryption",
            "removabledrivesrequireencryption",
        ),
        {"configurerecoverypasswordrotation": 2, "systemdrivesminimumpinlength": 8},
    ),
    "firewall": (
        (
            "domainprofile_enablefirewall",
            "privateprofile_enablefirewall",
            "publicprofile_enablefirewall",
            "publicprofile_defaultinboundaction",
            "publicprofile_disableinboundnotifications",
            "global_disablestatefulftp",
        ),
        {"global_saidletime": 300, "domainprofile_logmaxfilesize": 16384},
    ),
    "deviceguard": (
        (
            "enablevirtualizationbasedsecurity",
            "requireplatformsecurityfeatures",
            "lsacfgflags",
            "configuresystemguardlaunch",
        ),
        {},
    ),
    "localpoliciessecurityoptions": (
        (
            "accounts_blockmicrosoftaccounts",
            "accounts_limitlocalaccountuseofblankpasswordstoconsolelogononly",
            "interactivelogon_donotdisplaylastsignedin",
            "networkaccess_donotallowanonymousenumerationofsamaccounts",
            "useraccountcontrol_runalladministratorsinadminapprovalmode",
            "useraccountcontrol_switchtothesecuredesktopwhenpromptingforelevation",
            "microsoftnetworkclient_digitallysigncommunicationsalways",
        ),
        {"interactivelogon_machineinactivitylimit": 900, "networksecurity_lanmanagerauthenticationlevel": 5},
    ),
    "experience": (
        (
            "allowcortana",
            "allowspotlightcollection",
            "allowwindowstips",
            "disablecloudoptimizedcontent",
            "allowfindmydevice",
        ),
        {},
    ),
    "update": (
        ("allowmuupdateservice", "setdisableuxwuaccess", "managepreviewbuilds"),
        {"activehoursstart": 8, "activehoursend": 18, "deadlinegraceperiod": 2},
    ),
    "devicelock": (
        ("devicepasswordenabled", "alphanumericdevicepasswordrequired", "allowsimpledevicepassword"),
        {"mindevicepasswordlength": 12, "maxinactivitytimedevicelock": 15, "devicepasswordhistory": 24},
    ),
    "power": (
        ("allowhibernate", "requirepasswordwhencomputerwakespluggedin", "turnoffhybridsleeponbattery"),
        {
            "displayofftimeoutonbattery": 300,
            "standbytimeoutpluggedin": 1800,
            "energysaverbatterythresholdonbattery": 20,
        },
    ),
    "onedrive": (
        (
            "kfmsilentoptin",
            "filesondemandenabled",
            "blocktenantsync",
            "disablepersonalsync",
            "silentaccountconfig",
        ),
        {"automaticuploadbandwidthpercentage": 70},
    ),
    "office16": (
        (
            "blockmacrosfrominternet",
            "disabletrustbarnotification",
            "enableautomaticupdates",
            "hideupdatenotifications",
        ),
        {"updatedeadline": 7},
    ),
}

_CATALOG = (
    (
        "Edge - Browser settings",
        "microsoft_edge",
        ("Standard", "Developers", "Kiosk", "Executives", "Frontline"),
    ),
    ("OneDrive - Known folders", "onedrive", ("Standard", "Pilot", "Contractors", "Remote workers")),
    ("Office - Macro security", "office16", ("Standard", "Finance", "Developers", "Legal")),
    ("Windows - Experience", "experience", ("Standard", "Kiosk", "Frontline", "Meeting rooms")),
    ("Windows - Power", "power", ("Laptops", "Desktops", "Meeting rooms", "Kiosk")),
    ("Windows - Device lock", "devicelock", ("Standard", "Executives", "Shared devices")),
    ("Windows - Update experience", "update", ("Ring 1", "Ring 2", "Kiosk", "Executives")),
    (
        "Windows - Security options",
        "localpoliciessecurityoptions",
        ("Standard", "Privileged workstations", "Developers", "Servers"),
    ),
    ("Windows - Device guard", "deviceguard", ("Standard", "Privileged workstations", "Pilot")),
)
_SECURITY = (
    ("Antivirus", "endpointSecurityAntivirus", "defender"),
    ("Disk encryption", "endpointSecurityDiskEncryption", "bitlocker"),
    ("Firewall", "endpointSecurityFirewall", "firewall"),
    ("Account protection", "endpointSecurityAccountProtection", "deviceguard"),
    ("Attack surface reduction", "endpointSecurityAttackSurfaceReduction", "defender"),
)
_SECURITY_AUDIENCES = (
    "Standard",
    "Pilot",
    "Developers",
    "Kiosk",
    "Executives",
    "Privileged workstations",
    "Shared devices",
)
_PLACES = ("Berlin", "Madrid", "Seattle", "Singapore")
_REGIONAL = (
    ("Windows - Language and region", "experience"),
    ("Windows - Wake on LAN", "power"),
    ("Edge - Start page", "microsoft_edge"),
    ("OneDrive - Storage region", "onedrive"),
    ("Windows - Maintenance window", "update"),
)
_AUDIENCES: dict[str, list[dict[str, Any]]] = {
    "Standard": [to_group("All corporate Windows devices"), not_group("Kiosk devices")],
    "Developers": [to_group("Developers")],
    "Kiosk": [to_group("Kiosk devices")],
    "Executives": [to_group("Executives")],
    "Frontline": [to_group("Frontline workers"), not_group("Helpdesk")],
    "Pilot": [to_group("Pilot Windows devices", only="Corporate Windows")],
    "Contractors": [to_group("Contractors", without="Personal Windows")],
    "Remote workers": [to_group("Remote workers")],
    "Finance": [to_group("Finance")],
    "Legal": [to_group("Legal")],
    "Meeting rooms": [to_group("Meeting room devices")],
    "Laptops": [all_devices(only="Surface devices")],
    "Desktops": [to_group("All corporate Windows devices", without="Surface devices")],
    "Shared devices": [to_group("Shared devices")],
    "Ring 1": [to_group("Windows - ring 1 early")],
    "Ring 2": [to_group("Windows - ring 2 broad"), not_group("Executives")],
    "Privileged workstations": [to_group("Privileged access workstations")],
    "Servers": [],
}


def choice(definition: str, *, on: bool = True, reference: str = "") -> dict[str, Any]:
    """A setting that is on or off; `reference` is its place in a template."""
    value: dict[str, Any] = {"value": f"{definition}_{int(on)}", "children": []}
    instance: dict[str, Any] = {
        "@odata.type": f"{_TYPE}ChoiceSettingInstance",
        "settingDefinitionId": definition,
        "settingInstanceTemplateReference": None,
    }
    if reference:
        instance["settingInstanceTemplateReference"] = {"settingInstanceTemplateId": reference}
    value["settingValueTemplateReference"] = None
    return {"settingInstance": {**instance, "choiceSettingValue": value}}


def number(definition: str, value: int, *, reference: str = "") -> dict[str, Any]:
    """A setting that is a number."""
    place = {"settingInstanceTemplateId": reference} if reference else None
    return {
        "settingInstance": {
            "@odata.type": f"{_TYPE}SimpleSettingInstance",
            "settingDefinitionId": definition,
            "settingInstanceTemplateReference": place,
            "simpleSettingValue": {
                "@odata.type": f"{_TYPE}IntegerSettingValue",
                "settingValueTemplateReference": None,
                "value": value,
            },
        }
    }


def _settings(area: str, *, offset: int, template: str = "") -> list[dict[str, Any]]:
    """The area's settings; the offset decides which of them are off."""
    switches, numbers = AREAS[area]

    def place(name: str) -> str:
        return stable_id("demo template setting", template, area, name) if template else ""

    rows = [
        choice(f"{_PREFIX}{area}_{name}", on=(index + offset) % 5 != 0, reference=place(name))
        for index, name in enumerate(switches)
    ]
    rows += [
        number(f"{_PREFIX}{area}_{name}", value + offset, reference=place(name))
        for name, value in numbers.items()
    ]
    return rows


def _template(template: str, family: str, name: str) -> dict[str, Any]:
    return {
        "templateId": template,
        "templateFamily": family,
        "templateDisplayName": name,
        "templateDisplayVersion": "Version 1",
    }


def _policy(
    name: str, rows: list[dict[str, Any]], assignments: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    return {
        "id": stable_id("demo catalog", name),
        "name": name,
        "description": f"Owned by the workplace team. {name}.",
        "platforms": "windows10",
        "technologies": "mdm",
        "roleScopeTagIds": ["0"],
        "settings": rows,
        "assignments": assignments,
        **more,
    }


def _catalog_policies() -> Iterator[dict[str, Any]]:
    for subject, area, audiences in _CATALOG:
        for offset, audience in enumerate(audiences):
            yield _policy(f"{subject} - {audience}", _settings(area, offset=offset), _AUDIENCES[audience])
    for offset, place in enumerate(_PLACES):
        for subject, area in (
            ("Windows - Language and region", "experience"),
            ("Windows - Wake on LAN", "power"),
        ):
            yield _policy(
                f"{subject} - {place}",
                _settings(area, offset=offset),
                [to_group("All corporate Windows devices", only="Berlin laptops")]
                if place == "Berlin"
                else [],
                roleScopeTagIds=["0", tag_of(place)],
            )
    for offset, area in enumerate(AREAS):
        yield _policy(
            f"Pilot - {area.replace('_', ' ')} preview",
            _settings(area, offset=offset + 3),
            _AUDIENCES["Pilot"],
        )


def _security_policies() -> Iterator[dict[str, Any]]:
    for subject, family, area in _SECURITY:
        template = f"{stable_id('demo template', family)}_1"
        for offset, audience in enumerate(_SECURITY_AUDIENCES):
            yield _policy(
                f"Endpoint security - {subject} - {audience}",
                _settings(area, offset=offset, template=template),
                _AUDIENCES[audience],
                technologies="mdm,microsoftSense",
                templateReference=_template(template, family, subject),
            )


def _baselines() -> Iterator[dict[str, Any]]:
    template = f"{stable_id('demo template', 'baseline')}_1"
    for offset, audience in enumerate(("Standard", "Pilot", "Privileged workstations", "Developers")):
        rows = [row for area in AREAS for row in _settings(area, offset=offset, template=template)]
        yield _policy(
            f"Security baseline for Windows - {audience}",
            rows,
            _AUDIENCES[audience],
            templateReference=_template(template, "baseline", "Security Baseline for Windows 10 and later"),
        )


def _macos() -> Iterator[dict[str, Any]]:
    for offset, subject in enumerate(
        ("FileVault", "Gatekeeper", "Login window", "Software updates", "Firewall")
    ):
        definition = f"com.apple.{subject.lower().replace(' ', '')}"
        rows = [
            choice(f"{definition}_{name}", on=index != offset)
            for index, name in enumerate(("enable", "defer", "lock"))
        ]
        yield _policy(
            f"macOS - {subject}",
            rows,
            [to_group("All corporate Macs", only="Apple silicon")],
            platforms="macOS",
            technologies="mdm,appleRemoteManagement",
        )


def _preparation() -> dict[str, Any]:
    template = f"{stable_id('demo template', 'enrollment')}_1"
    return _policy(
        "Autopilot device preparation - Standard",
        [choice("enrollment_autopilot_dpp_deploymentmode"), number("enrollment_autopilot_dpp_timeout", 60)],
        [all_users()],
        technologies="enrollment",
        templateReference=_template(template, "enrollmentConfiguration", "Device preparation"),
    )


def _reusable() -> Iterator[dict[str, Any]]:
    definition = "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}"
    for name, address in (("Branch offices", "192.0.2.0/24"), ("Update servers", "198.51.100.0/24")):
        yield {
            "id": stable_id("demo reusable", name),
            "displayName": name,
            "description": "Addresses named by firewall rules",
            "settingDefinitionId": definition,
            "settingInstance": {
                "@odata.type": f"{_TYPE}SimpleSettingInstance",
                "settingDefinitionId": definition,
                "settingInstanceTemplateReference": None,
                "simpleSettingValue": {
                    "@odata.type": f"{_TYPE}StringSettingValue",
                    "settingValueTemplateReference": None,
                    "value": address,
                },
            },
        }


def seed_catalog(tenant: SimTenant) -> None:
    """Put them there."""
    for body in _reusable():
        tenant.put("/deviceManagement/reusablePolicySettings", body)
    for source in (_catalog_policies, _security_policies, _baselines, _macos):
        for body in source():
            tenant.put("/deviceManagement/configurationPolicies", body)
    tenant.put("/deviceManagement/configurationPolicies", _preparation())
