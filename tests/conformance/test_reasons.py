"""Every code that an item or a run can fail with is known in `runs.reasons`, and so has an exit code.

The source is read: what is given as an item's reason wherever it may be a failure, and to `mark_incomplete`.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tenantatlas
from tenantatlas.runs.lifecycle import BAD_ITEM_STATES, ItemState
from tenantatlas.runs.reasons import AMOUNTS_TO, error_of

SOURCE = Path(tenantatlas.__file__).parent
PACKAGES = ("runs", "directory", "inventory", "backups", "drift", "restore", "schedules")
#: What says nothing bad of an item that ends with it.
HARMLESS = {f"ItemState.{state.name}" for state in ItemState if state not in BAD_ITEM_STATES}


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def named(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def reasons_in(call: ast.Call) -> Iterator[ast.expr]:
    """What this call gives as the reason of a failure."""
    match called(call):
        case "failed":
            yield call.args[1]
        case "mark_incomplete":
            yield call.args[0]
        case "ItemResult" | "update":
            state, reason = named(call, "state"), named(call, "reason")
            if reason is not None and state is not None and ast.unparse(state) not in HARMLESS:
                yield reason
        case "_base" if any(ast.unparse(arg) == "Action.UNDECIDED" for arg in call.args):
            yield call.args[2]


def words_of(expression: ast.expr, module: Any) -> Iterator[str]:
    """The codes that the expression is spelled with; an error's own code is no word."""
    for part in ast.walk(expression):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
            yield part.value
        elif isinstance(part, ast.Name) and part.id.isupper():
            yield getattr(module, part.id)


def every_code() -> dict[str, str]:
    found: dict[str, str] = {"mapping": "restore/plan.py", "failed": "runs/endings.py"}
    for package in PACKAGES:
        for path in sorted((SOURCE / package).rglob("*.py")):
            name = path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")
            if "migrations" in name:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                for reason in reasons_in(node) if isinstance(node, ast.Call) else ():
                    module = importlib.import_module(f"tenantatlas.{name}".removesuffix(".__init__"))
                    found |= dict.fromkeys(words_of(reason, module), str(path.relative_to(SOURCE)))
    return found


CODES = every_code()


@pytest.mark.parametrize("code", CODES)
def test_a_failures_code_has_a_meaning(code: str) -> None:
    assert error_of(code) is not None, f"{code!r} of {CODES[code]} is missing in runs/reasons.py"


def test_no_meaning_is_left_over() -> None:
    assert set(AMOUNTS_TO) - set(CODES) == set()


def test_the_source_is_read() -> None:
    assert {"changed_since_preview", "vanished", "late_twin", "incomplete", "interrupted"} <= set(CODES)
