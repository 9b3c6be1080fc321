"""Compliance policies and the messages that they send."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request, no_route, not_found
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

from .common import (
    CONFIGURATION_READ,
    CONFIGURATION_WRITE,
    SERVICE_READ,
    SERVICE_WRITE,
    TAGGED,
    refuse_while_named,
)

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

POLICIES = "/deviceManagement/deviceCompliancePolicies"
TEMPLATES = "/deviceManagement/notificationMessageTemplates"
_NO_TEMPLATE = {"", None, "00000000-0000-0000-0000-000000000000"}
_STATUS = (
    "deviceStatuses",
    "userStatuses",
    "deviceStatusOverview",
    "userStatusOverview",
    "deviceSettingStateSummaries",
)
TYPES = frozenset(
    {
        "androidCompliancePolicy",
        "androidDeviceOwnerCompliancePolicy",
        "androidForWorkCompliancePolicy",
        "androidWorkProfileCompliancePolicy",
        "aospDeviceOwnerCompliancePolicy",
        "defaultDeviceCompliancePolicy",
        "iosCompliancePolicy",
        "macOSCompliancePolicy",
        "windows10CompliancePolicy",
        "windows10MobileCompliancePolicy",
        "windows81CompliancePolicy",
        "windowsPhone81CompliancePolicy",
    }
)


def _check_rules(call: Call, rules: Json) -> list[Json]:
    """One rule with at least one action that blocks; ids are the service's business."""
    if not isinstance(rules, list) or len(rules) != 1 or not isinstance(rules[0], dict):
        raise bad_request("Exactly one scheduled action rule is required.", phrase="InvalidScheduledActions")
    actions = rules[0].get("scheduledActionConfigurations")
    if not isinstance(actions, list) or not any(action.get("actionType") == "block" for action in actions):
        raise bad_request("A scheduled action of type block is required.", phrase="MissingBlockAction")
    for action in actions:
        _check_action(call, action)
    if "id" in rules[0]:
        raise bad_request("Invalid property name: scheduledActionsForRule/id.")
    return rules


def _check_action(call: Call, action: dict[str, Json]) -> None:
    if "id" in action:
        raise bad_request("Invalid property name: scheduledActionConfigurations/id.")
    template = action.get("notificationTemplateId")
    if template not in _NO_TEMPLATE and not call.tenant.knows(TEMPLATES, str(template)):
        raise bad_request(f"Notification template '{template}' does not exist.", phrase="TemplateNotFound")
    copies = action.get("notificationMessageCCList", [])
    if not isinstance(copies, list):
        raise bad_request(
            "Property notificationMessageCCList in payload has a value that does not match schema."
        )
    for group in copies:
        if not call.tenant.knows("/groups", str(group)):
            raise bad_request(f"The group '{group}' does not exist in the directory.", phrase="GroupNotFound")


def _stored_rules(call: Call, rules: list[Json]) -> list[Json]:
    """The rule's name is ignored."""
    made = copy.deepcopy(rules)
    for rule in made:
        rule.update({"id": call.world.new_guid(), "ruleName": None})
        rule["scheduledActionConfigurations"] = [
            {"id": call.world.new_guid(), **action} for action in rule["scheduledActionConfigurations"]
        ]
    return made


def _check_script(call: Call, body: dict[str, Json]) -> None:
    script = body.get("deviceCompliancePolicyScript")
    if isinstance(script, dict):
        wanted = str(script.get("deviceComplianceScriptId"))
        if not call.tenant.knows("/deviceManagement/deviceComplianceScripts", wanted):
            raise bad_request(f"Compliance script '{wanted}' does not exist.", phrase="ScriptNotFound")


def _check_create(call: Call, body: dict[str, Json]) -> None:
    if not body.get("displayName"):
        raise bad_request("Property displayName is required.", code="ModelValidationFailure")
    body["scheduledActionsForRule"] = _stored_rules(
        call, _check_rules(call, body.get("scheduledActionsForRule"))
    )
    _check_script(call, body)


def _replace_rules(call: Call, body: Json) -> Reply:
    rules = body.get("deviceComplianceScheduledActionForRules") if isinstance(body, dict) else None
    made = _stored_rules(call, _check_rules(call, rules))
    if call.object is None:
        raise no_route("singleton/navigation/key/action")
    call.tenant.commit(call.object, call.state.with_rows("scheduledActionsForRule", made))
    call.applied = True
    return Reply(status=204)


# messages


def _change_message(call: Call, method: str, row_id: str, body: Json) -> Json:
    handlers = {"POST": _add_message, "PATCH": _edit_message, "DELETE": _drop_message}
    if method not in handlers or (method == "POST") == bool(row_id):
        raise no_route("singleton/navigation/key/navigation")
    return handlers[method](call, row_id, body)


def _store_messages(call: Call, rows: list[Json]) -> None:
    if call.object is None:
        raise no_route("singleton/navigation/key/navigation")
    default = next((row["locale"] for row in rows if row.get("isDefault")), None)
    state = call.state.with_rows("localizedNotificationMessages", rows).with_properties(defaultLocale=default)
    call.tenant.commit(call.object, state)


def _add_message(call: Call, row_id: str, body: Json) -> Json:
    del row_id
    rows = list(call.state.rows("localizedNotificationMessages"))
    locale = str(body.get("locale") or "").lower()
    for name in ("locale", "subject", "messageTemplate"):
        if not body.get(name):
            raise bad_request(f"Property {name} is required.", code="ModelValidationFailure")
    for name in ("id", "lastModifiedDateTime"):
        if name in body:
            raise bad_request(f"Invalid property name: {name}")
    if any(row["locale"].lower() == locale for row in rows):
        raise bad_request(f"A message for the locale '{locale}' exists already.", phrase="DuplicateLocale")
    made = {
        "id": f"{call.state.body['id']}_{locale}",
        "lastModifiedDateTime": call.world.date(),
        **body,
        "locale": locale,
        "isDefault": bool(body.get("isDefault")) or not rows,
    }
    made.pop("@odata.type", None)
    _store_messages(call, [*_others(rows, made), made])
    return made


def _others(rows: list[Json], changed: Json) -> list[Json]:
    """The other messages; the default moves to the changed one when it asks for it."""
    others = [row for row in rows if row["id"] != changed["id"]]
    return [{**row, "isDefault": False} for row in others] if changed.get("isDefault") else others


def _message(call: Call, row_id: str) -> Json:
    rows = call.state.rows("localizedNotificationMessages")
    row = next((each for each in rows if each["id"].lower() == row_id.lower()), None)
    if row is None:
        raise not_found(row_id, intune=True)
    return row


def _edit_message(call: Call, row_id: str, body: Json) -> Json:
    row = _message(call, row_id)
    if "locale" in body or "id" in body:
        raise bad_request("Properties not patchable specified: locale")
    if row.get("isDefault") and body.get("isDefault") is False:
        raise bad_request("The default message cannot be unset; set another one.")
    made = {**row, **body, "lastModifiedDateTime": call.world.date()}
    made.pop("@odata.type", None)
    rows = [
        made if each["id"] == row["id"] else each for each in call.state.rows("localizedNotificationMessages")
    ]
    if made.get("isDefault"):
        rows = [each if each["id"] == row["id"] else {**each, "isDefault": False} for each in rows]
    _store_messages(call, rows)
    return made


def _drop_message(call: Call, row_id: str, body: Json) -> Json:
    del body
    row = _message(call, row_id)
    if row.get("isDefault"):
        raise bad_request("The default message cannot be deleted.")
    _store_messages(
        call, [each for each in call.state.rows("localizedNotificationMessages") if each is not row]
    )
    return None


def _default_locale(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    del tenant
    return {"defaultLocale": None, **document}


COLLECTIONS = (
    Collection(
        path=POLICIES,
        entity="deviceCompliancePolicy",
        family="deviceConfiguration",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        filter=FilterSupport.EVALUATED,
        filter_refuses=("startswith",),
        types=TYPES,
        children=(
            Child(
                name="scheduledActionsForRule",
                entity="deviceComplianceScheduledActionForRule",
                on_list=ExpandSupport.WORKS,
                on_item=ExpandSupport.WORKS,
                nested=("scheduledActionConfigurations",),
                inline=True,
                keeps_ids=True,
            ),
        ),
        assignments=Assignments(odata_type="microsoft.graph.deviceCompliancePolicyAssignment"),
        versioned=True,
        defaults={**TAGGED, "description": None},
        read_only=_STATUS,
        check_create=_check_create,
        check_update=_check_script,
        actions={"scheduleActionsForRules": Action(_replace_rules)},
    ),
    Collection(
        path=TEMPLATES,
        entity="notificationMessageTemplate",
        family="notifications",
        read=SERVICE_READ,
        write=SERVICE_WRITE,
        filter=FilterSupport.REFUSED,
        children=(
            Child(
                name="localizedNotificationMessages",
                entity="localizedNotificationMessage",
                on_item=ExpandSupport.WORKS,
                parent_key=True,
                change=_change_message,
            ),
        ),
        create_status=200,
        patch_status=200,
        created="",
        defaults={**TAGGED, "description": None, "brandingOptions": "none"},
        read_only=("defaultLocale",),
        complete=_default_locale,
        check_delete=lambda call: refuse_while_named(call, POLICIES),
    ),
)
