"""Strict JSON: what Graph sent is what we keep.

`loads` refuses what stock decoders let through: duplicate keys, NaN and Infinity, text that is not UTF-8, a
byte order
mark, more than 32 MiB, more than 128 levels. A number that a Python int or float would not write back as it
was read
(1.10, 1E5, -0, 20 digits) is kept as a `Number` with its text. `dumps` writes compact UTF-8; `dumps_sorted`
with sorted
keys, so equal values give equal bytes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson

from .errors import AtlasError

#: A JSON value: dict, list, str, int, float, Number, bool or None.
Json = Any

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 128
_LONGEST_INT = 18


class BadJson(AtlasError):
    """This is not JSON that we accept."""

    code = "bad_json"
    http_status = 400
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number kept as it was written."""

    text: str

    def __float__(self) -> float:
        return float(self.text)


def _parse_int(text: str) -> int | Number:
    if len(text) > _LONGEST_INT or text == "-0":
        return Number(text)
    return int(text)


def _refuse_constant(text: str) -> Json:
    raise BadJson(f"{text} is not a JSON value.")


def _object_without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        times = Counter(key for key, _ in pairs)
        raise BadJson(f"The key {times.most_common(1)[0][0][:80]!r} occurs twice in one object.")
    return result


_decoder = json.JSONDecoder(
    parse_float=Number,
    parse_int=_parse_int,
    parse_constant=_refuse_constant,
    object_pairs_hook=_object_without_duplicates,
)
_NOT_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+', re.DOTALL)


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for byte in _NOT_STRUCTURE.sub(b"", data):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def loads(data: bytes | str) -> Json:
    """Decode strictly, or raise `BadJson`."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise BadJson(f"The document has {len(raw)} bytes; at most {MAX_BYTES} are read.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson("The document is not UTF-8.") from error
    if text.startswith("\ufeff"):
        raise BadJson("The document begins with a byte order mark.")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise BadJson(f"The document is nested more than {MAX_DEPTH} levels deep.")
    try:
        return _decoder.decode(text)
    except BadJson:
        raise
    except (ValueError, RecursionError) as error:
        raise BadJson(f"The document is not JSON: {str(error)[:120]}") from error


def _write_number(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text.encode())
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _dump(value: Json, option: int) -> bytes:
    try:
        return orjson.dumps(value, default=_write_number, option=option)
    except orjson.JSONEncodeError:
        return _dump_slowly(value, sort=bool(option & orjson.OPT_SORT_KEYS)).encode("ascii")


def _dump_slowly(value: Json, *, sort: bool) -> str:
    """What the fast encoder refuses: lone surrogates (escaped) and integers of any length."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        keys = sorted(value) if sort else list(value)
        inner = ",".join(f"{json.dumps(key)}:{_dump_slowly(value[key], sort=sort)}" for key in keys)
        return "{" + inner + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_dump_slowly(item, sort=sort) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def dumps(value: Json) -> bytes:
    """Compact UTF-8, keys in the order given."""
    return _dump(value, orjson.OPT_PASSTHROUGH_DATACLASS)


def dumps_sorted(value: Json) -> bytes:
    """Compact UTF-8 with sorted keys: equal values, equal bytes."""
    return _dump(value, orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_SORT_KEYS)


def storable_text(text: str) -> str:
    """The text as a column of either database keeps it: NUL and lone surrogates replaced."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def storable(value: Json) -> Json:
    """The value as a JSON column of either database keeps it: `storable_text`, and a `Number` as its text."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return {storable_text(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
