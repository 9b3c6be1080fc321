"""Contoso's scripts."""

from __future__ import annotations

from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import encode, to_group

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
        "scriptContent": encode(f"# {file}\n$ErrorActionPreference = 'Stop'\nWrite-Output '{name}'\n"),
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
        "scriptContent": encode(f"#!/bin/zsh\n# {file}\necho '{name}'\n"),
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
        "scriptContent": encode(f"#!/bin/zsh\necho '{name}'\n"),
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
        "detectionScriptContent": encode(f"# detect: {name}\nexit 0\n"),
        "remediationScriptContent": encode(f"# remediate: {name}\nexit 0\n"),
        "roleScopeTagIds": ["0"],
        "assignments": [row],
    }
