"""Scope tags, assignment filters, roles: the foundations that everything else names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import Assignments, Call, Child, Collection, ExpandSupport, FilterSupport

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, TAGGED

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

TAGS = "/deviceManagement/roleScopeTags"
FILTERS = "/deviceManagement/assignmentFilters"
_RULE = re.compile(
    r"\((?:device|app)\.\w+ -(?:eq|ne|in|notIn|contains|notContains|startsWith|notStartsWith) .+\)", re.S
)
_RBAC_READ = (
    "DeviceManagementRBAC.Read.All",
    "DeviceManagementRBAC.ReadWrite.All",
    *CONFIGURATION_READ,
)
_RBAC_WRITE = ("DeviceManagementRBAC.ReadWrite.All", *CONFIGURATION_WRITE)


def _next_tag(call: Call, body: dict[str, Json]) -> str:
    del body
    numbers = [int(key) for key in call.tenant.stored.get(TAGS.lower(), {}) if key.isdigit()]
    return str(max(numbers, default=0) + 1)


def _is_default_tag(body: dict[str, Json]) -> bool:
    return body.get("id") == "0" or bool(body.get("isBuiltIn"))


def _refuse_used_tag(call: Call) -> None:
    wanted = call.state.body["id"]
    for objects in call.tenant.stored.values():
        for found in objects.values():
            body = {} if found.newest is None else found.newest.body
            if wanted in (body.get("roleScopeTagIds") or ()) or wanted in (body.get("roleScopeTags") or ()):
                raise bad_request(f"Scope tag '{wanted}' is in use and cannot be deleted.")


def _refuse_used_filter(call: Call) -> None:
    wanted = call.state.body["id"].lower()
    for objects in call.tenant.stored.values():
        for found in objects.values():
            rows = () if found.newest is None else found.newest.rows("assignments")
            for row in rows:
                used = (row.get("target") or {}).get("deviceAndAppManagementAssignmentFilterId")
                if str(used).lower() == wanted:
                    raise bad_request(f"The assignment filter '{wanted}' is associated with an assignment.")


def _check_filter(call: Call, body: dict[str, Json]) -> None:
    del call
    rule = body.get("rule", "")
    if not body.get("displayName") or not body.get("platform"):
        raise bad_request("Properties displayName and platform are required.", code="ModelValidationFailure")
    _check_rule(rule)


def _check_rule(rule: Json) -> None:
    if not isinstance(rule, str) or not _RULE.search(rule) or rule.count("(") != rule.count(")"):
        raise bad_request(f"The filter rule '{str(rule)[:80]}' is not valid.", phrase="InvalidFilterRule")


def _check_filter_update(call: Call, body: dict[str, Json]) -> None:
    del call
    if "rule" in body:
        _check_rule(body["rule"])


def _learn_actions(tenant: SimTenant, document: dict[str, Json], children: dict[str, list[Json]]) -> None:
    del children
    tenant.catalog.resource_actions |= set(_actions(document))


def _actions(body: dict[str, Json]) -> list[str]:
    return [
        str(name)
        for permission in body.get("rolePermissions") or ()
        for action in permission.get("resourceActions") or ()
        for key in ("allowedResourceActions", "notAllowedResourceActions")
        for name in action.get(key) or ()
    ]


def _check_role(call: Call, body: dict[str, Json]) -> None:
    if not body.get("displayName") or not isinstance(body.get("rolePermissions"), list):
        raise bad_request("Property rolePermissions in payload has a value that does not match schema.")
    _check_role_actions(call, body)


def _check_role_actions(call: Call, body: dict[str, Json]) -> None:
    unknown = sorted(set(_actions(body)) - call.tenant.catalog.resource_actions)
    if unknown:
        raise bad_request(
            f"Unknown resource action(s): {', '.join(unknown)}.", phrase="InvalidResourceAction"
        )


def _mirror_permissions(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    del tenant
    return {
        **document,
        "permissions": document.get("rolePermissions", []),
        "isBuiltIn": bool(document.get("isBuiltIn")),
    }


COLLECTIONS = (
    Collection(
        path=TAGS,
        entity="roleScopeTag",
        family="rbac",
        read=(*CONFIGURATION_READ, *_RBAC_READ[:2]),
        write=_RBAC_WRITE,
        v1=False,
        filter=FilterSupport.EVALUATED,
        assignments=Assignments(
            odata_type="microsoft.graph.roleScopeTagAutoAssignment",
            targets=frozenset({"groupAssignmentTarget"}),
            filters=False,
            on_list=ExpandSupport.EMPTY,
            on_item=ExpandSupport.EMPTY,
        ),
        create_status=200,
        patch_status=200,
        created="",
        modified="",
        defaults={"description": "", "isBuiltIn": False},
        read_only=("isBuiltIn", "permissions"),
        new_id=_next_tag,
        built_in=_is_default_tag,
        check_delete=_refuse_used_tag,
    ),
    Collection(
        path=FILTERS,
        entity="deviceAndAppManagementAssignmentFilter",
        derived=frozenset({"payloadCompatibleAssignmentFilter"}),
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        omitted=("payloads",),
        filter=FilterSupport.REFUSED,
        patch_status=200,
        defaults={
            "roleScopeTags": ["0"],
            "description": "",
            "assignmentFilterManagementType": "devices",
            "payloads": [],
        },
        read_only=("payloads",),
        immutable={
            "platform": "Platform cannot be changed",
            "assignmentFilterManagementType": "AssignmentFilterManagementType cannot be changed",
        },
        check_create=_check_filter,
        check_update=_check_filter_update,
        check_delete=_refuse_used_filter,
    ),
    Collection(
        path="/deviceManagement/roleDefinitions",
        entity="roleDefinition",
        family="rbac",
        read=_RBAC_READ,
        write=_RBAC_WRITE,
        filter=FilterSupport.IGNORED,
        types=frozenset({"deviceAndAppManagementRoleDefinition"}),
        children=(Child(name="roleAssignments", on_item=ExpandSupport.WORKS),),
        create_status=200,
        patch_status=200,
        created="",
        modified="",
        defaults={**TAGGED, "description": "", "isBuiltInRoleDefinition": False, "isBuiltIn": False},
        read_only=("isBuiltIn", "isBuiltInRoleDefinition", "permissions", "roleAssignments"),
        check_create=_check_role,
        check_update=_check_role_actions,
        complete=_mirror_permissions,
        learn=_learn_actions,
        built_in=lambda body: bool(body.get("isBuiltIn") or body.get("isBuiltInRoleDefinition")),
    ),
)
