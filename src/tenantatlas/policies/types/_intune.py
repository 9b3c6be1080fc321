"""What all Intune types say in the same words: permissions, parts, references, sets.

Sources: Microsoft's permission tables (devx-content, 2026-08), the Graph reference of each collection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies.model import (
    ASSIGNED_FILTERS,
    ASSIGNED_GROUPS,
    SCOPE_TAGS,
    AssignmentRule,
    Part,
    Reference,
)

CONFIGURATION_READ: Final = (
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
)
CONFIGURATION_WRITE: Final = ("DeviceManagementConfiguration.ReadWrite.All",)
SERVICE_READ: Final = (
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
)
SERVICE_WRITE: Final = ("DeviceManagementServiceConfig.ReadWrite.All",)
#: Scripts left DeviceManagementConfiguration on 2025-07-31 (MC1107490).
SCRIPTS_READ: Final = ("DeviceManagementScripts.Read.All", "DeviceManagementScripts.ReadWrite.All")
SCRIPTS_WRITE: Final = ("DeviceManagementScripts.ReadWrite.All",)
APPS_READ: Final = ("DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All")
APPS_WRITE: Final = ("DeviceManagementApps.ReadWrite.All",)

#: Assignments have their own pages; one extra read per policy.
ASSIGNMENTS: Final = Part(name="assignments", path="{item}/assignments", into="assignments")


def _not_listed(row: Json) -> bool:
    return "assignments" not in row or "assignments@odata.nextLink" in row


#: For lists that give assignments with `LIST_ASSIGNMENTS`: read apart only where the list left them out or
#: cut them off (an expanded list holds one page of assignments and does not fail when there are more).
ASSIGNMENTS_IF_NOT_LISTED: Final = Part(
    name="assignments", path="{item}/assignments", into="assignments", when=_not_listed
)
LIST_ASSIGNMENTS: Final = "$expand=assignments"

ASSIGNED: Final = (SCOPE_TAGS, ASSIGNED_GROUPS, ASSIGNED_FILTERS)
ASSIGNED_WITHOUT_FILTERS: Final = (SCOPE_TAGS, ASSIGNED_GROUPS)

#: Sets that the service returns in any order.
TAGS_ARE_A_SET: Final = {"roleScopeTagIds": ("",)}

GROUPS_ONLY: Final = frozenset({"groupAssignmentTarget", "exclusionGroupAssignmentTarget"})

#: Kinds that we do not back up: the id is kept and looked for in the tenant.
MOBILE_APP_CHECK: Final = "/beta/deviceAppManagement/mobileApps/{id}"
CERTIFICATE_PROFILE_CHECK: Final = "/beta/deviceManagement/deviceConfigurations/{id}"


def mobile_apps(path: str) -> Reference:
    """A reference to apps, which are checked and not restored."""
    return Reference(path=path, kind="mobileApps", check=MOBILE_APP_CHECK)


def assigned_as(odata_type: str) -> AssignmentRule:
    """The usual rule: POST {item}/assign with the whole set, groups, all users, all devices, filters."""
    return AssignmentRule(odata_type=f"#microsoft.graph.{odata_type}")


def is_one_of(*names: str) -> Callable[[Json], bool]:
    """Selects rows by the last part of `@odata.type`."""
    wanted = frozenset(names)

    def selects(row: Json) -> bool:
        return odata_name(row) in wanted

    return selects


def odata_name(row: Json) -> str:
    """`windows10CustomConfiguration` of a row, "" where it does not say."""
    return str(row.get("@odata.type") or "").removeprefix("#microsoft.graph.")


def full_names(*names: str) -> frozenset[str]:
    """`@odata.type` values as Graph writes them."""
    return frozenset(f"#microsoft.graph.{name}" for name in names)


def names(words: str) -> frozenset[str]:
    """The names of a text, for lists too long to be read one by one."""
    return frozenset(words.split())
