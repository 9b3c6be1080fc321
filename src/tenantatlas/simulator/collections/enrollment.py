"""Enrollment: defaults, ranks and serial writes; Autopilot; terms and conditions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, bad_request
from tenantatlas.simulator.facts import (
    Action,
    Assignments,
    Call,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)
from tenantatlas.simulator.filters import parse_filter

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, SERVICE_READ, SERVICE_WRITE, TAGGED

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

CONFIGURATIONS = "/deviceManagement/deviceEnrollmentConfigurations"
TEMPLATES = "/deviceManagement/notificationMessageTemplates"
#: derived type -> (deviceEnrollmentConfigurationType, suffix of the id)
KINDS = {
    "deviceEnrollmentLimitConfiguration": ("limit", "Limit"),
    "deviceEnrollmentPlatformRestrictionConfiguration": (
        "singlePlatformRestriction",
        "SinglePlatformRestriction",
    ),
    "deviceEnrollmentPlatformRestrictionsConfiguration": ("platformRestrictions", "PlatformRestrictions"),
    "windows10EnrollmentCompletionPageConfiguration": (
        "windows10EnrollmentCompletionPageConfiguration",
        "Windows10EnrollmentCompletionPageConfiguration",
    ),
    "deviceEnrollmentWindowsHelloForBusinessConfiguration": (
        "windowsHelloForBusiness",
        "WindowsHelloForBusiness",
    ),
    "deviceComanagementAuthorityConfiguration": (
        "deviceComanagementAuthorityConfiguration",
        "DeviceComanagementAuthorityConfiguration",
    ),
    "windowsRestoreDeviceEnrollmentConfiguration": ("windowsRestore", "WindowsRestore"),
    "deviceEnrollmentNotificationConfiguration": (
        "enrollmentNotificationsConfiguration",
        "EnrollmentNotificationsConfiguration",
    ),
}
_UNSUPPORTED_IN_NAMES = re.compile(r'[!#%*=|\\/?<>"]')
_PROFILES = "/deviceManagement/windowsAutopilotDeploymentProfiles"


def is_default(body: dict[str, Json]) -> bool:
    """Is it one of the tenant's defaults?"""
    return body.get("priority") == 0 and "_Default" in str(body.get("id"))


def _kind(body: dict[str, Json]) -> tuple[str, str]:
    return KINDS[str(body["@odata.type"]).removeprefix("#").removeprefix("microsoft.graph.")]


def _new_id(call: Call, body: dict[str, Json]) -> str:
    return f"{call.world.new_guid()}_{_kind(body)[1]}"


def _same_kind(tenant: SimTenant, kind: str) -> list[dict[str, Json]]:
    bodies = [found.latest.body for found in tenant.live(CONFIGURATIONS)]
    return [
        body
        for body in bodies
        if body.get("deviceEnrollmentConfigurationType") == kind and not is_default(body)
    ]


def _complete(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    """The service names the kind and gives a new object the lowest rank."""
    kind = _kind(document)[0]
    if "priority" not in document:
        ranks = [int(body.get("priority") or 0) for body in _same_kind(tenant, kind)]
        document = {**document, "priority": max(ranks, default=0) + 1}
    return {**document, "deviceEnrollmentConfigurationType": kind}


def _check_create(call: Call, body: dict[str, Json]) -> None:
    del call
    if not body.get("displayName"):
        raise bad_request("Property displayName is required.", code="ModelValidationFailure")
    kind = _kind(body)[0]
    if body.get("deviceEnrollmentConfigurationType", kind) != kind:
        raise bad_request(
            "Property deviceEnrollmentConfigurationType in payload has a value that does not match schema."
        )
    if kind == "platformRestrictions":
        raise bad_request("The default platform restrictions cannot be created.")
    if "windowsMobileRestriction" in body:
        raise bad_request("Invalid property name: windowsMobileRestriction")


def _check_update(call: Call, body: dict[str, Json]) -> None:
    if "windowsMobileRestriction" in body and body["windowsMobileRestriction"] is not None:
        raise bad_request("Invalid property name: windowsMobileRestriction")
    if "platformType" in body and body["platformType"] != call.state.body.get("platformType"):
        raise bad_request("Platform cannot be changed")


def _filter(call: Call, text: str, bodies: list[Json]) -> list[Json]:
    """One kind at a time; `or` loses rows; the defaults' own kinds are unknown; the rest is not looked at."""
    del call
    if "deviceEnrollmentConfigurationType" not in text:
        return bodies
    if re.search(r"'default", text):
        raise bad_request(f"Invalid filter clause: {text}")
    first = re.split(r"\s+or\s+", text, maxsplit=1)[0].strip("() ")
    test = parse_filter(first)
    return [body for body in bodies if test(body)]


def _set_priority(call: Call, body: Json) -> Reply:
    wanted = body.get("priority") if isinstance(body, dict) else None
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise bad_request("Property priority in payload has a value that does not match schema.")
    here = call.state.body
    if is_default(here):
        raise bad_request("The priority of a default configuration cannot be changed.")
    if wanted == here.get("priority"):
        raise bad_request("The priority has this value already.", phrase="PriorityUnchanged")
    _rank(call, wanted)
    call.applied = True
    return Reply(status=204)


def _rank(call: Call, wanted: int) -> None:
    """Put the object at this rank; the others close up."""
    kind = call.state.body["deviceEnrollmentConfigurationType"]
    others = sorted(
        (found for found in call.tenant.live(CONFIGURATIONS) if found is not call.object),
        key=lambda found: int(found.latest.body.get("priority") or 0),
    )
    peers = [
        found
        for found in others
        if found.latest.body.get("deviceEnrollmentConfigurationType") == kind
        and not is_default(found.latest.body)
    ]
    if call.object is not None:
        peers.insert(min(wanted, len(peers) + 1) - 1, call.object)
    for rank, found in enumerate(peers, start=1):
        state = found.latest
        if state.body.get("priority") != rank:
            call.tenant.commit(found, state.with_properties(priority=rank))


def _create_notification(call: Call, body: Json) -> Reply:
    """Makes the configuration and, hidden behind it, the templates that hold its texts."""
    if not isinstance(body, dict) or not body.get("displayName"):
        raise bad_request("Property displayName in payload has a value that does not match schema.")
    names = []
    for prefix, locale in (("Email", body.get("defaultLocale")), ("Push", body.get("defaultLocale"))):
        template = call.tenant.put(
            TEMPLATES,
            {
                "displayName": "EnrollmentNotificationInternalMEO",
                "defaultLocale": locale,
                "brandingOptions": "none",
            },
        )
        names.append(f"{prefix}_{template}")
    made = {
        "@odata.type": "#microsoft.graph.deviceEnrollmentNotificationConfiguration",
        **{key: value for key, value in body.items() if key not in {"@odata.type"}},
        "notificationTemplates": names,
    }
    call.tenant.put(CONFIGURATIONS, {**_complete(call.tenant, made), "id": _new_id(call, made)})
    call.applied = True
    return Reply(status=201, body=made)


# Autopilot


def _check_profile(call: Call, body: dict[str, Json]) -> None:
    _check_profile_name(call, body)
    if body.get("locale") == "":
        raise bad_request("Locale must not be empty when a profile is created.", phrase="InvalidLocale")


def _check_profile_name(call: Call, body: dict[str, Json]) -> None:
    del call
    name = body.get("displayName")
    if isinstance(name, str) and (not name or _UNSUPPORTED_IN_NAMES.search(name)):
        raise bad_request(f"The display name '{name}' contains characters that are not supported.")


def _mirror_profile(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    """Old names of properties are shown beside the new ones."""
    del tenant
    mirrors = {
        "language": "locale",
        "extractHardwareHash": "hardwareHashExtractionEnabled",
        "enableWhiteGlove": "preprovisioningAllowed",
    }
    return {**document, **{old: document[new] for old, new in mirrors.items() if new in document}}


def _refuse_assigned(call: Call) -> None:
    if call.state.rows("assignments"):
        raise bad_request("The profile is assigned; remove its assignments first.", phrase="ProfileAssigned")


def _assign_devices(call: Call, body: Json) -> Reply:
    del call
    if not isinstance(body, dict) or not isinstance(body.get("deviceIds"), list):
        raise bad_request("Property deviceIds in payload has a value that does not match schema.")
    return Reply(status=200)


def _check_terms(call: Call, body: dict[str, Json]) -> None:
    version = body.get("version", 1)
    if not isinstance(version, int) or version < 1:
        raise AnswerError(400, "BadRequest", "Version must be 1 or higher.")
    if call.object is None and not body.get("displayName"):
        raise bad_request("Property displayName is required.", code="ModelValidationFailure")


COLLECTIONS = (
    Collection(
        path=CONFIGURATIONS,
        entity="deviceEnrollmentConfiguration",
        family="enrollment",
        read=(*SERVICE_READ, *CONFIGURATION_READ),
        write=(*SERVICE_WRITE, *CONFIGURATION_WRITE),
        filter=FilterSupport.EVALUATED,
        filter_rows=_filter,
        types=frozenset(KINDS),
        assignments=Assignments(
            body_key="enrollmentConfigurationAssignments",
            odata_type="microsoft.graph.enrollmentConfigurationAssignment",
            targets=frozenset(
                {"groupAssignmentTarget", "allLicensedUsersAssignmentTarget", "allDevicesAssignmentTarget"}
            ),
            exclusions_become_inclusions=True,
            absent_on_built_in=True,
        ),
        patch_status=200,
        versioned=True,
        defaults={**TAGGED, "description": ""},
        read_only=("priority", "notificationTemplates"),
        immutable={
            "deviceEnrollmentConfigurationType": (
                "The property 'deviceEnrollmentConfigurationType' cannot be patched"
            )
        },
        check_create=_check_create,
        check_update=_check_update,
        complete=_complete,
        new_id=_new_id,
        built_in=is_default,
        built_in_patch=("displayName", "description", "roleScopeTagIds", "priority"),
        serial_seconds=1.0,
        actions={
            "setPriority": Action(_set_priority),
            "createEnrollmentNotificationConfiguration": Action(_create_notification, on_collection=True),
        },
    ),
    Collection(
        path=_PROFILES,
        entity="windowsAutopilotDeploymentProfile",
        family="enrollment",
        read=SERVICE_READ,
        write=SERVICE_WRITE,
        v1=False,
        filter=FilterSupport.IGNORED,
        types=frozenset(
            {"azureADWindowsAutopilotDeploymentProfile", "activeDirectoryWindowsAutopilotDeploymentProfile"}
        ),
        assignments=Assignments(
            action=False,
            odata_type="microsoft.graph.windowsAutopilotDeploymentProfileAssignment",
            targets=frozenset(
                {"groupAssignmentTarget", "exclusionGroupAssignmentTarget", "allDevicesAssignmentTarget"}
            ),
            filters=False,
            zero_filter="none",
        ),
        patch_status=200,
        defaults={**TAGGED, "description": ""},
        read_only=(
            "managementServiceAppId",
            "assignedDevices",
            "language",
            "extractHardwareHash",
            "enableWhiteGlove",
            "outOfBoxExperienceSettings",
        ),
        immutable={"deviceType": "The property 'deviceType' cannot be patched"},
        check_create=_check_profile,
        check_update=_check_profile_name,
        complete=_mirror_profile,
        check_delete=_refuse_assigned,
        actions={"assign": Action(_assign_devices)},
    ),
    Collection(
        path="/deviceManagement/termsAndConditions",
        entity="termsAndConditions",
        family="companyTerms",
        read=SERVICE_READ,
        write=SERVICE_WRITE,
        filter=FilterSupport.IGNORED,
        assignments=Assignments(
            action=False,
            odata_type="microsoft.graph.termsAndConditionsAssignment",
            targets=frozenset({"groupAssignmentTarget", "allLicensedUsersAssignmentTarget"}),
            filters=False,
            zero_filter="none",
            exclusions_become_inclusions=True,
            on_list=ExpandSupport.REFUSED,
            on_item=ExpandSupport.REFUSED,
        ),
        defaults={**TAGGED, "version": 1},
        read_only=("acceptanceStatuses",),
        check_create=_check_terms,
        check_update=_check_terms,
    ),
)
