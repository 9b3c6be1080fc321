"""Settings catalog: policies, their settings, reusable settings, and the definitions that a tenant knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import (
    Action,
    Assignments,
    Call,
    Child,
    Collection,
    ExpandSupport,
    FilterSupport,
    Reply,
)

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, TAGGED, refuse_while_named

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

POLICIES = "/deviceManagement/configurationPolicies"
REUSABLE = "/deviceManagement/reusablePolicySettings"
_NO_TEMPLATE: dict[str, Json] = {
    "templateId": "",
    "templateFamily": "none",
    "templateDisplayName": None,
    "templateDisplayVersion": None,
}
_TEMPLATE_IDS = ("settingInstanceTemplateId", "settingValueTemplateId")


def walk(value: Json) -> Iterator[dict[str, Json]]:
    """Every object inside a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def _definition_ids(value: Json) -> set[str]:
    return {str(node["settingDefinitionId"]) for node in walk(value) if "settingDefinitionId" in node}


def _template_ids(value: Json) -> set[str]:
    return {str(node[name]) for node in walk(value) for name in _TEMPLATE_IDS if node.get(name)}


def _learn(tenant: SimTenant, document: dict[str, Json], children: dict[str, list[Json]]) -> None:
    """What a tenant already has, it knows."""
    settings = children.get("settings") or [document.get("settingInstance")]
    tenant.catalog.settings |= _definition_ids(settings)
    template = document.get("templateReference") or {}
    name = str(template.get("templateId") or "")
    if name:
        tenant.catalog.templates.setdefault(name, {**_NO_TEMPLATE, **template})
        tenant.catalog.template_references.setdefault(name, set()).update(_template_ids(settings))


def _check_settings(call: Call, settings: Json, template: str) -> None:
    if not isinstance(settings, list):
        raise bad_request("Property settings in payload has a value that does not match schema.")
    for setting in settings:
        _check_setting(call, setting)
    unknown = sorted(_definition_ids(settings) - call.tenant.catalog.settings)
    if unknown:
        raise bad_request(
            f"Setting definition(s) not found or not available for this tenant: {', '.join(unknown)}.",
            phrase="SettingDefinitionNotFound",
        )
    if template:
        strange = _template_ids(settings) - call.tenant.catalog.template_references.get(template, set())
        if strange:
            raise bad_request(
                f"Invalid Reference id found in Policy created from Template {template}: "
                f"{', '.join(sorted(strange))}."
            )


def _check_setting(call: Call, setting: Json) -> None:
    if not isinstance(setting, dict) or not isinstance(setting.get("settingInstance"), dict):
        raise bad_request("Property settingInstance in payload has a value that does not match schema.")
    if "settingDefinitions" in setting:
        raise bad_request("Cannot apply POST to navigation property 'settingDefinitions'.")
    for node in walk(setting["settingInstance"]):
        _check_node(call, node)


def _check_node(call: Call, node: dict[str, Json]) -> None:
    for key, value in node.items():
        if (key == "children" or key.endswith("CollectionValue")) and not isinstance(value, list):
            raise bad_request(f"Property {key} in payload has a value that does not match schema.")
        if key.endswith("SettingValue") and not isinstance(value, dict):
            raise bad_request(f"Property {key} in payload has a value that does not match schema.")
    kind = str(node.get("@odata.type", ""))
    if kind.endswith("ReferenceSettingValue") and not call.tenant.knows(REUSABLE, str(node.get("value"))):
        raise bad_request(
            f"Reusable setting '{node.get('value')}' was not found.", phrase="ReferenceNotFound"
        )


def _template_of(call: Call, body: dict[str, Json]) -> str:
    reference = body.get("templateReference")
    if reference is None:
        return ""
    if not isinstance(reference, dict):
        raise bad_request("Property templateReference in payload has a value that does not match schema.")
    for name in ("templateFamily", "templateDisplayName", "templateDisplayVersion"):
        if name in reference:
            raise bad_request(
                f"Invalid property name: templateReference/{name}. The property is set by the service."
            )
    template = str(reference.get("templateId") or "")
    known = call.tenant.catalog
    if template and template not in known.templates:
        raise bad_request(f"Template '{template}' was not found.", phrase="TemplateNotFound")
    return template


def _check_create(call: Call, body: dict[str, Json]) -> None:
    for name in ("creationSource", "priorityMetaData"):
        if name in body:
            raise bad_request(f"Invalid property name: {name}. The property is set by the service.")
    for name in ("name", "platforms", "technologies"):
        if not body.get(name):
            raise bad_request(f"Property {name} is required.", code="ModelValidationFailure")
    template = _template_of(call, body)
    if template in call.tenant.catalog.retired_templates:
        raise bad_request(f"Invalid Reference id found in Policy created from Template {template}.")
    _refuse_row_ids(body)
    _check_settings(call, body.get("settings", []), template)


def _refuse_row_ids(body: dict[str, Json]) -> None:
    settings = body.get("settings")
    if isinstance(settings, list) and any(isinstance(row, dict) and "id" in row for row in settings):
        raise bad_request("Invalid property name: settings/id. The property is set by the service.")


def _check_update(call: Call, body: dict[str, Json]) -> None:
    before = call.state.body
    known = str((before.get("templateReference") or {}).get("templateId") or "")
    if "priorityMetaData" in body:
        raise bad_request("Properties not patchable specified: priorityMetaData")
    if "templateReference" in body and _template_of(call, body) != known:
        raise bad_request("The template of a policy cannot be changed.")
    if call.request.method == "PUT":
        _check_put(call, body, known)


def _check_put(call: Call, body: dict[str, Json], template: str) -> None:
    before = call.state.body
    family = (before.get("templateReference") or {}).get("templateFamily")
    for name in ("name", "platforms", "technologies", "settings"):
        if name not in body:
            raise bad_request(f"Property {name} is required.", code="ModelValidationFailure")
    if (
        family == "enrollmentConfiguration"
        and before.get("creationSource")
        and not body.get("creationSource")
    ):
        raise bad_request("creationSource is required to update an enrollment policy.")
    _check_settings(call, body["settings"], template)


def _complete(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    template = str((document.get("templateReference") or {}).get("templateId") or "")
    known = tenant.catalog.templates.get(template, _NO_TEMPLATE)
    return {**document, "templateReference": dict(known)}


def _newer_baseline(call: Call, body: Json) -> Reply:
    del body
    return Reply(status=200, body=dict(call.state.body))


def _no_target(call: Call, body: Json) -> Reply:
    del call, body
    return Reply(status=200, body={"enrollmentTimeDeviceMembershipTargetValidationStatuses": []})


def _known_definitions(tenant: SimTenant) -> Mapping[str, dict[str, Json]]:
    return {name: {"id": name, "name": name.rpartition("_")[2]} for name in sorted(tenant.catalog.settings)}


def _known_templates(tenant: SimTenant) -> Mapping[str, dict[str, Json]]:
    return {
        name: {
            "id": name,
            "displayName": row.get("templateDisplayName"),
            "displayVersion": row.get("templateDisplayVersion"),
            "templateFamily": row.get("templateFamily"),
            "lifecycleState": "retired" if name in tenant.catalog.retired_templates else "active",
        }
        for name, row in sorted(tenant.catalog.templates.items())
    }


def _check_reusable(call: Call, body: dict[str, Json]) -> None:
    instance = body.get("settingInstance")
    if not isinstance(instance, dict) or not body.get("displayName"):
        raise bad_request("Property settingInstance in payload has a value that does not match schema.")
    for node in walk(instance):
        _check_node(call, node)
    unknown = (
        {str(body.get("settingDefinitionId"))} | _definition_ids(instance)
    ) - call.tenant.catalog.settings
    if unknown:
        raise bad_request(f"Setting definition(s) not found: {', '.join(sorted(unknown))}.")


def _check_reusable_update(call: Call, body: dict[str, Json]) -> None:
    if body.get("settingDefinitionId", call.state.body.get("settingDefinitionId")) != call.state.body.get(
        "settingDefinitionId"
    ):
        raise bad_request("The setting definition of a reusable setting cannot be changed.")
    _check_reusable(call, {**body, "settingDefinitionId": call.state.body.get("settingDefinitionId")})


def _learn_reusable(tenant: SimTenant, document: dict[str, Json], children: dict[str, list[Json]]) -> None:
    _learn(tenant, document, children)
    if document.get("settingDefinitionId"):
        tenant.catalog.settings.add(str(document["settingDefinitionId"]))


def _check_linux_create(call: Call, body: dict[str, Json]) -> None:
    """Actions in the body of a create are not looked at; there will be one that blocks."""
    _check_create(call, body)
    action = {
        "id": call.world.new_guid(),
        "actionType": "block",
        "gracePeriodHours": 0,
        "notificationTemplateId": "00000000-0000-0000-0000-000000000000",
        "notificationMessageCCList": [],
    }
    body["scheduledActionsForRule"] = [
        {"id": call.world.new_guid(), "ruleName": None, "scheduledActionConfigurations": [action]}
    ]


def _replace_actions(call: Call, body: Json) -> Reply:
    rows = body.get("scheduledActions") if isinstance(body, dict) else None
    if not isinstance(rows, list) or call.object is None:
        raise bad_request("Property scheduledActions in payload has a value that does not match schema.")
    made = [{**row, "id": call.world.new_guid()} for row in rows]
    call.tenant.commit(call.object, call.state.with_rows("scheduledActionsForRule", made))
    call.applied = True
    return Reply(status=204)


_ASSIGNED = Assignments(
    odata_type="microsoft.graph.deviceManagementConfigurationPolicyAssignment", on_item=ExpandSupport.EMPTY
)
_SETTINGS = Child(
    name="settings",
    entity="deviceManagementConfigurationSetting",
    page_size=25,
    counted=True,
    on_item=ExpandSupport.WORKS,
    nested=("settingDefinitions",),
    inline=True,
)

COLLECTIONS = (
    Collection(
        path=POLICIES,
        entity="deviceManagementConfigurationPolicy",
        family="deviceConfigV2",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        name="name",
        page_size=25,
        counts_pages=True,
        filter=FilterSupport.EVALUATED,
        children=(_SETTINGS,),
        assignments=_ASSIGNED,
        put=True,
        defaults={
            **TAGGED,
            "description": "",
            "priorityMetaData": None,
            "creationSource": None,
            "templateReference": _NO_TEMPLATE,
        },
        immutable={
            "platforms": "Platform cannot be changed",
            "technologies": "Technologies cannot be changed",
        },
        check_create=_check_create,
        check_update=_check_update,
        complete=_complete,
        learn=_learn,
        computed={"settingCount": "settings"},
        is_assigned=True,
        actions={
            "retrieveLatestUpgradeDefaultBaselinePolicy": Action(_newer_baseline, method="GET"),
            "retrieveEnrollmentTimeDeviceMembershipTarget": Action(_no_target),
        },
    ),
    Collection(
        path=REUSABLE,
        entity="deviceManagementReusablePolicySetting",
        family="deviceConfigV2",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        omitted_unless_selected=("settingInstance",),
        patch=False,
        put=True,
        versioned=True,
        defaults={"description": "", "referencingConfigurationPolicyCount": 0},
        read_only=("referencingConfigurationPolicyCount", "referencingConfigurationPolicies"),
        check_create=_check_reusable,
        check_update=_check_reusable_update,
        check_delete=lambda call: refuse_while_named(call, POLICIES),
        learn=_learn_reusable,
    ),
    Collection(
        path="/deviceManagement/compliancePolicies",
        entity="deviceManagementCompliancePolicy",
        family="deviceConfigV2",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        name="name",
        page_size=25,
        counts_pages=True,
        children=(
            _SETTINGS,
            Child(
                name="scheduledActionsForRule",
                nested=("scheduledActionConfigurations",),
                on_item=ExpandSupport.EMPTY,
                inline=True,
            ),
        ),
        assignments=_ASSIGNED,
        put=True,
        defaults={**TAGGED, "description": "", "creationSource": None},
        immutable={"platforms": "Platform cannot be changed"},
        check_create=_check_linux_create,
        check_update=_check_update,
        learn=_learn,
        computed={"settingCount": "settings"},
        is_assigned=True,
        actions={"setScheduledActions": Action(_replace_actions)},
    ),
    Collection(
        path="/deviceManagement/configurationSettings",
        entity="deviceManagementConfigurationSettingDefinition",
        family="deviceConfigV2",
        read=CONFIGURATION_READ,
        write=(),
        v1=False,
        virtual=_known_definitions,
        create=False,
    ),
    Collection(
        path="/deviceManagement/configurationPolicyTemplates",
        entity="deviceManagementConfigurationPolicyTemplate",
        family="deviceConfigV2",
        read=CONFIGURATION_READ,
        write=(),
        v1=False,
        virtual=_known_templates,
        create=False,
    ),
)
