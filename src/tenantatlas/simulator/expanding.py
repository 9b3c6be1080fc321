"""Rows that hang below an object: what `$expand` shows of them, and how each row looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantatlas.core.json import Json

from .errors import bad_request
from .facts import Call, Child, Collection, ExpandSupport
from .odata import Expand, Query, parse_query, select
from .paging import next_link

if TYPE_CHECKING:
    from .objects import SimObject, State

ZERO_GUID = "00000000-0000-0000-0000-000000000000"


def expandable(call: Call, expand: Expand, *, on_list: bool) -> ExpandSupport:
    """What becomes of this `$expand`; a 400 where it is refused."""
    collection = call.collection
    rules = collection.assignments
    child = collection.child(expand.name)
    support = ExpandSupport.REFUSED
    if expand.name == "assignments" and rules is not None:
        support = rules.on_list if on_list else rules.on_item
    elif child is not None:
        support = child.on_list if on_list else child.on_item
    if support is ExpandSupport.REFUSED:
        raise bad_request(
            f"Parsing OData Select and Expand failed: Could not find a property named '{expand.name}' on "
            f"type 'microsoft.graph.{collection.entity}'.",
            intune=collection.intune,
        )
    if child is not None:
        check_nested(child, expand.query)
    return support


def check_nested(child: Child, query: Query) -> None:
    """Refuse an `$expand` inside an `$expand` that the service does not know."""
    for inner in query.expand:
        if inner.name not in child.nested or inner.query.expand:
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{inner.name}' "
                f"on type 'microsoft.graph.{child.entity}'."
            )


def expand_into(
    call: Call, found: SimObject, state: State, body: dict[str, Json], expand: Expand, *, on_list: bool
) -> None:
    """Put an expanded navigation property into a shown body."""
    support = expandable(call, expand, on_list=on_list)
    child = call.collection.child(expand.name)
    if support is ExpandSupport.EMPTY:
        body[expand.name] = []
    elif child is None:
        rules, built_in = call.collection.assignments, call.collection.built_in
        if rules is not None and rules.absent_on_built_in and built_in is not None and built_in(state.body):
            return
        body["assignments"] = assignment_rows(call.collection, state)
    elif child.single:
        rows = state.rows(child.name)
        body[child.name] = child_row(child, rows[0], expand.query) if rows else None
    else:
        _expand_page(call, found, state, body, child, expand.query)


def _expand_page(
    call: Call, found: SimObject, state: State, body: dict[str, Json], child: Child, query: Query
) -> None:
    rows = state.rows(child.name)
    size = call.world.page_size or child.page_size
    body[child.name] = [child_row(child, row, query) for row in rows[:size]]
    if len(rows) > size and child.routed:
        path = f"/{call.version}{call.collection.path}('{found.id}')/{child.name}"
        bare = _bare(call, "")
        body[f"{child.name}@odata.nextLink"] = next_link(bare, path, size)


def _bare(call: Call, raw: str) -> Call:
    return Call(
        world=call.world,
        tenant=call.tenant,
        collection=call.collection,
        request=call.request,
        query=parse_query(raw),
        version=call.version,
        graph=call.graph,
    )


def assignment_rows(collection: Collection, state: State) -> list[Json]:
    """The assignments as they are shown."""
    return [_shown_assignment(collection, row) for row in state.rows("assignments")]


def _shown_assignment(collection: Collection, row: Json) -> Json:
    rules = collection.assignments
    target = dict(row.get("target") or {})
    has_filter = target.get("deviceAndAppManagementAssignmentFilterId")
    if rules is not None and rules.zero_filter and not has_filter:
        target["deviceAndAppManagementAssignmentFilterId"] = ZERO_GUID
        target["deviceAndAppManagementAssignmentFilterType"] = rules.zero_filter
    else:
        target.setdefault("deviceAndAppManagementAssignmentFilterId", None)
        target.setdefault("deviceAndAppManagementAssignmentFilterType", "none")
    return {**row, "target": target}


def nested_row(row: Json, query: Query) -> Json:
    """One row two levels below an object, as it is shown."""
    shown = {key: value for key, value in row.items() if not isinstance(value, dict)}
    for expand in query.expand:
        if expand.query.expand or expand.name not in row:
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{expand.name}'."
            )
        shown[expand.name] = row[expand.name]
    return shown


def child_row(child: Child, row: Json, query: Query) -> Json:
    """One row below an object, as it is shown."""
    shown = {key: value for key, value in row.items() if key not in child.nested}
    if query.select:
        shown = select(shown, query.select)
    for expand in query.expand:
        if expand.name in child.nested:
            shown[expand.name] = _nested_value(row, expand)
    return shown


def _nested_value(row: Json, expand: Expand) -> Json:
    if expand.name == "settingDefinitions":
        return [{"id": name} for name in setting_definition_ids(row.get("settingInstance"))]
    value = row.get(expand.name)
    if isinstance(value, dict) and expand.query.select:
        return select(value, expand.query.select)
    return value if value is not None else []


def setting_definition_ids(value: Json) -> list[str]:
    """Every setting definition that a setting names, outermost first."""
    found: list[str] = []
    if isinstance(value, dict):
        if isinstance(value.get("settingDefinitionId"), str):
            found.append(value["settingDefinitionId"])
        for inner in value.values():
            found.extend(setting_definition_ids(inner))
    elif isinstance(value, list):
        for inner in value:
            found.extend(setting_definition_ids(inner))
    return found
