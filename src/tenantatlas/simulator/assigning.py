"""Assignments: the whole set is replaced, ids are made anew, what is unknown is refused."""

from __future__ import annotations

from tenantatlas.core.json import Json

from . import bodies
from .errors import AnswerError, Style, bad_request, no_route, not_found
from .expanding import ZERO_GUID, assignment_rows
from .facts import Assignments, Call, Reply
from .objects import State
from .seeding import count_children

VIRTUAL_GROUPS = frozenset({"acacacac-9df4-4c7d-9d50-4ef0226f57a9", "adadadad-808e-44e2-905a-0b7873a8a531"})
_GROUPS = "/groups"
_FILTERS = "/deviceManagement/assignmentFilters"
_TARGET_PROPERTIES = {
    "groupAssignmentTarget": {"groupId"},
    "exclusionGroupAssignmentTarget": {"groupId"},
    "allDevicesAssignmentTarget": set(),
    "allLicensedUsersAssignmentTarget": set(),
}
_COMMON = {
    "@odata.type",
    "deviceAndAppManagementAssignmentFilterId",
    "deviceAndAppManagementAssignmentFilterType",
}


def replace_assignments(call: Call) -> Reply:
    """POST {item}/assign: what is sent becomes all there is."""
    rules = _rules(call)
    if call.cast != rules.cast:
        raise no_route("singleton/navigation/key/action")
    if call.request.method != "POST":
        raise no_route("singleton/navigation/key/action")
    rows = _sent_rows(rules, bodies.read_object(call))
    made = [_make_row(call, rules, row) for row in rows]
    _refuse_assigned_default(call)
    _store(call, made)
    if rules.status == 204:  # noqa: PLR2004 - no content
        return Reply(status=204)
    shown = assignment_rows(call.collection, call.state)
    return Reply(
        status=rules.status,
        body={
            "@odata.context": f"{call.graph}/{call.version}/$metadata#Collection({rules.odata_type})",
            "value": shown,
        },
    )


def add_assignment(call: Call) -> Reply:
    """POST {item}/assignments: one more."""
    rules = _rules(call)
    row = _make_row(call, rules, bodies.read_object(call))
    _store(call, [*call.state.rows("assignments"), row])
    return Reply(status=201, body=assignment_rows(call.collection, call.state)[-1])


def remove_assignment(call: Call, assignment_id: str) -> Reply:
    """DELETE {item}/assignments/{id}."""
    rows = call.state.rows("assignments")
    kept = [row for row in rows if row["id"].lower() != assignment_id.lower()]
    if len(kept) == len(rows):
        raise not_found(assignment_id, intune=True)
    _store(call, kept)
    return Reply(status=204)


def _rules(call: Call) -> Assignments:
    if call.collection.assignments is None or call.object is None:
        raise no_route("singleton/navigation/key/action")
    return call.collection.assignments


def _refuse_assigned_default(call: Call) -> None:
    built_in = call.collection.built_in
    if (
        built_in is not None
        and call.collection.intune
        and call.collection.serial_seconds
        and built_in(call.state.body)
    ):
        raise bad_request("The default configuration cannot be assigned.")


def _sent_rows(rules: Assignments, body: dict[str, Json]) -> list[dict[str, Json]]:
    for key in body:
        if key not in {rules.body_key, *rules.legacy_keys} and "@" not in key:
            raise bad_request(
                f"The parameter '{key}' in the request payload is not a valid parameter for the operation "
                "'assign'."
            )
    rows = body.get(rules.body_key, [] if any(key in body for key in rules.legacy_keys) else None)
    if not isinstance(rows, list):
        raise bad_request(f"Property {rules.body_key} in payload has a value that does not match schema.")
    return rows


def _make_row(call: Call, rules: Assignments, row: Json) -> dict[str, Json]:
    if not isinstance(row, dict):
        raise bad_request("An assignment must be an object.", code="ModelValidationFailure")
    _check_row(rules, row)
    target = _make_target(call, rules, row.get("target"))
    owner = call.object.id if call.object is not None else ""
    kept = {key: row[key] for key in rules.keep if key in row and key != "target"}
    return {
        "id": f"{owner}_{call.world.new_guid()}",
        "source": "direct",
        "sourceId": owner,
        **kept,
        "target": target,
    }


def _check_row(rules: Assignments, row: dict[str, Json]) -> None:
    given = str(row.get("@odata.type", f"#{rules.odata_type}")).removeprefix("#")
    if given != rules.odata_type:
        raise bad_request(
            f"A type named '{given}' could not be resolved by the model.", code="ModelValidationFailure"
        )
    if row.get("source", "direct") != "direct" or row.get("sourceId"):
        raise bad_request("An inherited assignment cannot be written.", phrase="InvalidAssignmentSource")
    for key in row:
        if key not in {*rules.keep, "@odata.type", "id", "source", "sourceId"}:
            raise bad_request(
                f"The property '{key}' does not exist on type '{rules.odata_type}'. Make sure to only use "
                "property names that are defined by the type.",
                code="ModelValidationFailure",
            )


def _make_target(call: Call, rules: Assignments, target: Json) -> dict[str, Json]:
    if not isinstance(target, dict):
        raise bad_request("Property target in payload has a value that does not match schema.")
    name = str(target.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")
    excluded = rules.exclusions_become_inclusions and name == "exclusionGroupAssignmentTarget"
    if name not in rules.targets and not excluded:
        raise bad_request(
            f"The assignment target '{name or 'without @odata.type'}' is not supported for this entity."
        )
    for key in target:
        if key not in _COMMON | _TARGET_PROPERTIES[name]:
            raise bad_request(
                f"The property '{key}' does not exist on type 'microsoft.graph.{name}'. Make sure to only "
                "use property names that are defined by the type.",
                code="ModelValidationFailure",
            )
    _check_group(call, rules, name, target)
    _check_filter(call, rules, name, target)
    made = {
        "@odata.type": f"#microsoft.graph.{name}",
        **{k: v for k, v in target.items() if k != "@odata.type"},
    }
    if excluded:
        made["@odata.type"] = "#microsoft.graph.groupAssignmentTarget"
    return made


def _check_group(call: Call, rules: Assignments, name: str, target: dict[str, Json]) -> None:
    if "groupId" not in _TARGET_PROPERTIES[name]:
        return
    group = str(target.get("groupId") or "")
    if group.lower() in VIRTUAL_GROUPS or call.tenant.knows(_GROUPS, group):
        return
    raise AnswerError(
        rules.unknown_group,
        "BadRequest" if rules.unknown_group == 400 else "ResourceNotFound",  # noqa: PLR2004 - HTTP's numbers
        f"The group '{group}' does not exist in the directory.",
        style=Style.INTUNE,
        phrase="GroupNotFound",
    )


def _check_filter(call: Call, rules: Assignments, name: str, target: dict[str, Json]) -> None:
    wanted = target.get("deviceAndAppManagementAssignmentFilterId")
    kind = target.get("deviceAndAppManagementAssignmentFilterType") or "none"
    if kind not in {"none", "include", "exclude"}:
        raise bad_request(f"Requested value '{kind}' was not found.", code="ModelValidationFailure")
    if wanted in {None, "", ZERO_GUID}:
        if kind == "include":
            raise bad_request(
                "An assignment filter type without a filter id.", phrase="InvalidAssignmentFilter"
            )
        return
    if not rules.filters or name == "exclusionGroupAssignmentTarget" or kind == "none":
        raise bad_request(
            "Assignment filters are not supported for this target.", phrase="InvalidAssignmentFilter"
        )
    if not call.tenant.knows(_FILTERS, str(wanted)):
        raise bad_request(
            f"The assignment filter '{wanted}' does not exist.", phrase="AssignmentFilterNotFound"
        )


def _store(call: Call, rows: list[Json]) -> None:
    if call.object is None:
        raise LookupError("the path names no object")
    inherited = [row for row in call.state.rows("assignments") if row.get("source", "direct") != "direct"]
    fresh = [row for row in rows if row.get("source", "direct") == "direct"]
    state: State = call.state.with_rows("assignments", [*inherited, *fresh])
    call.tenant.commit(call.object, count_children(call.collection, state))
    call.applied = True
