"""Small bodies of policies as Graph gives them, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenantatlas.core import json
from tenantatlas.policies import canonical, writes
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import Part, PolicyType
from tenantatlas.policies.registry import get_type, type_of_row
from tests.policies.builders import a_context

NO_ID = "00000000-0000-0000-0000-000000000000"


def composed(key: str, row: Any, *, item: Any = None, parts: Mapping[str, list[Any]] | None = None) -> Any:
    """The body of a policy whose list row, item and parts are these."""
    document = Document(
        type_key=key,
        object=json.dumps(row),
        item=None if item is None else json.dumps(item),
        parts={name: tuple(json.dumps(each) for each in rows) for name, rows in (parts or {}).items()},
    )
    return canonical.compose(get_type(key), document)


def key_of(path: str, row: Any) -> str:
    """The key of the type that takes this row of a collection."""
    found = type_of_row(path, row)
    assert found is not None
    return found.key


def parts_read(key: str, row: Any) -> list[str]:
    """The paths that are read for this row besides it (parts for each row of a list left out)."""
    found = get_type(key)
    return [part.path for part in found.parts if not part.for_each and (part.when is None or part.when(row))]


def part_named(key: str, name: str) -> Part:
    """One part of a type."""
    return next(part for part in get_type(key).parts if part.name == name)


def creates(key: str, wanted: Any) -> list[tuple[str, str, Any]]:
    """Method, path and body of each write that makes the policy."""
    return _requests(writes.create_steps(a_context(get_type(key), wanted)))


def updates(key: str, wanted: Any, live: Any) -> list[tuple[str, str, Any]]:
    """Method, path and body of each write that turns the live policy into the wanted one."""
    return _requests(writes.update_steps(a_context(get_type(key), wanted, live)))


def assigns(key: str, wanted: Any, live: Any = None) -> list[tuple[str, str, Any]]:
    """Method, path and body of each write that gives the policy its assignments."""
    return _requests(writes.assign_steps(a_context(get_type(key), wanted, live)))


def deletes(key: str, live: Any) -> list[tuple[str, str, Any]]:
    """Method, path and body of each write that removes the policy."""
    return _requests(writes.delete_steps(a_context(get_type(key), live, live)))


def refusals(key: str, wanted: Any) -> tuple[str, ...]:
    """Why the policy is not written."""
    return writes.refusals(a_context(get_type(key), wanted))


def same(key: str, one: Any, other: Any) -> bool:
    """Whether two bodies are the same policy."""
    found = get_type(key)
    return canonical.digest(found, one) == canonical.digest(found, other)


def a_row(policy_type: PolicyType) -> dict[str, Any]:
    """A bare row of this type."""
    odata_type = policy_type.odata_type or max(policy_type.odata_types)
    return {"@odata.type": odata_type, "id": "1", policy_type.name_field: "A"}


def _requests(steps: Any) -> list[tuple[str, str, Any]]:
    return [(step.method, step.path, step.body) for step in steps]
