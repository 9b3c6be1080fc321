"""A simulated tenant as people see it: what there is, without what every run makes differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantatlas.core import json
from tenantatlas.simulator.tenants import SimTenant

#: Made by the service: times, counters that move with every write. So are the ids of rows, but not an id that
#: stands alone: that is a reference.
_MADE = frozenset(
    {"createdDateTime", "lastModifiedDateTime", "modifiedDateTime", "version", "secretReferenceValueId"}
)


def without_ids(sim: SimTenant, made: Mapping[str, str]) -> dict[str, list[str]]:
    """Every object of the tenant by collection, as text; an id that a restore made stands as its item."""
    return {
        collection: sorted(json.dumps_sorted(_plain(body, made)).decode() for body in sim.objects(collection))
        for collection in sorted(sim.stored)
    }


def _plain(value: Any, made: Mapping[str, str], *, top: bool = True) -> Any:
    if isinstance(value, dict):
        left_out = _MADE if top or len(value) == 1 else _MADE | {"id", "sourceId"}
        return {name: _plain(each, made, top=False) for name, each in value.items() if name not in left_out}
    if isinstance(value, list):
        return [_plain(each, made, top=False) for each in value]
    if isinstance(value, str):
        for graph_id, key in made.items():
            value = value.replace(graph_id, f"<{key}>")
    return value
