"""What is asked of a written body before anything is stored."""

from __future__ import annotations

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .errors import AnswerError, bad_request
from .facts import Call, Collection

LARGEST = 4 * 1024 * 1024
_SERVER_MADE = frozenset(
    {
        "createdDateTime",
        "lastModifiedDateTime",
        "modifiedDateTime",
        "version",
        "isAssigned",
        "supportsScopeTags",
        "createdBy",
        "lastModifiedBy",
        "settingCount",
    }
)


def read_body(call: Call) -> Json:
    """The body as JSON, or the refusal."""
    request = call.request
    if len(request.body) > LARGEST:
        raise AnswerError(413, "RequestEntityTooLarge", "The request body is too large.")
    if not request.header("content-type").lower().startswith("application/json"):
        raise AnswerError(400, "BadRequest", "Entity only allows writes with a JSON Content-Type header.")
    try:
        return json.loads(request.body)
    except json.BadJson as error:
        raise AnswerError(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of "
            "valid JSON format.",
        ) from error


def read_object(call: Call) -> dict[str, Json]:
    """The body as a JSON object."""
    body = read_body(call)
    if not isinstance(body, dict):
        raise AnswerError(400, "BadRequest", "Empty Payload. JSON content expected.")
    return body


def check_create(call: Call, body: dict[str, Json]) -> None:
    """Everything but semantics, for a new object."""
    collection = call.collection
    _check_annotations(body)
    check_type(call, body, required=True)
    _check_children(call, body)
    if "id" in body and not collection.keeps_id:
        raise bad_request("Property 'id' is read-only and cannot be set.", intune=collection.intune)
    _refuse_read_only(collection, body)
    check_schema(call, body)


def check_update(call: Call, body: dict[str, Json], *, whole: bool = False) -> None:
    """Everything but semantics, for a change."""
    collection = call.collection
    _check_annotations(body)
    check_type(call, body, required=bool(collection.types))
    if not whole:
        _refuse_navigation(call, body)
    refused = [name for name in body if name == "id" or _is_read_only(collection, name)]
    if refused:
        raise bad_request(
            f"Properties not patchable specified: {', '.join(refused)}", intune=collection.intune
        )
    before = call.state.body
    for name, sentence in collection.immutable.items():
        if name in body and (not whole or body[name] != before.get(name)):
            raise bad_request(sentence, intune=collection.intune)
    check_schema(call, body)


def _check_annotations(body: dict[str, Json]) -> None:
    for key in body:
        if key.startswith(("#", "@microsoft.graph.")):
            raise bad_request(f"Invalid property name: {key}", intune=False)
        _, sign, annotation = key.partition("@")
        if sign and annotation not in {"odata.type", "odata.bind", "odata.id"}:
            raise bad_request(
                f"An instance annotation '{key}' is not allowed in a request payload.", intune=False
            )


def check_type(call: Call, body: dict[str, Json], *, required: bool) -> None:
    """Resolve the type that the body says it is."""
    collection = call.collection
    given = body.get("@odata.type")
    if given is None:
        if required and collection.types:
            raise bad_request(
                "Must specify valid information for parsing in the string. An abstract type cannot be "
                f"created in '{collection.path}'; '@odata.type' is missing.",
                code="ModelValidationFailure",
                intune=collection.intune,
            )
        return
    name = str(given).removeprefix("#").removeprefix("microsoft.graph.")
    if name not in (collection.types or {collection.entity, *collection.derived}):
        raise bad_request(
            f"A type named 'microsoft.graph.{name}' could not be resolved by the model. When a model is "
            "available, each type name must resolve to a valid type.",
            code="ModelValidationFailure",
            intune=collection.intune,
        )
    if (
        call.object is not None
        and collection.types
        and call.state.body.get("@odata.type") != f"#microsoft.graph.{name}"
    ):
        raise bad_request("The type of an existing entity cannot be changed.", intune=collection.intune)


def _check_children(call: Call, body: dict[str, Json]) -> None:
    collection = call.collection
    names = {child.name: child.inline for child in collection.children}
    if collection.assignments is not None:
        names["assignments"] = False
    for name, inline in names.items():
        if name in body and not inline:
            raise bad_request(
                f"Cannot apply POST to navigation property '{name}' on entity type "
                f"'microsoft.graph.{collection.entity}'.",
                intune=collection.intune,
            )


def _refuse_navigation(call: Call, body: dict[str, Json]) -> None:
    collection = call.collection
    names = {child.name for child in collection.children}
    if collection.assignments is not None:
        names.add("assignments")
    for name in body:
        if name in names:
            raise bad_request(
                f"Cannot apply PATCH to navigation property '{name}' on entity type "
                f"'microsoft.graph.{collection.entity}'.",
                intune=collection.intune,
            )


def _is_read_only(collection: Collection, name: str) -> bool:
    if name in collection.defaults and name not in collection.read_only:
        return False
    return name in collection.read_only or name in _SERVER_MADE


def _refuse_read_only(collection: Collection, body: dict[str, Json]) -> None:
    refused = [name for name in body if _is_read_only(collection, name)]
    if refused:
        raise bad_request(
            f"Invalid property name: {', '.join(refused)}. The property is set by the service.",
            code="ModelValidationFailure",
            intune=collection.intune,
        )


def check_schema(call: Call, body: dict[str, Json]) -> None:
    """Property existence, enum members and formats, where a schema was given."""
    schema = call.world.schema
    name = str(body.get("@odata.type", "")).removeprefix("#microsoft.graph.") or call.collection.entity
    if schema is not None and schema.knows(name):
        schema.check(name, body)
