"""Custom attributes for macOS: shell scripts that report a value.

Name, attribute name and value type cannot change. Traps and shared facts: `_scripts`.
"""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _scripts

POLICY_TYPE = PolicyType(
    key="deviceCustomAttributeShellScripts",
    label="Custom attributes",
    platforms=("macOS",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-devices-devicecustomattributeshellscript?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/deviceCustomAttributeShellScripts",
    family=_scripts.FAMILY,
    reads=_intune.SCRIPTS_READ,
    writes=_intune.SCRIPTS_WRITE,
    odata_type="#microsoft.graph.deviceCustomAttributeShellScript",
    odata_types=_intune.full_names("deviceCustomAttributeShellScript"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "fileName",
            "scriptContent",
            "runAsAccount",
            "customAttributeName",
            "customAttributeType",
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
        order=262,
        risk=Risk.MEDIUM,
        reason="It runs code on devices to read a value.",
        match_by=("displayName", "customAttributeType"),
        strip_update=("displayName", "customAttributeName", "customAttributeType"),
        refuse=_scripts.refuse_without_content,
        recreate=_scripts.RUNS_AGAIN,
    ),
    limits=("Name and value type of a custom attribute cannot change: another type is a new attribute.",),
)
