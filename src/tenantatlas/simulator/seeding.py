"""Making objects exist behind everybody's back: rows and secrets are put where they are kept."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json

from .facts import Collection
from .objects import SimObject, State, fold
from .secrets import hide_secrets

if TYPE_CHECKING:
    from .tenants import SimTenant

_NOISE = ("@odata.context", "@odata.id", "@odata.editLink", "@odata.etag", "@microsoft.graph.tips")


def put_object(tenant: SimTenant, path: str, body: Json) -> str:
    """Store a whole document; what is missing of the server's own properties is added."""
    collection = _rules(tenant, path)
    document = copy.deepcopy(body)
    if collection.prepare is not None:
        document = collection.prepare(tenant, document)
    document = _without_noise(document)
    object_id = str(document.get("id", "")) if "id" in document else tenant.world.new_guid()
    document["id"] = object_id
    state = _state(tenant, collection, document)
    found = tenant.stored.get(collection.key, {}).get(object_id.lower())
    if found is None:
        tenant.add(collection, object_id, state)
    else:
        tenant.commit(found, state)
    return object_id


def replace_object(tenant: SimTenant, path: str, found: SimObject, body: Json) -> None:
    """Store a changed document as the newest version."""
    collection = _rules(tenant, path)
    document = _without_noise(copy.deepcopy(body))
    document["id"] = found.id
    before = found.latest.body
    if collection.modified in before and document.get(collection.modified) == before[collection.modified]:
        document[collection.modified] = tenant.world.date()
    if collection.versioned and document.get("version") == before.get("version"):
        document["version"] = int(before.get("version") or 0) + 1
    tenant.commit(found, _state(tenant, collection, document))


def _rules(tenant: SimTenant, path: str) -> Collection:
    collection = tenant.world.collection(path)
    if collection is None:
        raise KeyError(f"The simulator has no collection {fold(path)}.")
    return collection


def _without_noise(document: Json) -> dict[str, Json]:
    return {
        key: value
        for key, value in document.items()
        if key not in _NOISE and not key.startswith("#microsoft.graph.") and "@odata." not in key[1:]
    }


def _state(tenant: SimTenant, collection: Collection, document: dict[str, Json]) -> State:
    children: dict[str, tuple[Json, ...]] = {}
    for child in collection.children:
        if child.name in document:
            children[child.name] = _rows(
                document["id"], document.pop(child.name), parent_key=child.parent_key
            )
    if collection.assignments is not None:
        children["assignments"] = _assignments(
            tenant, document["id"], document.pop("assignments", None) or []
        )
    _add_server_properties(tenant, collection, document)
    if collection.complete is not None and _is_known(collection, document):
        document.update({**collection.complete(tenant, document), **document})
    if collection.learn is not None:
        collection.learn(tenant, document, {name: list(rows) for name, rows in children.items()})
    hidden = hide_secrets(tenant.world, document, {})
    state = State(body=document, children=children, hidden=hidden)
    return count_children(collection, state)


def _is_known(collection: Collection, document: dict[str, Json]) -> bool:
    name = str(document.get("@odata.type", "")).removeprefix("#microsoft.graph.")
    return not collection.types or name in collection.types


def _rows(owner: str, rows: Json, *, parent_key: bool) -> tuple[Json, ...]:
    listed = rows if isinstance(rows, list) else [rows] if rows else []
    made = []
    for index, row in enumerate(listed):
        clean = _without_noise(row)
        if "id" not in clean:
            clean = {"id": f"{owner}_{row.get('locale', index)}" if parent_key else str(index), **clean}
        made.append(clean)
    return tuple(made)


def _assignments(tenant: SimTenant, owner: str, rows: list[Json]) -> tuple[Json, ...]:
    made = []
    for row in rows:
        clean = {key: value for key, value in row.items() if key != "@odata.type"}
        clean.setdefault("id", f"{owner}_{tenant.world.new_guid()}")
        clean.setdefault("source", "direct")
        clean.setdefault("sourceId", owner)
        made.append(clean)
    return tuple(made)


def _add_server_properties(tenant: SimTenant, collection: Collection, document: dict[str, Json]) -> None:
    date = tenant.world.date()
    for name in (collection.created, collection.modified):
        if name and not document.get(name):
            document[name] = date
    if collection.versioned and "version" not in document:
        document["version"] = 1
    for name, value in collection.defaults.items():
        document.setdefault(name, copy.deepcopy(value))


def count_children(collection: Collection, state: State) -> State:
    """Bring the properties up to date that count or mirror rows."""
    counted: dict[str, Json] = {
        name: len(state.rows(child)) for name, child in collection.computed.items() if child in state.children
    }
    if collection.is_assigned:
        counted["isAssigned"] = bool(state.rows("assignments"))
    return State(body={**state.body, **counted}, children=state.children, hidden=state.hidden)
