"""Administrative templates: values two levels down, written by an action with odd rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, Style, bad_request
from tenantatlas.simulator.facts import Action, Assignments, Call, Child, Collection, ExpandSupport, Reply

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, TAGGED

if TYPE_CHECKING:
    from tenantatlas.simulator.tenants import SimTenant

POLICIES = "/deviceManagement/groupPolicyConfigurations"
DEFINITIONS = "/deviceManagement/groupPolicyDefinitions"
_BIND = re.compile(
    r"/groupPolicyDefinitions(?:\('|/)(?P<definition>[^')/]+)'?\)?"
    r"(?:/presentations(?:\('|/)(?P<presentation>[^')/]+)'?\)?)?$"
)


# seeding: documents come with definitions embedded or with links to them


def _prepare(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    rows = [_prepare_row(tenant, row) for row in document.get("definitionValues") or ()]
    return {**document, "definitionValues": rows}


def _prepare_row(tenant: SimTenant, row: dict[str, Json]) -> dict[str, Json]:
    row = {key: value for key, value in row.items() if not key.startswith("#")}
    bind = _BIND.search(str(row.pop("definition@odata.bind", "")))
    given = row.get("definition") or ({"id": bind["definition"]} if bind else None)
    if given is None:
        raise ValueError("a definition value that names no definition")
    values = [dict(value) for value in row.pop("presentationValues", None) or ()]
    presentations = [_presentation_of(value) for value in values]
    row["definition"] = _learn_definition(tenant, given, [each for each in presentations if each])
    row.setdefault("id", tenant.world.new_guid())
    known = {each["id"]: each for each in _presentations_of(tenant, given["id"])}
    row["presentationValues"] = [
        {
            "id": tenant.world.new_guid(),
            **value,
            "presentation": presentation and known[presentation["id"]],
        }
        for value, presentation in zip(values, presentations, strict=True)
    ]
    return row


def _presentations_of(tenant: SimTenant, definition: str) -> tuple[Json, ...]:
    found = tenant.find(DEFINITIONS, definition)
    return () if found is None else found.latest.rows("presentations")


def _presentation_of(value: dict[str, Json]) -> Json:
    for key in [key for key in value if key.startswith("#")]:
        del value[key]
    bind = _BIND.search(str(value.pop("presentation@odata.bind", "")))
    given = value.pop("presentation", None)
    return given or ({"id": bind["presentation"]} if bind and bind["presentation"] else None)


def _learn_definition(tenant: SimTenant, given: Json, presentations: list[Json]) -> dict[str, Json]:
    found = tenant.find(DEFINITIONS, given["id"])
    if found is None:
        tenant.put(
            DEFINITIONS,
            {
                "classType": "machine",
                "displayName": given["id"],
                "categoryPath": "\\",
                "policyType": "admxBacked",
                **given,
                "presentations": presentations,
            },
        )
        found = tenant.find(DEFINITIONS, given["id"])
    if found is None:
        raise LookupError(given["id"])
    known = {row["id"] for row in found.latest.rows("presentations")}
    more = [each for each in presentations if each["id"] not in known]
    if more:
        tenant.commit(
            found, found.latest.with_rows("presentations", [*found.latest.rows("presentations"), *more])
        )
    return dict(found.latest.body)


# writing


def _update_values(call: Call, body: Json) -> Reply:
    if not isinstance(body, dict) or call.object is None:
        raise bad_request("Property added in payload has a value that does not match schema.")
    for key in body:
        if key not in {"added", "updated", "deletedIds"}:
            raise bad_request(
                f"The parameter '{key}' is not valid for the operation 'updateDefinitionValues'."
            )
    if body.get("updated"):
        raise bad_request("Updating definition values is not supported.", phrase="UpdateNotSupported")
    before = call.state.rows("definitionValues")
    configured = {row["definition"]["id"] for row in before}
    added = [_make_value(call, row) for row in body.get("added") or ()]
    fresh = [
        row for row in added if row["definition"]["id"] not in configured
    ]  # already set: silently ignored
    gone = {str(each).lower() for each in body.get("deletedIds") or ()}
    kept = [row for row in before if row["id"].lower() not in gone]
    state = call.state.with_rows("definitionValues", [*kept, *fresh])
    call.tenant.commit(call.object, state)
    call.applied = True
    return Reply(status=204)


def _linked(call: Call, link: Json) -> re.Match[str]:
    text = str(link)
    if not text.startswith(f"{call.graph}/{call.version}{'/deviceManagement/'}"):
        raise bad_request(
            f"The entity reference link '{text}' does not belong to this service.", intune=False
        )
    match = _BIND.search(text)
    if match is None:
        raise bad_request(f"The entity reference link '{text}' cannot be resolved.", intune=False)
    return match


def _foreign_definition(name: str) -> AnswerError:
    """The service says that something broke, not what: the definition belongs to another tenant."""
    return AnswerError(
        500, "InternalServerError", f"An internal server error has occurred ({name}).", style=Style.INTUNE
    )


def _make_value(call: Call, row: Json) -> dict[str, Json]:
    if not isinstance(row, dict) or not isinstance(row.get("enabled"), bool):
        raise bad_request("Property enabled in payload has a value that does not match schema.")
    for key in row:
        if key not in {
            "@odata.type",
            "enabled",
            "configurationType",
            "definition@odata.bind",
            "presentationValues",
        }:
            raise bad_request(f"Invalid property name: {key}")
    match = _linked(call, row.get("definition@odata.bind"))
    found = call.tenant.find(DEFINITIONS, match["definition"])
    if found is None or found.newest is None:
        raise _foreign_definition(match["definition"])
    presentations = {each["id"].lower(): each for each in found.latest.rows("presentations")}
    values = [
        _make_presentation_value(call, value, presentations) for value in row.get("presentationValues") or ()
    ]
    date = call.world.date()
    return {
        "id": call.world.new_guid(),
        "configurationType": row.get("configurationType", "policy"),
        "enabled": row["enabled"],
        "createdDateTime": date,
        "lastModifiedDateTime": date,
        "definition": dict(found.latest.body),
        "presentationValues": values,
    }


def _make_presentation_value(call: Call, value: Json, presentations: dict[str, Json]) -> dict[str, Json]:
    if not isinstance(value, dict) or "@odata.type" not in value:
        raise bad_request("A presentation value must say its '@odata.type'.", code="ModelValidationFailure")
    for key in ("id", "createdDateTime", "lastModifiedDateTime", "presentation", "definitionValue"):
        if key in value:
            raise bad_request(f"Invalid property name: {key}")
    match = _linked(call, value.get("presentation@odata.bind"))
    presentation = presentations.get(str(match["presentation"]).lower())
    if presentation is None:
        raise _foreign_definition(str(match["presentation"]))
    date = call.world.date()
    own = {key: each for key, each in value.items() if key != "presentation@odata.bind"}
    return {
        "id": call.world.new_guid(),
        **own,
        "createdDateTime": date,
        "lastModifiedDateTime": date,
        "presentation": presentation,
    }


def _unknown_on_item(call: Call, body: dict[str, Json], view: str) -> dict[str, Json]:
    del call
    return {**body, "policyConfigurationIngestionType": "unknown"} if view == "item" else body


def _ingestion_type(tenant: SimTenant, document: dict[str, Json]) -> dict[str, Json]:
    del tenant
    return {"policyConfigurationIngestionType": "builtIn", **document}


def _file_status(call: Call, body: dict[str, Json], view: str) -> dict[str, Json]:
    del call, view
    return {**body, "content": None}


COLLECTIONS = (
    Collection(
        path=POLICIES,
        entity="groupPolicyConfiguration",
        family="gpAnalytics",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        children=(
            Child(
                name="definitionValues",
                entity="groupPolicyDefinitionValue",
                page_size=100,
                on_item=ExpandSupport.WORKS,
                nested=("definition", "presentationValues"),
            ),
        ),
        assignments=Assignments(odata_type="microsoft.graph.groupPolicyConfigurationAssignment"),
        patch_status=200,
        defaults={**TAGGED, "description": ""},
        read_only=("policyConfigurationIngestionType",),
        item_shows=_unknown_on_item,
        complete=_ingestion_type,
        prepare=_prepare,
        actions={"updateDefinitionValues": Action(_update_values)},
    ),
    Collection(
        path=DEFINITIONS,
        entity="groupPolicyDefinition",
        family="gpAnalytics",
        read=CONFIGURATION_READ,
        write=(),
        v1=False,
        page_size=200,
        children=(
            Child(
                name="presentations",
                entity="groupPolicyPresentation",
                on_list=ExpandSupport.WORKS,
                on_item=ExpandSupport.WORKS,
            ),
        ),
        create=False,
        created="",
    ),
    Collection(
        path="/deviceManagement/groupPolicyUploadedDefinitionFiles",
        entity="groupPolicyUploadedDefinitionFile",
        family="gpAnalytics",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        name="fileName",
        children=(Child(name="groupPolicyUploadedLanguageFiles", on_item=ExpandSupport.WORKS),),
        create=False,
        patch=False,
        delete=False,
        created="",
        item_shows=_file_status,
    ),
)
