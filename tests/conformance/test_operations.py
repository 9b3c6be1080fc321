"""The definition of done for an operation. Parametrised over the registry: adding a class adds its tests."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from django.test import Client
from django.urls import reverse

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import InputError, NotAllowed, NotFound
from tenantatlas.core.ids import stable_id
from tenantatlas.runs.dedupe import identity_hash
from tenantatlas.runs.journal import NewRun, insert_run
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import Operation, all_operations, params_from_json, params_to_json
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.scope import tenant_scope
from tests.cast import Cast

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operations.md"

#: Values for parameters whose type says too little. A new parameter that needs one is added here.
VALUES: dict[str, Any] = {
    "types": ["configurationPolicies", "assignmentFilters"],
    "policies": [stable_id("one"), stable_id("two")],
    "mapping": {},
}
_BY_TYPE: dict[Any, Any] = {str: "a", int: 7, bool: True, float: 1.5, tuple: ["a", "b"], dict: {}}

every_operation = pytest.mark.parametrize("op", all_operations(), ids=lambda op: op.key)


def given_for(op: Operation[Any]) -> dict[str, Any]:
    """JSON parameters of the operation, every one of them given."""
    hints = get_type_hints(op.params_type)
    return {field.name: _value(field.name, hints[field.name]) for field in dataclasses.fields(op.params_type)}


def _value(name: str, hint: Any) -> Any:
    if name in VALUES:
        return VALUES[name]
    kind = get_origin(hint) or hint
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if get_args(hint):
        return _value(name, get_args(hint)[0])
    return next(iter(kind)).value


def identity(op: Operation[Any], given: dict[str, Any]) -> str:
    """What makes two requests the same work."""
    params = params_from_json(op, given)
    plain = params_to_json(params)
    what = plain if op.unique_by is None else {name: plain[name] for name in op.unique_by}
    return identity_hash(tenant_id=1, operation=op.key, target=op.target(params), params=what)


@every_operation
class TestDeclared:
    def test_says_what_it_is(self, op: Operation[Any]) -> None:
        assert op.key.count(".") == 1
        assert op.key == op.key.lower()
        assert op.label[:1].isupper()
        assert not op.label.endswith(".")
        assert op.needs in Capability
        assert (type(op).__doc__ or "").strip()

    def test_is_in_the_reference(self, op: Operation[Any]) -> None:
        row = f"| `{op.key}` | {op.label} | `{op.needs.value}` |"
        assert row in REFERENCE.read_text(encoding="utf-8")

    def test_the_reference_says_what_it_is_aimed_at(self, op: Operation[Any]) -> None:
        (row,) = (
            line
            for line in REFERENCE.read_text(encoding="utf-8").splitlines()
            if line.startswith(f"| `{op.key}` |")
        )
        aimed_at = row.split(" | ")[4]
        tells = op.target(params_from_json(op, given_for(op))) != ""
        assert (aimed_at == "the tenant") is not tells

    def test_is_unique_by_parameters_that_it_has(self, op: Operation[Any]) -> None:
        names = {field.name for field in dataclasses.fields(op.params_type)}
        assert set(op.unique_by or ()) <= names


@every_operation
class TestParams:
    def test_survive_json(self, op: Operation[Any]) -> None:
        params = params_from_json(op, given_for(op))
        stored = json.loads(json.dumps(params_to_json(params)))
        assert params_from_json(op, stored) == params
        assert params_to_json(params_from_json(op, stored)) == stored

    def test_are_frozen(self, op: Operation[Any]) -> None:
        assert op.params_type.__dataclass_params__.frozen

    def test_an_unknown_one_is_named(self, op: Operation[Any]) -> None:
        with pytest.raises(InputError) as caught:
            params_from_json(op, {**given_for(op), "shoe_size": 42})
        assert caught.value.details["field"] == "shoe_size"

    def test_order_says_nothing(self, op: Operation[Any]) -> None:
        given = given_for(op)
        turned = {
            name: value[::-1] + value[:1] if isinstance(value, list) else value
            for name, value in reversed(given.items())
        }
        assert identity(op, given) == identity(op, turned)

    def test_another_value_is_other_work(self, op: Operation[Any]) -> None:
        given = given_for(op)
        counts = [field for field in given if op.unique_by is None or field in op.unique_by]
        for name in counts:
            if isinstance(given[name], list):
                assert identity(op, {**given, name: given[name][:1]}) != identity(op, given), name


@every_operation
class TestAccess:
    def test_a_reader_may_see_and_not_start(self, op: Operation[Any], cast: Cast) -> None:
        seen = _a_run(op, cast)
        olu = Client()
        olu.force_login(cast.olu)
        page = olu.get(reverse("run_detail", args=[cast.contoso.slug, seen.pk]))
        assert page.status_code == 200
        assert op.label in page.content.decode()
        with pytest.raises(NotAllowed) as caught:
            _start(op, cast, cast.olu)
        assert op.needs.value in caught.value.message + caught.value.hint
        assert OperationRun.all_tenants.count() == 1

    def test_a_stranger_neither_sees_nor_starts(self, op: Operation[Any], cast: Cast) -> None:
        seen = _a_run(op, cast)
        eve = Client()
        eve.force_login(cast.eve)
        assert eve.get(reverse("run_detail", args=[cast.contoso.slug, seen.pk])).status_code == 404
        with pytest.raises((NotAllowed, NotFound)):
            _start(op, cast, cast.eve)
        assert OperationRun.all_tenants.count() == 1


def _a_run(op: Operation[Any], cast: Cast) -> OperationRun:
    with tenant_scope(cast.contoso):
        return insert_run(
            NewRun(
                tenant=cast.contoso,
                operation=op.key,
                subject="Nightly",
                params=params_to_json(params_from_json(op, given_for(op))),
                identity_hash=identity(op, given_for(op)),
                trigger=Trigger.PERSON,
                actor=cast.otto,
            )
        )


def _start(op: Operation[Any], cast: Cast, actor: Any) -> None:
    start_run(op.key, tenant=cast.contoso, params=given_for(op), actor=actor, trigger=Trigger.PERSON)
