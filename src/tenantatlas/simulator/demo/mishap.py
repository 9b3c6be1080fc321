"""A bad day: somebody deletes, changes and widens. The list of what happened is taken from what was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant

from .people import all_devices
from .tenant import TENANT

_CATALOG = "/deviceManagement/configurationPolicies"
_CONFIGURATIONS = "/deviceManagement/deviceConfigurations"
_COMPLIANCE = "/deviceManagement/deviceCompliancePolicies"
_SCRIPTS = "/deviceManagement/deviceManagementScripts"
_ACCESS = "/identity/conditionalAccess/policies"

_DELETED = (
    (_CATALOG, "Endpoint security - Antivirus - Standard"),
    (_CATALOG, "Edge - Browser settings - Standard"),
    (_CATALOG, "Security baseline for Windows - Pilot"),
    (_CONFIGURATIONS, "Windows - Custom - Wi-Fi passphrase"),
    (_CONFIGURATIONS, "Windows Update ring - Broad"),
    (_COMPLIANCE, "Compliance - iOS - All employees"),
    (_SCRIPTS, "Map network drives"),
    ("/deviceManagement/deviceHealthScripts", "Renew expiring certificates"),
    ("/deviceManagement/groupPolicyConfigurations", "Google Chrome - Security"),
    ("/deviceAppManagement/iosManagedAppProtections", "App protection - iOS - Executives"),
    (_ACCESS, "CA002 - Block legacy authentication"),
)


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """One thing that happened to one policy."""

    kind: str  # "deleted", "changed" or "widened"
    collection: str
    id: str
    name: str
    what: str


def _find(tenant: SimTenant, collection: str, name: str) -> str:
    for body in tenant.objects(collection):
        if name in {body.get("displayName"), body.get("name")}:
            return str(body["id"])
    raise KeyError(f"{collection}: {name}")


def _weaken_script(body: dict[str, Any]) -> None:
    body["scriptContent"] = "IyBub3RoaW5nIGxlZnQgaGVyZQ=="


def _shorten_password(body: dict[str, Any]) -> None:
    body["passcodeMinimumLength"] = 4


def _stop_encryption(body: dict[str, Any]) -> None:
    setting = body["settings"][0]["settingInstance"]
    setting["choiceSettingValue"]["value"] = f"{setting['settingDefinitionId']}_0"


def _stretch_deferral(body: dict[str, Any]) -> None:
    body["qualityUpdatesDeferralPeriodInDays"] = 30


def _drop_requirement(body: dict[str, Any]) -> None:
    body["bitLockerEnabled"] = False


def _widen(body: dict[str, Any]) -> None:
    body["assignments"] = [all_devices()]


_CHANGED: tuple[tuple[str, str, str, str, Callable[[dict[str, Any]], None]], ...] = (
    (_SCRIPTS, "Disable fast startup", "changed", "the script was emptied", _weaken_script),
    (
        _COMPLIANCE,
        "Compliance - iOS - Executives",
        "changed",
        "the passcode may be 4 long",
        _shorten_password,
    ),
    (
        _CATALOG,
        "Endpoint security - Disk encryption - Pilot",
        "changed",
        "encryption is no longer asked for",
        _stop_encryption,
    ),
    (
        _CONFIGURATIONS,
        "Windows Update ring - Early",
        "changed",
        "quality updates wait 30 days",
        _stretch_deferral,
    ),
    (
        _COMPLIANCE,
        "Compliance - Windows - Developers",
        "changed",
        "BitLocker is no longer asked for",
        _drop_requirement,
    ),
    (_CATALOG, "Pilot - firewall preview", "widened", "from a pilot group to all devices", _widen),
)


def accident(simulator: Simulator, *, guid: str = TENANT) -> list[Mishap]:
    """Break some of the demo's tenant; returns what was broken."""
    tenant = simulator.tenant(guid)
    happened = []
    for collection, name in _DELETED:
        gone = _find(tenant, collection, name)
        tenant.remove(collection, gone)
        happened.append(Mishap(kind="deleted", collection=collection, id=gone, name=name, what="deleted"))
    for collection, name, kind, what, change in _CHANGED:
        hit = _find(tenant, collection, name)
        tenant.mutate(hit, change, collection=collection)
        happened.append(Mishap(kind=kind, collection=collection, id=hit, name=name, what=what))
    return happened
