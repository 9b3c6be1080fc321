"""Scripts: the list never shows what they do."""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, Style, bad_request
from tenantatlas.simulator.facts import Assignments, Call, Collection, FilterSupport

from .common import SCRIPTS_READ, SCRIPTS_WRITE, TAGGED, refuse_while_named

_RUN = ("runSummary", "deviceRunStates", "userRunStates")


def _needs_content(call: Call, body: dict[str, Json]) -> None:
    del call
    if not body.get("scriptContent") or not body.get("fileName"):
        raise bad_request("ScriptContent and FileName must not be empty.")


def _needs_detection(call: Call, body: dict[str, Json]) -> None:
    """A semantic error, dressed up as a broken service."""
    del call
    if not body.get("detectionScriptContent"):
        raise AnswerError(500, "UnknownError", "DetectionScriptContent must not be null", style=Style.INTUNE)


def _refuse_version(call: Call, body: dict[str, Json]) -> None:
    del call
    if "version" in body:
        raise bad_request("Invalid property name: Version")


def _is_global(body: dict[str, Json]) -> bool:
    return bool(body.get("isGlobalScript"))


def _shell(path: str, entity: str, **more: Json) -> Collection:
    return Collection(
        path=path,
        entity=entity,
        family="intuneDevices",
        read=SCRIPTS_READ,
        write=SCRIPTS_WRITE,
        v1=False,
        nulled=("scriptContent",),
        assignments=Assignments(
            body_key="deviceManagementScriptAssignments",
            legacy_keys=("deviceManagementScriptGroupAssignments",),
            odata_type="microsoft.graph.deviceManagementScriptAssignment",
            routed=False,
        ),
        patch_status=200,
        defaults={**TAGGED, "description": ""},
        read_only=_RUN,
        check_create=_needs_content,
        **more,
    )


COLLECTIONS = (
    Collection(
        path="/deviceManagement/deviceManagementScripts",
        entity="deviceManagementScript",
        family="intuneDevices",
        read=SCRIPTS_READ,
        write=SCRIPTS_WRITE,
        v1=False,
        nulled=("scriptContent",),
        assignments=Assignments(
            body_key="deviceManagementScriptAssignments",
            legacy_keys=("deviceManagementScriptGroupAssignments",),
            odata_type="microsoft.graph.deviceManagementScriptAssignment",
            zero_filter="none",
        ),
        patch_status=200,
        defaults={**TAGGED, "description": ""},
        read_only=_RUN,
        check_create=_needs_content,
        check_update=_needs_content,
    ),
    _shell("/deviceManagement/deviceShellScripts", "deviceShellScript"),
    _shell("/deviceManagement/deviceCustomAttributeShellScripts", "deviceCustomAttributeShellScript"),
    Collection(
        path="/deviceManagement/deviceHealthScripts",
        entity="deviceHealthScript",
        family="intuneDevices",
        read=SCRIPTS_READ,
        write=SCRIPTS_WRITE,
        v1=False,
        nulled=("detectionScriptContent", "remediationScriptContent"),
        filter=FilterSupport.IGNORED,
        assignments=Assignments(
            body_key="deviceHealthScriptAssignments",
            odata_type="microsoft.graph.deviceHealthScriptAssignment",
            keep=("target", "runRemediationScript", "runSchedule"),
        ),
        patch_status=200,
        defaults={**TAGGED, "description": "", "version": "1", "isGlobalScript": False},
        read_only=("isGlobalScript", "highestAvailableVersion", "deviceHealthScriptType", "version", *_RUN),
        ignored_in_update={"description": ""},
        check_create=_needs_detection,
        check_update=_refuse_version,
        built_in=_is_global,
    ),
    Collection(
        path="/deviceManagement/deviceComplianceScripts",
        entity="deviceComplianceScript",
        family="intuneDevices",
        read=SCRIPTS_READ,
        write=SCRIPTS_WRITE,
        v1=False,
        nulled=("detectionScriptContent",),
        patch_status=200,
        defaults={**TAGGED, "description": "", "version": "1"},
        read_only=("version", "runSummary", "deviceRunStates"),
        check_create=_needs_detection,
        check_delete=lambda call: refuse_while_named(call, "/deviceManagement/deviceCompliancePolicies"),
    ),
)
