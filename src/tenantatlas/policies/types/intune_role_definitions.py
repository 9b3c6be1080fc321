"""Intune role definitions: what members of a role may do.

Traps: built-in roles cannot be written; `permissions` is an old mirror of `rolePermissions`, and sending
both adds them up; a create must name the type deviceAndAppManagementRoleDefinition; an action that the
tenant does not know is refused.
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import SCOPE_TAGS, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune


def _is_built_in(body: Json) -> bool:
    return body.get("isBuiltIn") is True or body.get("isBuiltInRoleDefinition") is True


POLICY_TYPE = PolicyType(
    key="intuneRoleDefinitions",
    label="Intune roles",
    platforms=("all",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-rbac-deviceandappmanagementroledefinition?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/roleDefinitions",
    family="rbac",
    reads=(
        "DeviceManagementRBAC.Read.All",
        "DeviceManagementRBAC.ReadWrite.All",
        *_intune.CONFIGURATION_READ,
    ),
    writes=("DeviceManagementRBAC.ReadWrite.All", *_intune.CONFIGURATION_WRITE),
    odata_type="#microsoft.graph.deviceAndAppManagementRoleDefinition",
    odata_types=_intune.full_names("deviceAndAppManagementRoleDefinition", "roleDefinition"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "isBuiltIn",
            "isBuiltInRoleDefinition",
            "permissions",
            "rolePermissions",
            "roleScopeTagIds",
            "roleAssignments",
        }
    ),
    volatile=(
        "isBuiltIn",
        "isBuiltInRoleDefinition",
        "permissions",
        "roleAssignments",
        "rolePermissions[].actions",
    ),
    unordered={
        **_intune.TAGS_ARE_A_SET,
        "rolePermissions[].resourceActions[].allowedResourceActions": ("",),
        "rolePermissions[].resourceActions[].notAllowedResourceActions": ("",),
    },
    references=(SCOPE_TAGS,),
    built_in=_is_built_in,
    foundation=True,
    restore=RestoreRule(
        order=30,
        risk=Risk.HIGH,
        reason="It gives people rights in Intune.",
        match_by=("displayName",),
        create=writes.create_role_definition,
        update=writes.update_role_definition,
    ),
    limits=(
        "Role assignments (members and scopes) are not backed up.",
        "Built-in roles exist in every tenant and are never written.",
    ),
)
