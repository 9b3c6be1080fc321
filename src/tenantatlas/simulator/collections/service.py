"""The service itself: tenant-wide settings that are one object, whose ids are not what they seem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import Call, Collection

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

SETTINGS = "/deviceManagement/settings"


def _unwrap(call: Call, body: dict[str, Json]) -> None:
    """PATCH /deviceManagement {"settings": {...}} is the only way to write the settings."""
    settings = body.pop("settings", None)
    if body or not isinstance(settings, dict):
        raise bad_request("Only 'settings' of deviceManagement can be patched.")
    found = call.tenant.live(SETTINGS)[0]
    call.tenant.commit(found, found.latest.with_properties(**settings))


def _operations(tenant: SimTenant) -> Mapping[str, dict[str, Json]]:
    return {
        name: {"id": name, "resource": name.rpartition("/")[2], "actionName": name.rpartition("_")[2]}
        for name in sorted(tenant.catalog.resource_actions)
    }


COLLECTIONS = (
    Collection(
        path="/deviceManagement",
        entity="deviceManagement",
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        singleton=True,
        created="",
        modified="",
        check_update=_unwrap,
    ),
    Collection(
        path=SETTINGS,
        entity="deviceManagementSettings",
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        singleton=True,
        patch=False,
        created="",
        modified="",
    ),
    Collection(
        path="/deviceManagement/androidManagedStoreAccountEnterpriseSettings",
        entity="androidManagedStoreAccountEnterpriseSettings",
        family="deviceEnrollment",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        singleton=True,
        patch=False,
        created="",
        modified="",
    ),
    Collection(
        path="/deviceManagement/resourceOperations",
        entity="resourceOperation",
        family="rbac",
        read=("DeviceManagementRBAC.Read.All", "DeviceManagementRBAC.ReadWrite.All"),
        write=(),
        virtual=_operations,
        create=False,
    ),
)
