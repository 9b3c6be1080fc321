"""`docs/dev/coverage.md` says which test holds each promise; here it is held to that."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "dev" / "coverage.md"
_ROW = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<tests>.+) \|$")
_TEST = re.compile(r"`(tests/[^`]+)`")


def rows() -> list[tuple[str, list[str]]]:
    """Each promise of the page with the tests that it names."""
    found = [_ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    told = [(row["promise"].strip(), row["tests"]) for row in found if row]
    return [(promise, _TEST.findall(tests)) for promise, tests in told if set(promise) - set("- :promise")]


@cache
def _names_in(path: Path) -> frozenset[str]:
    """Every function and class of a test file; methods as `Class::method`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return frozenset(names)


def exists(test: str) -> bool:
    """Whether the named test is there; a file alone stands for all of its tests."""
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and (not name or name.partition("[")[0] in _names_in(path))


def test_every_promise_is_held_by_tests_that_exist() -> None:
    told = rows()
    assert len(told) > 100  # a page that is not understood would hold nothing
    wrong = {promise: [test for test in tests if not exists(test)] for promise, tests in told}
    assert {promise: tests for promise, tests in wrong.items() if tests} == {}
    assert [promise for promise, tests in told if not tests] == []


def test_a_test_that_is_gone_would_be_noticed() -> None:
    assert exists("tests/conformance/test_coverage_page.py::exists")
    assert not exists("tests/conformance/test_coverage_page.py::test_that_never_was")
    assert not exists("tests/nowhere.py")
