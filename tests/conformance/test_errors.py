"""The definition of done for an error. Parametrised over the leaves: adding a class adds its tests."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import tenantatlas
from tenantatlas.core import clock, errors
from tenantatlas.core.errors import AtlasError, Cancelled, Snoozed

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"
#: 0 is success, and 1 our fault; the others are drawn in the design of the command line.
EXIT_CODES = range(1, 9)
CONTROL_FLOW = (Cancelled, Snoozed)


def below(parent: type[AtlasError]) -> Iterator[type[AtlasError]]:
    """Every error below that one."""
    for child in parent.__subclasses__():
        yield child
        yield from below(child)


def every_class() -> list[type[AtlasError]]:
    """Every error of the product, of all its modules."""
    for module in pkgutil.walk_packages(tenantatlas.__path__, "tenantatlas."):
        if not {"config", "management", "migrations", "__main__"} & set(module.name.split(".")):
            importlib.import_module(module.name)
    found = [each for each in below(AtlasError) if each.__module__.startswith("tenantatlas.")]
    return sorted(set(found), key=lambda each: each.__name__)


ALL = every_class()
LEAVES = [each for each in ALL if each.__module__ == errors.__name__]
every_error = pytest.mark.parametrize("leaf", ALL, ids=lambda leaf: leaf.__name__)
every_leaf = pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)


def made(leaf: type[AtlasError]) -> AtlasError:
    """One of them, without words of its own."""
    return leaf(clock.now(), reason="throttled") if leaf is Snoozed else leaf()  # type: ignore[arg-type,call-arg]


def test_codes_are_unique() -> None:
    counted = Counter(leaf.code for leaf in LEAVES)
    assert [code for code, number in counted.items() if number > 1] == []


@every_error
def test_has_a_sentence(leaf: type[AtlasError]) -> None:
    sentence = (leaf.__doc__ or "").strip().splitlines()[0]
    assert sentence[:1].isupper()
    assert sentence.endswith(".")
    if leaf is not Snoozed:
        assert str(made(leaf)) == made(leaf).message == sentence


@every_error
def test_has_codes_for_every_face(leaf: type[AtlasError]) -> None:
    assert leaf.code
    assert leaf.code == leaf.code.lower()
    assert leaf.exit_code in EXIT_CODES
    assert leaf.http_status in range(400, 600)


@every_error
def test_is_not_lost_on_its_way_through_a_run(leaf: type[AtlasError]) -> None:
    error = made(leaf)
    assert error.hint == ""
    assert error.details == {}
    assert isinstance(error, Exception)


@every_leaf
def test_is_drawn(leaf: type[AtlasError]) -> None:
    assert leaf.__name__ in (errors.__doc__ or "")


@every_leaf
def test_is_in_the_reference(leaf: type[AtlasError]) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    if leaf in CONTROL_FLOW:
        assert f"`{leaf.code}`" not in text
    else:
        sentence = (leaf.__doc__ or "").strip().splitlines()[0]
        assert f"| `{leaf.code}` | {sentence} | {leaf.exit_code} | {leaf.http_status} |" in text
