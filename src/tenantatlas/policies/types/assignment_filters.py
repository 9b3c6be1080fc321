"""Assignment filters.

Traps: tags are in `roleScopeTags`, not `roleScopeTagIds`; any `$filter` on the list answers 400; platform
and management type cannot change; the rule's text is checked by the service; a deleted filter keeps its
name for about ten seconds, and one in use cannot be deleted. `payloads` says where it is used and is no
part of it.
"""

from tenantatlas.policies.model import PolicyType, Reference, RestoreRule, Risk
from tenantatlas.policies.types import _intune

POLICY_TYPE = PolicyType(
    key="assignmentFilters",
    label="Assignment filters",
    platforms=("windows", "iOS", "macOS", "android", "linux"),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-policyset-deviceandappmanagementassignmentfilter?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/assignmentFilters",
    family="deviceConfiguration",
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    scope_tags="roleScopeTags",
    odata_type="#microsoft.graph.deviceAndAppManagementAssignmentFilter",
    odata_types=_intune.full_names(
        "deviceAndAppManagementAssignmentFilter", "payloadCompatibleAssignmentFilter"
    ),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "platform",
            "rule",
            "assignmentFilterManagementType",
            "evaluationMode",
            "payloadType",
            "payloads",
            "roleScopeTags",
            "createdDateTime",
            "lastModifiedDateTime",
        }
    ),
    volatile=("payloads",),
    unordered={"roleScopeTags": ("",)},
    references=(Reference(path="roleScopeTags[]", kind="roleScopeTags", portable=frozenset({"0"})),),
    foundation=True,
    restore=RestoreRule(
        order=15,
        risk=Risk.MEDIUM,
        reason="A changed rule changes who gets every policy that uses it.",
        match_by=("displayName", "platform", "assignmentFilterManagementType"),
        strip_update=("platform", "assignmentFilterManagementType"),
    ),
    limits=("The platform of a filter cannot change: a filter of another platform is a new filter.",),
)
