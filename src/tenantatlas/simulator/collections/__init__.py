"""The facts of every collection that the simulator serves, one module per subject."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from tenantatlas.simulator.facts import Collection


@cache
def all_collections() -> tuple[Collection, ...]:
    """Every collection, in the order of their paths."""
    found: list[Collection] = []
    for module in pkgutil.iter_modules(__path__):
        found.extend(importlib.import_module(f"{__name__}.{module.name}").COLLECTIONS)
    return tuple(sorted(found, key=lambda collection: collection.path))


@cache
def by_path() -> dict[str, Collection]:
    """Collections by folded path."""
    return {collection.key: collection for collection in all_collections()}


def collection_at(path: str) -> Collection | None:
    """The collection with that folded path."""
    return by_path().get(path)
