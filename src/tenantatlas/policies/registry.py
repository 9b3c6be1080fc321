"""Every policy type there is: found in `policies/types/`, one file each. No list to edit."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json

from . import types
from .model import PolicyType


@cache
def all_types() -> tuple[PolicyType, ...]:
    """All policy types, in the order of restore, then by key. Files that begin with `_` hold no type."""
    names = [
        module.name for module in pkgutil.iter_modules(types.__path__) if not module.name.startswith("_")
    ]
    found: list[PolicyType] = [
        importlib.import_module(f"{types.__name__}.{name}").POLICY_TYPE for name in names
    ]
    return tuple(sorted(found, key=lambda policy_type: (policy_type.restore.order, policy_type.key)))


@cache
def _by_key() -> dict[str, PolicyType]:
    return {policy_type.key: policy_type for policy_type in all_types()}


def get_type(key: str) -> PolicyType:
    """The type with this key; `InputError` that names the nearest ones where there is none."""
    try:
        return _by_key()[key]
    except KeyError:
        near = difflib.get_close_matches(key, _by_key(), n=3, cutoff=0.4)
        hint = f"Did you mean {', '.join(near)}?" if near else "`tenantatlas types` lists them."
        raise InputError(f"There is no policy type {key[:80]!r}.", hint=hint) from None


@cache
def collections() -> dict[str, tuple[PolicyType, ...]]:
    """The collections to read, each once, and the types that share it."""
    shared: dict[str, list[PolicyType]] = {}
    for policy_type in all_types():
        shared.setdefault(policy_type.path, []).append(policy_type)
    return {path: tuple(sharers) for path, sharers in shared.items()}


def type_of_row(path: str, row: Json) -> PolicyType | None:
    """The type that a row of this collection belongs to: the one that selects it, else the one that takes the
    rest. None where the row is of a kind that no policy type here covers.
    """
    rest = None
    for policy_type in collections().get(path, ()):
        if policy_type.takes_rest:
            rest = policy_type
        elif policy_type.selects is None or policy_type.selects(row):
            return policy_type
    return rest
