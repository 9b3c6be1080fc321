"""What a GET shows: list rows, items, expanded rows, each without what Graph leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json

from .errors import bad_request, no_route, not_found, unknown_segment
from .expanding import (
    assignment_rows,
    check_nested,
    child_row,
    expand_into,
    expandable,
    nested_row,
)
from .facts import Call, Child, Collection, FilterSupport, Reply
from .filters import parse_filter
from .odata import Query, select
from .paging import continue_after, next_link
from .routes import Route, Segment

if TYPE_CHECKING:
    from .objects import SimObject, State

#: What v1.0 does not show where no schema says so.
_BETA_ONLY = frozenset({"roleScopeTagIds", "supportsScopeTags", "deviceManagementApplicabilityRuleOsEdition"})


def read(call: Call, route: Route) -> Reply:
    """Answer a GET."""
    if not route.object_id:
        return _read_collection(call, route)
    if call.collection.virtual is not None:
        return _virtual(call, route.object_id)
    found = find(call, route.object_id)
    call.object = found
    if not route.rest:
        state = _visible_item(call, found)
        return Reply(status=200, body=_with_context(call, item_body(call, found, state), entity=True))
    return _read_below(call, route, found)


def _read_collection(call: Call, route: Route) -> Reply:
    collection = call.collection
    if route.rest:
        return _run_function(call, route.rest[0], on_collection=True)
    if collection.singleton:
        found = call.tenant.live(collection.path)[0]
        return Reply(status=200, body=_with_context(call, item_body(call, found, found.latest), entity=True))
    if collection.virtual is not None:
        return _page(call, route, list(collection.virtual(call.tenant).values()), size=collection.page_size)
    return _list(call, route)


def find(call: Call, object_id: str) -> SimObject:
    """The object with that id as an item read finds it; alternate keys are understood."""
    key, equals, value = object_id.partition("=")
    found: SimObject | None
    if equals:
        found = next(
            (each for each in call.tenant.live(call.collection.path) if each.latest.body.get(key) == value),
            None,
        )
    else:
        found = call.tenant.find(call.collection.path, object_id)
    if found is None or call.tenant.visible(found, "item") is None:
        raise not_found(object_id, intune=call.collection.intune)
    return found


def _virtual(call: Call, object_id: str) -> Reply:
    objects = {} if call.collection.virtual is None else call.collection.virtual(call.tenant)
    body = next((each for key, each in objects.items() if key.lower() == object_id.lower()), None)
    if body is None:
        raise not_found(object_id, intune=call.collection.intune)
    return Reply(status=200, body=_with_context(call, body, entity=True))


def _visible_item(call: Call, found: SimObject) -> State:
    state = call.tenant.visible(found, "item")
    if state is None:
        raise not_found(found.id, intune=call.collection.intune)
    return state


def _metadata(call: Call) -> str:
    accept = call.request.header("accept").lower()
    return next((level for level in ("none", "full") if f"odata.metadata={level}" in accept), "minimal")


def _with_context(call: Call, body: Json, *, entity: bool, path: str = "") -> Json:
    if _metadata(call) == "none":
        return body
    where = (path.removeprefix(f"/{call.version}") or call.collection.path).strip("/")
    suffix = "/$entity" if entity and not call.collection.singleton else ""
    return {"@odata.context": f"{call.graph}/{call.version}/$metadata#{where}{suffix}", **body}


# lists


def _list(call: Call, route: Route) -> Reply:
    collection, query = call.collection, call.query
    _refuse_options(collection, query)
    for expand in query.expand:
        expandable(call, expand, on_list=True)
    view = "filtered" if query.filter else "list"
    rows = call.tenant.listed(collection.key, view)
    rows = _filtered(call, rows)
    after = continue_after(call, route.path)
    rows = [row for row in rows if row[0].sequence > after]
    size = _page_size(call, collection.page_size, collection.top_limit)
    page, more = rows[:size], len(rows) > size
    body: dict[str, Json] = {}
    if collection.counts_pages:
        body["@odata.count"] = len(page)
    elif query.count and not after:
        body["@odata.count"] = len(rows)
    if more:
        body["@odata.nextLink"] = next_link(call, route.path, page[-1][0].sequence)
    body["value"] = [item_body(call, found, state, view="list") for found, state in page]
    return Reply(status=200, body=_with_context(call, body, entity=False))


def _refuse_options(collection: Collection, query: Query) -> None:
    if query.top is not None and collection.top_refused:
        raise bad_request("Query option 'Top' is not allowed.", intune=collection.intune)
    if query.top is not None and query.top > collection.top_limit:
        raise bad_request(
            f"The limit of '{collection.top_limit}' for Top query has been exceeded. The value from the "
            f"incoming request is '{query.top}'.",
            intune=collection.intune,
        )
    if query.select and collection.select_refused:
        raise bad_request("Query option 'Select' is not allowed.", intune=collection.intune)


def _page_size(call: Call, normal: int, limit: int) -> int:
    size = call.world.page_size or normal
    if call.query.top is not None and not call.collection.top_ignored:
        size = min(call.query.top, limit, call.world.page_size or limit)
    return max(size, 1)


def _filtered(call: Call, rows: list[tuple[SimObject, State]]) -> list[tuple[SimObject, State]]:
    collection, text = call.collection, call.query.filter
    if not text:
        return rows
    if collection.filter is FilterSupport.REFUSED or any(word in text for word in collection.filter_refuses):
        raise bad_request(f"Invalid filter clause: {text}", intune=collection.intune)
    if collection.filter is FilterSupport.IGNORED or any(word in text for word in collection.filter_ignores):
        return rows
    if collection.filter_rows is not None:
        bodies = [state.body for _, state in rows]
        kept = {id(body) for body in collection.filter_rows(call, text, bodies)}
        return [row for row in rows if id(row[1].body) in kept]
    test = parse_filter(text, ignore_case=not collection.intune)
    return [row for row in rows if test(row[1].body)]


# bodies


def _says_type(call: Call, body: dict[str, Json]) -> bool:
    """Minimal metadata leaves out the type where it is the declared one."""
    if call.collection.types or _metadata(call) == "full":
        return True
    return str(body.get("@odata.type", "")).removeprefix("#microsoft.graph.") in call.collection.derived


def item_body(call: Call, found: SimObject, state: State, *, view: str = "item") -> dict[str, Json]:
    """One object as this view shows it."""
    collection, query = call.collection, call.query
    body = dict(state.body)
    if view == "list":
        _leave_out(collection, query, body)
    if collection.item_shows is not None:
        body = collection.item_shows(call, body, view)
    _hide_beta(call, body)
    if not _says_type(call, body):
        body.pop("@odata.type", None)
    if query.select:
        body = select(body, query.select)
    for expand in query.expand:
        expand_into(call, found, state, body, expand, on_list=view == "list")
    if _metadata(call) == "full":
        _annotate(call, found, body)
    return body


def _leave_out(collection: Collection, query: Query, body: dict[str, Json]) -> None:
    for name in collection.omitted:
        body.pop(name, None)
    for name in collection.nulled:
        if name in body:
            body[name] = None
    selected = {name.lower() for name in query.select}
    for name in collection.omitted_unless_selected:
        if name.lower() not in selected:
            body.pop(name, None)


def _hide_beta(call: Call, body: dict[str, Json]) -> None:
    if call.version != "v1.0" or not call.collection.intune:
        return
    schema = call.world.schema
    name = str(body.get("@odata.type", "")).removeprefix("#microsoft.graph.") or call.collection.entity
    if schema is not None and schema.knows(name, version="v1.0"):
        declared = schema.properties(name, version="v1.0")
        hidden = {key for key in body if "@" not in key and key not in declared and key != "id"}
    else:
        hidden = set(_BETA_ONLY & body.keys())
    for key in hidden:
        del body[key]


def _annotate(call: Call, found: SimObject, body: dict[str, Json]) -> None:
    here = f"{call.graph}/{call.version}{call.collection.path}('{found.id}')"
    body.setdefault("@odata.type", f"#microsoft.graph.{call.collection.entity}")
    body["@odata.id"] = body["@odata.editLink"] = here
    names = [child.name for child in call.collection.children]
    if call.collection.assignments is not None:
        names.append("assignments")
        body["#microsoft.graph.assign"] = {"target": f"{here}/microsoft.graph.assign"}
    for name in names:
        body[f"{name}@odata.associationLink"] = f"{here}/{name}/$ref"
        body[f"{name}@odata.navigationLink"] = f"{here}/{name}"


# below an object


def _read_below(call: Call, route: Route, found: SimObject) -> Reply:
    rest = route.rest
    if rest[0].text.startswith("microsoft.graph.") and len(rest) > 1:
        call.cast, rest = rest[0].text, rest[1:]
    head = rest[0]
    state = _visible_item(call, found)
    if head.text == "assignments" and call.collection.assignments is not None:
        return _read_assignments(call, route, state)
    child = call.collection.child(head.text)
    if child is not None:
        return _read_child(call, route, state, child, rest[1:])
    return _run_function(call, head)


def _read_assignments(call: Call, route: Route, state: State) -> Reply:
    rules = call.collection.assignments
    if rules is None or not rules.routed:
        raise no_route("singleton/navigation/key/navigation")
    return _page(call, route, assignment_rows(call.collection, state), size=call.collection.page_size)


def _read_child(call: Call, route: Route, state: State, child: Child, rest: Sequence[Segment]) -> Reply:
    if not child.routed or child.cast != bool(call.cast):
        raise no_route("singleton/navigation/key/navigation")
    rows = state.rows(child.name)
    if child.single:
        return _read_single(call, child, rows)
    if rest:
        return _read_child_row(call, route, child, rows, rest)
    for inner in call.query.expand:
        check_nested(child, Query(expand=(inner,)))
    shown = [child_row(child, row, call.query) for row in rows]
    return _page(call, route, shown, size=child.page_size, counted=child.counted)


def _read_single(call: Call, child: Child, rows: Sequence[Json]) -> Reply:
    if not rows:
        raise not_found(child.name, intune=call.collection.intune)
    return Reply(status=200, body=_with_context(call, child_row(child, rows[0], call.query), entity=True))


def _read_child_row(
    call: Call, route: Route, child: Child, rows: Sequence[Json], rest: Sequence[Segment]
) -> Reply:
    wanted = rest[0].text.lower()
    row = next((each for each in rows if str(each.get("id", "")).lower() == wanted), None)
    if row is None:
        raise not_found(rest[0].text, intune=call.collection.intune)
    if len(rest) == 1:
        return Reply(status=200, body=_with_context(call, child_row(child, row, call.query), entity=True))
    nested = rest[1].text
    if nested not in child.nested:
        raise unknown_segment(nested)
    value = row.get(nested)
    if isinstance(value, list):
        shown = [nested_row(each, call.query) for each in value]
        return _page(call, route, shown, size=child.page_size)
    if value is None:
        raise not_found(nested, intune=call.collection.intune)
    return Reply(status=200, body=_with_context(call, dict(value), entity=True))


def _page(call: Call, route: Route, rows: list[Json], *, size: int, counted: bool = False) -> Reply:
    after = continue_after(call, route.path)
    size = _page_size(call, size, size)
    page = rows[after : after + size]
    body: dict[str, Json] = {}
    if counted:
        body["@odata.count"] = len(page)
    if len(rows) > after + size:
        body["@odata.nextLink"] = next_link(call, route.path, after + size)
    body["value"] = page
    return Reply(status=200, body=_with_context(call, body, entity=False, path=route.path))


def _run_function(call: Call, segment: Segment, *, on_collection: bool = False) -> Reply:
    action = call.collection.actions.get(segment.text.removeprefix("microsoft.graph."))
    if action is None or action.method != "GET" or action.on_collection != on_collection:
        raise unknown_segment(segment.text)
    call.parameters = segment.parameters
    return action.handler(call, None)
