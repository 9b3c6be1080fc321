"""A simulator on disk: a JSON file per tenant, the journal as JSON lines, a small file that names them all.

The files of a save carry its number; the small file is replaced last. Whatever is interrupted, a complete
save remains.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenantatlas.core import json
from tenantatlas.core.errors import StorageFailed
from tenantatlas.core.json import Json

from . import tokens
from .journal import Entry
from .objects import SimObject, State
from .tenants import App, Catalog, Lag, Person, Profile, SimTenant

if TYPE_CHECKING:
    from .simulator import Simulator

_INDEX = "simulator.json"
_APP_SETS = ("permissions", "delegated", "redirect_uris")


def save(simulator: Simulator, folder: Path) -> None:
    """Write the state to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    number = _read_number(folder) + 1
    files = []
    for tenant in simulator.tenants.values():
        name = f"tenant-{tenant.guid}-{number}.json"
        _write(folder / name, json.dumps(_tenant_to_json(tenant)))
        files.append(name)
    journal = f"journal-{number}.jsonl"
    _write(folder / journal, b"".join(json.dumps(entry.to_json()) + b"\n" for entry in simulator.journal))
    index = {
        "number": number,
        "seed": simulator.seed,
        "elapsed": simulator.times.elapsed(),
        "sequence": simulator.sequence,
        "signing_key": tokens.key_to_pem(simulator.signing_key),
        "tenants": files,
        "journal": journal,
    }
    _write(folder / _INDEX, json.dumps(index))
    kept = {*files, journal, _INDEX}
    for path in [*folder.glob("tenant-*.json"), *folder.glob("journal-*.jsonl")]:
        if path.name not in kept:
            path.unlink()


def _read_number(folder: Path) -> int:
    path = folder / _INDEX
    return int(json.loads(path.read_bytes())["number"]) if path.is_file() else 0


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(0o600)
    temporary.replace(path)


def load(simulator: Simulator, folder: Path) -> None:
    """Read the state from the folder into the simulator."""
    path = folder / _INDEX
    if not path.is_file():
        raise StorageFailed(f"There is no saved simulator in {folder}.")
    index = json.loads(path.read_bytes())
    simulator.seed = index["seed"]
    simulator.random.seed(f"{index['seed']}/{index['number']}")
    simulator.sequence = index["sequence"]
    simulator.saved_key = tokens.key_from_pem(index["signing_key"])
    simulator.times.resume(float(index["elapsed"]))
    simulator.limits.reset()
    simulator.tenants.clear()
    for name in index["tenants"]:
        tenant = _tenant_from_json(simulator, json.loads((folder / name).read_bytes()))
        simulator.tenants[tenant.guid] = tenant
    lines = (folder / index["journal"]).read_bytes().splitlines()
    simulator.journal[:] = [Entry(**_entry(json.loads(line))) for line in lines]


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "elapsed": float(row["elapsed"])}


def _tenant_to_json(tenant: SimTenant) -> Json:
    apps = [
        {**asdict(app), **{name: sorted(getattr(app, name)) for name in _APP_SETS}}
        for app in tenant.apps.values()
    ]
    catalog = tenant.catalog
    return {
        "guid": tenant.guid,
        "name": tenant.name,
        "domain": tenant.domain,
        "apps": apps,
        "people": [asdict(person) for person in tenant.people.values()],
        "profile": asdict(tenant.profile),
        "lag": asdict(tenant.lag),
        "catalog": {
            "settings": sorted(catalog.settings),
            "templates": catalog.templates,
            "template_references": {key: sorted(ids) for key, ids in catalog.template_references.items()},
            "retired_templates": sorted(catalog.retired_templates),
            "resource_actions": sorted(catalog.resource_actions),
        },
        "lockouts": tenant.lockouts,
        "stored": {
            path: [_object_to_json(each) for each in found.values()] for path, found in tenant.stored.items()
        },
    }


def _object_to_json(found: SimObject) -> Json:
    versions = [[at, None if state is None else asdict(state)] for at, state in found.versions]
    return {"id": found.id, "sequence": found.sequence, "versions": versions}


def _tenant_from_json(simulator: Simulator, data: Json) -> SimTenant:
    tenant = SimTenant(simulator, data["guid"], name=data["name"])
    tenant.domain = data["domain"]
    for app in data["apps"]:
        sets = {name: set(app.get(name, ())) for name in _APP_SETS}
        tenant.apps[app["client_id"]] = App(**{**app, **sets})
    for person in data.get("people", ()):
        tenant.people[person["upn"].lower()] = Person(**person)
    tenant.profile = Profile(**data["profile"])
    tenant.lag = Lag(**{name: float(value) for name, value in data["lag"].items()})
    catalog = data["catalog"]
    tenant.catalog = Catalog(
        settings=set(catalog["settings"]),
        templates=catalog["templates"],
        template_references={key: set(ids) for key, ids in catalog["template_references"].items()},
        retired_templates=set(catalog["retired_templates"]),
        resource_actions=set(catalog["resource_actions"]),
    )
    tenant.lockouts = list(data["lockouts"])
    for path, rows in data["stored"].items():
        tenant.stored[path] = {row["id"].lower(): _object_from_json(row) for row in rows}
    return tenant


def _object_from_json(row: Json) -> SimObject:
    found = SimObject(row["id"], row["sequence"])
    for at, state in row["versions"]:
        found.versions.append((float(at), None if state is None else _state_from_json(state)))
    return found


def _state_from_json(state: Json) -> State:
    children = {name: tuple(rows) for name, rows in state["children"].items()}
    return State(body=state["body"], children=children, hidden=state["hidden"])
