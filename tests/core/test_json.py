"""Strict reading, and writing back exactly what was read."""

from __future__ import annotations

import pytest

from tenantatlas.core import json
from tenantatlas.core.clock import SystemClock
from tenantatlas.core.json import BadJson, Number, dumps, dumps_sorted, loads


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "'a' occurs twice"),
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value"),
        (b"\xff", "not UTF-8"),
        ("\ufeff{}", "byte order mark"),
        (b"[" * 129 + b"]" * 129, "more than 128 levels"),
        (b"[" * 129 + b'"', "more than 128 levels"),
        (b'{"a": ', "not JSON"),
    ],
)
def test_what_is_not_strict_json_is_refused(data: bytes | str, said: str) -> None:
    with pytest.raises(BadJson, match=said):
        loads(data)


def test_a_document_that_is_too_large_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "MAX_BYTES", 8)
    assert loads(b'{"a": 1}') == {"a": 1}
    with pytest.raises(BadJson, match="has 9 bytes; at most 8"):
        loads(b'{"a": 10}')


@pytest.mark.parametrize("brackets", [b'["' + b"[" * 300 + b'"]', b"[" * 128 + b"]" * 128, b"[]"])
def test_brackets_within_text_are_no_levels(brackets: bytes) -> None:
    assert dumps(loads(brackets)) == brackets


@pytest.mark.parametrize("text", ["1.10", "1E5", "-0", "12345678901234567890", "0.1", "-7"])
def test_a_number_is_written_as_it_was_read(text: str) -> None:
    assert dumps(loads(text)) == text.encode()


def test_a_number_is_a_number() -> None:
    assert float(loads("1.50")) == 1.5


def test_what_the_fast_encoder_refuses_is_written_all_the_same() -> None:
    value = {"b": ["\ud800", Number("1.10"), None, True], "a": 10**30}
    assert dumps(value) == b'{"b":["\\ud800",1.10,null,true],"a":1000000000000000000000000000000}'
    assert dumps_sorted(value) == b'{"a":1000000000000000000000000000000,"b":["\\ud800",1.10,null,true]}'
    assert loads(dumps(value)) == {**value, "a": Number(str(10**30))}


def test_what_is_not_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        dumps({"a": object()})


def test_no_time_at_all_is_not_waited_for() -> None:
    clock = SystemClock(scale=1e6)
    before = clock.monotonic()
    clock.sleep(0)
    clock.sleep(1)
    assert clock.monotonic() > before
