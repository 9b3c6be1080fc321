"""Names that several collections share."""

from __future__ import annotations

from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import Call, Collection

CONFIGURATION_READ = ("DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All")
CONFIGURATION_WRITE = ("DeviceManagementConfiguration.ReadWrite.All",)
SERVICE_READ = ("DeviceManagementServiceConfig.Read.All", "DeviceManagementServiceConfig.ReadWrite.All")
SERVICE_WRITE = ("DeviceManagementServiceConfig.ReadWrite.All",)
APPS_READ = ("DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All")
APPS_WRITE = ("DeviceManagementApps.ReadWrite.All",)
SCRIPTS_READ = ("DeviceManagementScripts.Read.All", "DeviceManagementScripts.ReadWrite.All")
SCRIPTS_WRITE = ("DeviceManagementScripts.ReadWrite.All",)

#: What every scope-tagged object shows when nobody said otherwise.
TAGGED = {"roleScopeTagIds": ["0"]}

COLLECTIONS: tuple[Collection, ...] = ()


def refuse_while_named(call: Call, *paths: str) -> None:
    """Refuse to delete what an object of these collections names."""
    wanted = call.state.body["id"].lower()
    for path in paths:
        for found in call.tenant.live(path):
            if wanted in str((found.latest.body, found.latest.children)).lower():
                raise bad_request(f"'{wanted}' is in use and cannot be deleted.", phrase="ReferencedEntity")
