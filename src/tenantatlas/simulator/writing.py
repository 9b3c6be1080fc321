"""POST, PATCH, PUT and DELETE: checked in Graph's order, stored, answered with the code that Graph uses."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tenantatlas.core.json import Json

from . import bodies
from .assigning import add_assignment, remove_assignment, replace_assignments
from .errors import AnswerError, bad_request, no_route, not_found, unknown_segment
from .facts import Call, Child, Collection, Reply
from .objects import State
from .reading import find, item_body
from .routes import Route, Segment
from .secrets import encrypt_written
from .seeding import count_children


def write(call: Call, route: Route) -> Reply:
    """Answer anything but a GET."""
    method = call.request.method
    if not route.object_id:
        return _write_collection(call, route)
    call.object = find(call, route.object_id)
    if route.rest:
        return _write_below(call, route)
    handlers = {"PATCH": _patch, "PUT": _put, "DELETE": _delete}
    if method not in handlers:
        raise no_route("singleton/navigation/key")
    return _serially(call, handlers[method])


def _write_collection(call: Call, route: Route) -> Reply:
    method, collection = call.request.method, call.collection
    if route.rest:
        return _act(call, route.rest[0], on_collection=True)
    if collection.singleton:
        return _write_singleton(call)
    if method != "POST" or not collection.create:
        raise no_route("singleton/navigation")
    return _serially(call, _create)


def _serially(call: Call, handler: Callable[[Call], Reply]) -> Reply:
    """Where the service cannot take two writes at once, the second one conflicts."""
    seconds = call.collection.serial_seconds
    now, busy = call.world.times.elapsed(), call.tenant.busy_until
    if seconds and busy.get(call.collection.key, 0.0) > now:
        raise AnswerError(409, "Conflict", "Another write to this collection is being processed.")
    if seconds:
        busy[call.collection.key] = now + seconds
    reply = handler(call)
    return Reply(status=reply.status, body=reply.body, delay=reply.delay + seconds)


# objects


def _create(call: Call) -> Reply:
    collection = call.collection
    body = bodies.read_object(call)
    bodies.check_create(call, body)
    body = _bind(call, body)
    check_scope_tags(call, body)
    if collection.check_create is not None:
        collection.check_create(call, body)
    made = create_object(call, body)
    return Reply(status=collection.create_status, body=_answer(call, made))


def create_object(call: Call, body: dict[str, Json]) -> State:
    """Store a checked body as a new object of the call's collection."""
    collection, world = call.collection, call.world
    document = copy.deepcopy(body)
    object_id = collection.new_id(call, document) if collection.new_id is not None else world.new_guid()
    document = {"id": object_id, **{key: value for key, value in document.items() if key != "id"}}
    children = _take_children(call, document)
    date = world.date()
    if collection.created:
        document[collection.created] = date
    if collection.modified:
        document[collection.modified] = date if collection.modified_at_create else None
    if collection.versioned:
        document["version"] = 1
    for name, value in collection.defaults.items():
        document.setdefault(name, copy.deepcopy(value))
    if collection.types and "@odata.type" in document:
        name = str(document["@odata.type"]).removeprefix("#").removeprefix("microsoft.graph.")
        document["@odata.type"] = f"#microsoft.graph.{name}"
    if collection.complete is not None:
        document = collection.complete(call.tenant, document)
    hidden = encrypt_written(world, document, {})
    state = count_children(collection, State(body=document, children=children, hidden=hidden))
    call.object = call.tenant.add(collection, object_id, state)
    call.applied = True
    return state


def _take_children(call: Call, document: dict[str, Json]) -> dict[str, tuple[Json, ...]]:
    children: dict[str, tuple[Json, ...]] = {}
    for child in call.collection.children:
        rows = document.pop(child.name, None)
        if isinstance(rows, list):
            children[child.name] = number_rows(document["id"], rows, child)
        elif child.single and rows is not None:
            children[child.name] = (rows,)
    return children


def number_rows(owner: str, rows: list[Json], child: Child) -> tuple[Json, ...]:
    """Rows with ids of the service's making."""
    if child.keeps_ids:
        return tuple(rows)
    return tuple(
        {
            "id": f"{owner}_{index}" if child.parent_key else str(index),
            **{k: v for k, v in row.items() if k != "id"},
        }
        for index, row in enumerate(rows)
    )


def _answer(call: Call, state: State) -> Json:
    if call.object is None:
        return None
    body = item_body(call, call.object, state)
    return {
        "@odata.context": f"{call.graph}/{call.version}/$metadata#{call.collection.path[1:]}/$entity",
        **body,
    }


def _patch(call: Call) -> Reply:
    collection = call.collection
    if not collection.patch:
        raise no_route("singleton/navigation/key")
    body = bodies.read_object(call)
    _check_built_in(call, body)
    bodies.check_update(call, body)
    body = _bind(call, body)
    check_scope_tags(call, body)
    if collection.check_update is not None:
        collection.check_update(call, body)
    state = update_object(call, body)
    if collection.patch_status == 204:  # noqa: PLR2004 - no content
        return Reply(status=204)
    return Reply(status=collection.patch_status, body=_answer(call, state))


def update_object(call: Call, changes: dict[str, Json]) -> State:
    """Store checked changes of the call's object."""
    collection, before = call.collection, call.state
    if call.object is None:
        raise LookupError("the path names no object")
    ignored = collection.ignored_in_update
    kept = {
        key: value
        for key, value in changes.items()
        if key not in ignored or (ignored[key] is not None and value != ignored[key])
    }
    document = {**before.body, **copy.deepcopy(kept)}
    state = touched(call, State(body=document, children=before.children, hidden=before.hidden))
    call.tenant.commit(call.object, state)
    call.applied = True
    return state


def touched(call: Call, state: State) -> State:
    """The state with a new modification date and version."""
    collection = call.collection
    document = dict(state.body)
    if collection.modified:
        document[collection.modified] = call.world.date()
    if collection.versioned:
        document["version"] = int(document.get("version") or 0) + 1
    if collection.complete is not None:
        document = collection.complete(call.tenant, document)
    hidden = encrypt_written(call.world, document, state.hidden)
    return count_children(collection, State(body=document, children=state.children, hidden=hidden))


def _put(call: Call) -> Reply:
    collection = call.collection
    if not collection.put or call.object is None:
        raise no_route("singleton/navigation/key")
    body = bodies.read_object(call)
    bodies.check_update(call, body, whole=True)
    check_scope_tags(call, body)
    if collection.check_update is not None:
        collection.check_update(call, body)
    before = call.state
    document = copy.deepcopy(body)
    document["id"] = call.object.id
    children = {**before.children, **_take_children(call, document)}
    kept = {
        name: before.body[name]
        for name in (
            collection.created,
            collection.modified,
            "version",
            *collection.immutable,
            "creationSource",
        )
        if name in before.body
    }
    document = {**collection.defaults, **kept, **document}
    state = touched(call, State(body=document, children=children, hidden=before.hidden))
    call.tenant.commit(call.object, state)
    call.applied = True
    return Reply(status=204)


def _delete(call: Call) -> Reply:
    collection, found = call.collection, call.object
    if not collection.delete or found is None:
        raise no_route("singleton/navigation/key")
    state = call.state
    if collection.built_in is not None and collection.built_in(state.body):
        raise bad_request("A built-in object cannot be deleted.", intune=collection.intune)
    if collection.check_delete is not None:
        collection.check_delete(call)
    call.tenant.commit(found, None)
    if collection.soft_delete:
        parent, _, leaf = collection.path.rpartition("/")
        bin_rules = call.world.collection(f"{parent}/deletedItems/{leaf}")
        if bin_rules is not None:
            call.tenant.add(
                bin_rules,
                found.id,
                State(body={**state.body, "deletedDateTime": call.world.date()}, hidden=state.hidden),
            )
    call.applied = True
    return Reply(status=collection.delete_status)


def _write_singleton(call: Call) -> Reply:
    if call.request.method != "PATCH" or not call.collection.patch:
        raise no_route("singleton")
    call.object = call.tenant.live(call.collection.path)[0]
    body = bodies.read_object(call)
    if call.collection.check_update is not None:
        call.collection.check_update(call, body)
    update_object(call, body)
    return Reply(status=204)


def _check_built_in(call: Call, body: dict[str, Json]) -> None:
    collection = call.collection
    if collection.built_in is None or not collection.built_in(call.state.body):
        return
    refused = collection.built_in_patch
    if refused is None or any(name in body and body[name] != call.state.body.get(name) for name in refused):
        raise bad_request("This property of a built-in object cannot be changed.", intune=collection.intune)


def check_scope_tags(call: Call, body: dict[str, Json]) -> None:
    """Scope tags must exist; a tenant's profile says whether unknown ones are refused or dropped."""
    for name in ("roleScopeTagIds", "roleScopeTags"):
        tags = body.get(name)
        if not isinstance(tags, list) or not call.collection.intune:
            continue
        unknown = [tag for tag in tags if not call.tenant.knows("/deviceManagement/roleScopeTags", str(tag))]
        if unknown and call.tenant.profile.unknown_scope_tags == "rejected":
            raise bad_request(
                f"Scope tag(s) {', '.join(map(str, unknown))} do not exist.", phrase="ScopeTagNotFound"
            )
        if unknown:
            body[name] = [tag for tag in tags if tag not in unknown] or ["0"]


def _bind(call: Call, body: dict[str, Json]) -> dict[str, Json]:
    """Resolve `name@odata.bind` into rows of single children."""
    bound: dict[str, Json] = {}
    for key, value in body.items():
        name, sign, _ = key.partition("@odata.bind")
        if not sign:
            bound[key] = value
            continue
        links = value if isinstance(value, list) else [value]
        bound[name] = [resolve_link(call, link) for link in links]
        if not isinstance(value, list):
            bound[name] = bound[name][0]
    return bound


def resolve_link(call: Call, link: Json) -> Json:
    """The object that an absolute link of this host and version names."""
    text = str(link)
    prefix = f"{call.graph}/{call.version}/"
    if not text.startswith(prefix):
        raise bad_request(
            f"The entity reference link '{text}' does not belong to this service.", intune=False
        )
    path = text[len(prefix) - 1 :]
    collection, _, last = path.rstrip("/").rpartition("/")
    if last.endswith("')"):
        leaf, _, key = last.removesuffix("')").partition("('")
        collection, last = f"{collection}/{leaf}", key
    found = call.tenant.find(collection, last)
    if found is None or found.newest is None:
        raise not_found(last, intune=True)
    return {key: value for key, value in found.latest.body.items() if key != "@odata.context"}


# below an object


def _write_below(call: Call, route: Route) -> Reply:
    rest = route.rest
    if rest[0].text.startswith("microsoft.graph.") and len(rest) > 1:
        call.cast, rest = rest[0].text, rest[1:]
    head = rest[0]
    rules = call.collection.assignments
    if head.text == "assign" and rules is not None and rules.action:
        return _serially(call, replace_assignments)
    if head.text == "assignments" and rules is not None and not rules.action:
        return _write_assignment_row(call, rest[1:])
    child = call.collection.child(head.text)
    if child is not None:
        return _write_child(call, child, rest[1:])
    return _act(call, head)


def _write_assignment_row(call: Call, rest: tuple[Segment, ...]) -> Reply:
    if call.request.method == "POST" and not rest:
        return add_assignment(call)
    if call.request.method == "DELETE" and rest:
        return remove_assignment(call, rest[0].text)
    raise no_route("singleton/navigation/key/navigation")


def _write_child(call: Call, child: Child, rest: tuple[Segment, ...]) -> Reply:
    if rest and rest[0].text == "$ref" and child.single and call.request.method == "PUT":
        return _put_reference(call, child)
    if child.change is None:
        raise AnswerError(404, "ResourceNotFound", f"No route for {call.request.method} {child.name}.")
    body = None if call.request.method == "DELETE" else bodies.read_object(call)
    answer = child.change(call, call.request.method, rest[0].text if rest else "", body)
    call.applied = True
    if answer is None:
        return Reply(status=204)
    return Reply(status=201 if call.request.method == "POST" else 200, body=answer)


def _put_reference(call: Call, child: Child) -> Reply:
    body = bodies.read_object(call)
    row = resolve_link(call, body.get("@odata.id"))
    if call.object is None:
        raise LookupError("the path names no object")
    call.tenant.commit(call.object, touched(call, call.state.with_rows(child.name, [row])))
    call.applied = True
    return Reply(status=204)


def _act(call: Call, segment: Segment, *, on_collection: bool = False) -> Reply:
    name = segment.text.removeprefix("microsoft.graph.")
    action = call.collection.actions.get(name)
    if action is None or action.method != call.request.method or action.on_collection != on_collection:
        raise unknown_segment(segment.text)
    if action.cast != call.cast:
        raise no_route("singleton/navigation/key/action")
    call.parameters = segment.parameters
    body = bodies.read_body(call) if call.request.body else None
    return _serially(call, lambda inner: action.handler(inner, body))


__all__ = ["Collection", "create_object", "number_rows", "touched", "update_object", "write"]
