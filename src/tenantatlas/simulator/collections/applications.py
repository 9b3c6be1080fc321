"""App protection, app configuration, and the apps that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import (
    Action,
    Assignments,
    Call,
    Child,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)

from .common import APPS_READ, APPS_WRITE, TAGGED

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

_APPS = "/deviceAppManagement/mobileApps"
_IDENTIFIERS = {
    "iosMobileAppIdentifier": "bundleId",
    "androidMobileAppIdentifier": "packageId",
    "macAppIdentifier": "bundleId",
    "windowsAppIdentifier": "windowsAppId",
}
APP_TYPES = frozenset(
    {
        "androidForWorkApp",
        "androidLobApp",
        "androidManagedStoreApp",
        "androidManagedStoreWebApp",
        "androidStoreApp",
        "iosLobApp",
        "iosStoreApp",
        "iosVppApp",
        "iosiPadOSWebClip",
        "macOSDmgApp",
        "macOSLobApp",
        "macOSMicrosoftDefenderApp",
        "macOSMicrosoftEdgeApp",
        "macOSOfficeSuiteApp",
        "macOSPkgApp",
        "macOSWebClip",
        "managedAndroidStoreApp",
        "managedIOSStoreApp",
        "microsoftStoreForBusinessApp",
        "officeSuiteApp",
        "webApp",
        "win32CatalogApp",
        "win32LobApp",
        "winGetApp",
        "windowsMicrosoftEdgeApp",
        "windowsMobileMSI",
        "windowsUniversalAppX",
        "windowsWebApp",
    }
)


def _target_apps(call: Call, body: Json) -> Reply:
    """Replaces the list of apps."""
    apps = body.get("apps") if isinstance(body, dict) else None
    if not isinstance(apps, list) or call.object is None:
        raise bad_request("Property apps in payload has a value that does not match schema.")
    for key in body:
        if key not in {"apps", "appGroupType"}:
            raise bad_request(f"The parameter '{key}' is not valid for the operation 'targetApps'.")
    rows = [_app_row(call, app) for app in apps]
    state = call.state.with_rows("apps", rows)
    kind = body.get("appGroupType", state.body.get("appGroupType"))
    call.tenant.commit(call.object, state.with_properties(appGroupType=kind, deployedAppCount=len(rows)))
    call.applied = True
    return Reply(status=204)


def _app_row(call: Call, app: Json) -> dict[str, Json]:
    identifier = app.get("mobileAppIdentifier") if isinstance(app, dict) else None
    if not isinstance(identifier, dict):
        raise bad_request("Property mobileAppIdentifier in payload has a value that does not match schema.")
    for key in app:
        if key not in {"mobileAppIdentifier", "@odata.type"}:
            raise bad_request(f"Invalid property name: {key}")
    kind = str(identifier.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")
    name = identifier.get(_IDENTIFIERS.get(kind, ""))
    if not name:
        raise bad_request(f"The app identifier '{kind}' is not valid.", code="ModelValidationFailure")
    suffix = {"iosMobileAppIdentifier": "ios", "androidMobileAppIdentifier": "android"}.get(kind, "windows")
    return {"id": f"{name}.{suffix}", "version": call.world.new_guid()[:8], "mobileAppIdentifier": identifier}


def _change_settings(call: Call, body: Json) -> Reply:
    settings = body.get("settings") if isinstance(body, dict) else None
    if not isinstance(settings, list) or call.object is None:
        raise bad_request("Property settings in payload has a value that does not match schema.")
    rows = [{"id": str(index), **row} for index, row in enumerate(settings)]
    call.tenant.commit(call.object, call.state.with_rows("settings", rows))
    call.applied = True
    return Reply(status=204)


def _new_protection_id(call: Call, body: dict[str, Json]) -> str:
    del body
    return f"T_{call.world.new_guid()}"


def _new_configuration_id(call: Call, body: dict[str, Json]) -> str:
    del body
    return f"A_{call.world.new_guid()}"


def _stamp(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    return {"deployedAppCount": 0, **document, "version": f'"{tenant.world.new_guid()}"'}


def _refuse_null_action(call: Call, body: dict[str, Json]) -> None:
    name = "appActionIfUnableToAuthenticateUser"
    if call.collection.entity == "windowsManagedAppProtection" and name in body and body[name] is None:
        raise bad_request(f"Property {name} in payload has a value that does not match schema.")


_MAM_TARGETS = frozenset({"groupAssignmentTarget", "exclusionGroupAssignmentTarget"})


def _managed(path: str, entity: str, *, settings: bool = False, v1: bool = True) -> Collection:
    children = [
        Child(name="apps", entity="managedMobileApp", on_item=ExpandSupport.WORKS, routed=not settings)
    ]
    actions = {"targetApps": Action(_target_apps)}
    if settings:
        children.append(Child(name="settings", on_item=ExpandSupport.WORKS, routed=False, inline=True))
        actions["changeSettings"] = Action(_change_settings)
    return Collection(
        path=f"/deviceAppManagement/{path}",
        entity=entity,
        family="managedApplications",
        read=APPS_READ,
        write=APPS_WRITE,
        v1=v1,
        filter=FilterSupport.REFUSED,
        children=tuple(children),
        assignments=Assignments(
            odata_type="microsoft.graph.targetedManagedAppPolicyAssignment",
            status=204,
            targets=_MAM_TARGETS,
            unknown_group=404,
            routed=not settings,
            on_list=ExpandSupport.REFUSED,
        ),
        defaults={**TAGGED, "description": ""},
        read_only=("deployedAppCount", "deploymentSummary"),
        check_update=_refuse_null_action,
        complete=_stamp,
        new_id=_new_configuration_id if settings else _new_protection_id,
        computed={"deployedAppCount": "apps"},
        is_assigned=True,
        actions=actions,
    )


def _check_targeted_apps(call: Call, body: dict[str, Json]) -> None:
    apps = body.get("targetedMobileApps")
    if not isinstance(apps, list) or not apps:
        raise bad_request("Property targetedMobileApps in payload has a value that does not match schema.")
    for app in apps:
        if not call.tenant.knows(_APPS, str(app)):
            raise bad_request(f"The app '{app}' does not exist.", phrase="AppNotFound")


COLLECTIONS = (
    _managed("iosManagedAppProtections", "iosManagedAppProtection"),
    _managed("androidManagedAppProtections", "androidManagedAppProtection"),
    _managed("windowsManagedAppProtections", "windowsManagedAppProtection", v1=False),
    _managed("targetedManagedAppConfigurations", "targetedManagedAppConfiguration", settings=True),
    Collection(
        path="/deviceAppManagement/mobileAppConfigurations",
        entity="managedDeviceMobileAppConfiguration",
        family="apps",
        read=APPS_READ,
        write=APPS_WRITE,
        filter=FilterSupport.EVALUATED,
        types=frozenset(
            {
                "androidForWorkMobileAppConfiguration",
                "androidManagedStoreAppConfiguration",
                "iosMobileAppConfiguration",
            }
        ),
        assignments=Assignments(
            odata_type="microsoft.graph.managedDeviceMobileAppConfigurationAssignment",
            cast="microsoft.graph.managedDeviceMobileAppConfiguration",
            on_list=ExpandSupport.REFUSED,
        ),
        versioned=True,
        defaults={**TAGGED, "description": None},
        immutable={"targetedMobileApps": "Properties not patchable specified: targetedMobileApps"},
        read_only=("deviceStatuses", "userStatuses"),
        check_create=_check_targeted_apps,
    ),
    Collection(
        path=_APPS,
        entity="mobileApp",
        family="apps",
        read=APPS_READ,
        write=APPS_WRITE,
        omitted=("largeIcon",),
        omitted_unless_selected=("roleScopeTagIds",),
        filter=FilterSupport.EVALUATED,
        types=APP_TYPES,
        children=(Child(name="categories", on_item=ExpandSupport.WORKS), Child(name="relationships")),
        assignments=Assignments(
            body_key="mobileAppAssignments",
            odata_type="microsoft.graph.mobileAppAssignment",
            keep=("target", "intent", "settings"),
            on_list=ExpandSupport.WORKS,
        ),
        create=False,
        defaults={**TAGGED, "publishingState": "published"},
        is_assigned=True,
    ),
)
