"""Bodies without what only Graph adds: annotations, nulls. And when two of them are the same."""

from __future__ import annotations

import re

from tenantatlas.core import json
from tenantatlas.core.json import Json

#: OData annotations and action links. `@odata.type` and `…@odata.bind` carry meaning and are none of these.
_NOISE = re.compile(r"[#@]microsoft\.graph\..*|.*@odata\.(?!type$|bind$).*|.+@odata\.type")


def is_noise(name: str) -> bool:
    """Whether a property of this name is an annotation that says nothing about the policy."""
    return _NOISE.fullmatch(name) is not None


def without_noise(value: Json) -> Json:
    """A copy without annotations, at any depth."""
    if isinstance(value, dict):
        return {name: without_noise(child) for name, child in value.items() if not is_noise(name)}
    if isinstance(value, list):
        return [without_noise(child) for child in value]
    return value


def without_nulls(value: Json) -> Json:
    """A copy without properties that hold null, at any depth. Elements of lists stay."""
    if isinstance(value, dict):
        return {name: without_nulls(child) for name, child in value.items() if child is not None}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def cleaned(value: Json) -> Json:
    """A copy without annotations and without nulls."""
    return without_nulls(without_noise(value))


def same(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON: `1` is not `true`; the order of properties says nothing."""
    return json.dumps_sorted(one) == json.dumps_sorted(other)


def type_name(value: Json) -> str:
    """The `@odata.type` of an object without its namespace; "" where it has none."""
    name = value.get("@odata.type") if isinstance(value, dict) else None
    return name.rpartition(".")[2] if isinstance(name, str) else ""
