"""Graph's envelopes (`value` and `@odata.nextLink`, `responses`), opened without touching what is inside.

Each row and each batched body keeps its own bytes. A key that occurs twice is refused, so nothing is
shadowed.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tenantatlas.core import json
from tenantatlas.core.json import BadJson

T = TypeVar("T")

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str | None)
_name = msgspec.json.Decoder(str | int)
_number = msgspec.json.Decoder(int)
_headers = msgspec.json.Decoder(dict[str, str | int | float | None] | None)


class Opened:
    """One JSON object, its values still encoded."""

    def __init__(self, data: bytes | msgspec.Raw) -> None:
        try:
            self._values = _object.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadJson("The answer is not a JSON object.") from error
        self._refuse_shadowed(data)

    def _refuse_shadowed(self, data: bytes | msgspec.Raw) -> None:
        """Compact JSON without duplicate keys is as long as its parts; anything else is read in full."""
        raw = memoryview(data)
        parts = sum(len(key.encode()) + len(memoryview(value)) + 4 for key, value in self._values.items())
        if raw.nbytes != max(2, parts + 1):
            json.loads(bytes(raw))

    def raw(self, name: str) -> bytes | None:
        """The bytes of a value; None where there is none."""
        value = self._values.get(name)
        return None if value is None else bytes(value)

    def rows(self, name: str) -> tuple[bytes, ...]:
        """The objects of a list, each as its own bytes."""
        value = self._values.get(name)
        if value is None:
            raise BadJson(f"The answer has no {name!r}.")
        try:
            rows = tuple(bytes(row) for row in _array.decode(value))
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadJson(f"The answer's {name!r} is not a list.") from error
        if not all(row.startswith(b"{") for row in rows):
            raise BadJson(f"The answer's {name!r} is not a list of objects.")
        return rows

    def text(self, name: str) -> str | None:
        """A text value, or None."""
        value = self._values.get(name)
        return None if value is None else _decode(_text, value, name)

    def name(self, name: str) -> str:
        """An id, however it was written."""
        return str(_decode(_name, self._need(name), name))

    def number(self, name: str) -> int:
        """An integer."""
        return _decode(_number, self._need(name), name)

    def headers(self, name: str) -> dict[str, str]:
        """A flat object of texts."""
        value = self._values.get(name)
        found = None if value is None else _decode(_headers, value, name)
        return {key: str(text) for key, text in (found or {}).items() if text is not None}

    def _need(self, name: str) -> msgspec.Raw:
        value = self._values.get(name)
        if value is None:
            raise BadJson(f"The answer has no {name!r}.")
        return value


def _decode(decoder: msgspec.json.Decoder[T], value: msgspec.Raw, name: str) -> T:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadJson(f"The answer's {name!r} is not what it should be.") from error
