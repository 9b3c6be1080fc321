"""Quality update policies (hotpatch). Shared facts: `_windows_updates`."""

from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _windows_updates

POLICY_TYPE = PolicyType(
    key="windowsQualityUpdatePolicies",
    label="Quality updates (hotpatch)",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-softwareupdate-windowsqualityupdatepolicy?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/windowsQualityUpdatePolicies",
    family=_windows_updates.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_type="#microsoft.graph.windowsQualityUpdatePolicy",
    odata_types=_intune.full_names("windowsQualityUpdatePolicy"),
    properties=_windows_updates.PROPERTIES | {"approvalSettings", "hotpatchEnabled"},
    parts=(_intune.ASSIGNMENTS,),
    assignments=_windows_updates.assigned_as("windowsQualityUpdatePolicyAssignment"),
    volatile=("approvalSettings[].id",),
    unordered=_intune.TAGS_ARE_A_SET,
    references=_intune.ASSIGNED_WITHOUT_FILTERS,
    restore=RestoreRule(
        order=272,
        risk=Risk.MEDIUM,
        reason="It decides whether devices take hotpatches.",
    ),
    limits=(_windows_updates.NEEDS_ENTITLEMENT,),
)
