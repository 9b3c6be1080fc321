"""Operations are found by key, and their parameters survive JSON and the command line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tenantatlas.core.clock
import tenantatlas.runs
from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import InputError, NotAllowed, Rejected, Snoozed, Throttled
from tenantatlas.runs import registry
from tenantatlas.runs.registry import (
    Operation,
    all_operations,
    failed_item,
    get_operation,
    label_of,
    operation,
    params_from_json,
    params_from_text,
    params_to_json,
    puts_aside,
)

from .toys import Play, ToyParams


def test_every_operation_is_found_and_says_what_it_is():
    found = {op.key: op for op in all_operations()}
    assert {"connection.check", "toy.play", "toy.write"} <= set(found)
    assert list(found) == sorted(found)
    for key, op in found.items():
        assert op.label
        assert op.needs in Capability
        assert get_operation(key) is op


def test_labels_of_operations_that_are_gone_are_their_keys():
    assert label_of("toy.old_name") == "Play with toys"
    assert label_of("gone.forever") == "gone.forever"


def test_nothing_near_points_to_the_list():
    with pytest.raises(InputError) as caught:
        get_operation("§§§")
    assert caught.value.hint


def test_a_key_belongs_to_one_class():
    with pytest.raises(ValueError, match=r"toy\.old_name"):

        @operation("toy.new", label="x", needs=Capability.TENANT_VIEW, aliases=("toy.old_name",))
        class Impostor(Operation[ToyParams]):
            params_type = ToyParams

    assert "toy.new" not in {op.key for op in all_operations()}


def test_params_survive_json():
    params = ToyParams(names=("a", "b"), lanes=2)
    assert params_from_json(Play(), params_to_json(params)) == params
    assert params_from_json(Play(), params) is params


@pytest.mark.parametrize("given", [None, [], "names"])
def test_params_must_be_an_object(given):
    with pytest.raises(InputError, match="must be an object"):
        params_from_json(Play(), given)


def test_params_from_the_command_line():
    params = params_from_text(Play(), {"names": "a, b,,c", "lanes": "3", "note": "x=y"})
    assert params == ToyParams(names=("a", "b", "c"), lanes=3, note="x=y")
    with pytest.raises(InputError) as caught:
        params_from_text(Play(), {"lanes": "many"})
    assert caught.value.details["field"] == "lanes"
    with pytest.raises(InputError, match="no parameter"):
        params_from_text(Play(), {"lnaes": "3"})


def test_which_errors_put_a_run_aside():
    soon = tenantatlas.core.clock.now()
    assert puts_aside(Snoozed(soon, reason="approval"))
    assert puts_aside(Throttled(retry_after=61))
    assert not puts_aside(Throttled(retry_after=60))
    assert not puts_aside(Throttled())
    assert not puts_aside(NotAllowed())


def test_the_result_of_a_failed_item_keeps_small_facts_only():
    error = Rejected("No.", details={"status": 400, "request_id": "r", "body": {"secret": 1}})
    result = failed_item("a", error)
    assert (result.reason, result.request_id) == ("rejected", "r")
    assert result.details == {"status": 400, "request_id": "r"}


def test_hooks_are_called_at_crash_points_and_removed():
    seen = []
    registry.install_crash_hook(seen.append)
    registry.crash_point("here")
    registry.install_crash_hook(None)
    registry.crash_point("there")
    assert seen == ["here"]


@pytest.mark.parametrize("module", ["lifecycle", "dedupe"])
def test_pure_modules_import_nothing_impure(module):
    tree = ast.parse((Path(tenantatlas.runs.__file__).parent / f"{module}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith(("django", "dbos", "aiohttp"))
