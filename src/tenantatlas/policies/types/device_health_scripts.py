"""Remediations: a detection script and a remediation script, run as SYSTEM on a schedule.

Traps: the schedule and whether to remediate are part of each assignment; the type cannot change; an empty
description is ignored in an update; scripts that Microsoft gives (`isGlobalScript`) cannot be written, and
`$filter` on them is not honoured. Shared facts: `_scripts`.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies.model import AssignmentRule, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _scripts


def _is_global(body: Json) -> bool:
    return body.get("isGlobalScript") is True


POLICY_TYPE = PolicyType(
    key="deviceHealthScripts",
    label="Remediations",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/intune-devices-devicehealthscript?view=graph-res "
        "t-beta"
    ),
    path="/beta/deviceManagement/deviceHealthScripts",
    family=_scripts.FAMILY,
    reads=_intune.SCRIPTS_READ,
    writes=_intune.SCRIPTS_WRITE,
    odata_type="#microsoft.graph.deviceHealthScript",
    odata_types=_intune.full_names("deviceHealthScript"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "publisher",
            "version",
            "runAsAccount",
            "runAs32Bit",
            "enforceSignatureCheck",
            "detectionScriptContent",
            "remediationScriptContent",
            "detectionScriptParameters",
            "remediationScriptParameters",
            "deviceHealthScriptType",
            "isGlobalScript",
            "highestAvailableVersion",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            *_scripts.RUN_STATES,
        }
    ),
    reads_item=True,
    parts=(_intune.ASSIGNMENTS,),
    assignments=AssignmentRule(
        body_key="deviceHealthScriptAssignments",
        odata_type="#microsoft.graph.deviceHealthScriptAssignment",
        keep=("target", "runRemediationScript", "runSchedule"),
    ),
    volatile=(*_scripts.RUN_STATES, "isGlobalScript", "highestAvailableVersion", "deviceHealthScriptType"),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    built_in=_is_global,
    restore=RestoreRule(
        order=263,
        risk=Risk.HIGH,
        reason="It runs code as SYSTEM on devices.",
        refuse=_scripts.refuse_without_detection,
        recreate=_scripts.RUNS_AGAIN,
    ),
    limits=(
        "Scripts that Microsoft provides are kept and never written, and neither are their assignments.",
        "A description cannot be emptied: Graph ignores an empty one.",
    ),
)
