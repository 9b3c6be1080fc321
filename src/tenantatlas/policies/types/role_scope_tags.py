"""Scope tags: who may see and manage what.

Traps: ids are small integers written as strings, differ per tenant, and are new after a re-creation; tag 0
(Default) exists everywhere and cannot be made, renamed or deleted; `$expand=assignments` answers empty, so
the groups whose devices get the tag are read apart; a tag in use cannot be deleted.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies.model import ASSIGNED_GROUPS, AssignmentRule, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune


def _is_default(body: Json) -> bool:
    return body.get("id") == "0" or body.get("isBuiltIn") is True


POLICY_TYPE = PolicyType(
    key="roleScopeTags",
    label="Scope tags",
    platforms=("all",),
    docs=("https://learn.microsoft.com/graph/api/resources/intune-rbac-rolescopetag?view=graph-rest-beta"),
    path="/beta/deviceManagement/roleScopeTags",
    family="rbac",
    reads=(
        *_intune.CONFIGURATION_READ,
        "DeviceManagementRBAC.Read.All",
        "DeviceManagementRBAC.ReadWrite.All",
    ),
    writes=(*_intune.CONFIGURATION_WRITE, "DeviceManagementRBAC.ReadWrite.All"),
    scope_tags="",
    odata_type="#microsoft.graph.roleScopeTag",
    odata_types=_intune.full_names("roleScopeTag"),
    properties=frozenset({"id", "displayName", "description", "isBuiltIn", "permissions", "assignments"}),
    parts=(_intune.ASSIGNMENTS,),
    assignments=AssignmentRule(
        odata_type="#microsoft.graph.roleScopeTagAutoAssignment",
        targets=frozenset({"groupAssignmentTarget"}),
        filters=False,
    ),
    volatile=("isBuiltIn", "permissions"),
    references=(ASSIGNED_GROUPS,),
    built_in=_is_default,
    foundation=True,
    restore=RestoreRule(
        order=10,
        risk=Risk.MEDIUM,
        reason="Every other policy may name it.",
        match_by=("displayName",),
        recreate="It gets a new number; policies that are not restored with it keep the old one.",
    ),
    limits=("Who may use a tag is said by role assignments, which are not backed up.",),
)
