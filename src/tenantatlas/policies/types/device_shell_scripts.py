"""Shell scripts for macOS.

`{item}/assignments` answers 400 here (IntuneManagement v4), so the item is read with its assignments
expanded. Linux scripts are settings catalog policies. Traps and shared facts: `_scripts`.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _scripts

POLICY_TYPE = PolicyType(
    key="deviceShellScripts",
    label="Shell scripts",
    platforms=("macOS",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/intune-devices-deviceshellscript?view=graph-rest "
        "-beta"
    ),
    path="/beta/deviceManagement/deviceShellScripts",
    family=_scripts.FAMILY,
    reads=_intune.SCRIPTS_READ,
    writes=_intune.SCRIPTS_WRITE,
    odata_type="#microsoft.graph.deviceShellScript",
    odata_types=_intune.full_names("deviceShellScript"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "fileName",
            "scriptContent",
            "runAsAccount",
            "executionFrequency",
            "retryCount",
            "blockExecutionNotifications",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            "assignments",
            *_scripts.RUN_STATES,
        }
    ),
    reads_item=True,
    item_query=_intune.LIST_ASSIGNMENTS,
    assignments=_scripts.ASSIGNMENTS,
    volatile=_scripts.RUN_STATES,
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED,
    restore=RestoreRule(
        order=261,
        risk=Risk.HIGH,
        reason="It runs code on devices.",
        refuse=_scripts.refuse_without_content,
        recreate=_scripts.RUNS_AGAIN,
    ),
    limits=("Which devices have run the script is not part of a backup; a new script runs on all of them.",),
)
