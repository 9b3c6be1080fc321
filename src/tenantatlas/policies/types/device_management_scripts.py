"""PowerShell scripts for Windows. Traps and shared facts: `_scripts`."""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _scripts

POLICY_TYPE = PolicyType(
    key="deviceManagementScripts",
    label="PowerShell scripts",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-shared-devicemanagementscript?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/deviceManagementScripts",
    family=_scripts.FAMILY,
    reads=_intune.SCRIPTS_READ,
    writes=_intune.SCRIPTS_WRITE,
    odata_type="#microsoft.graph.deviceManagementScript",
    odata_types=_intune.full_names("deviceManagementScript"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "fileName",
            "scriptContent",
            "runAsAccount",
            "runAs32Bit",
            "enforceSignatureCheck",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            *_scripts.RUN_STATES,
        }
    ),
    list_query=_intune.LIST_ASSIGNMENTS,
    reads_item=True,
    parts=(_intune.ASSIGNMENTS_IF_NOT_LISTED,),
    assignments=_scripts.ASSIGNMENTS,
    volatile=_scripts.RUN_STATES,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    restore=RestoreRule(
        order=260,
        risk=Risk.HIGH,
        reason="It runs code on devices.",
        refuse=_scripts.refuse_without_content,
        recreate=_scripts.RUNS_AGAIN,
    ),
    limits=("Which devices have run the script is not part of a backup; a new script runs on all of them.",),
)
