"""A captured policy: the bytes Graph sent, and the reading of them.

A `Document` is the list row (or item) and each part, as raw JSON bytes. `to_bytes` is the payload a version
stores: the
raw answers are inside it byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import orjson

from tenantatlas.core import json
from tenantatlas.core.json import Json

FORMAT = 1


class _Stored(msgspec.Struct):
    format: int
    type: str
    object: msgspec.Raw
    item: msgspec.Raw = msgspec.Raw(b"null")  # msgspec reads no union with Raw
    parts: dict[str, list[msgspec.Raw]] = {}
    missing: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Document:
    """`object` is the list row, `item` the item answer where the type reads it. `parts` maps a part's key
    to the raw
    rows (COLLECTION) or the single raw answer (OBJECT, VALUE). A part read for each row has the key
    `name:<row id>`.
    `missing` names the parts that could not be read, with the reason (only parts marked `secret` may be
    missing).
    """

    type_key: str
    object: bytes
    item: bytes | None = None
    parts: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The payload of a version. The same document gives the same bytes."""
        body: dict[str, object] = {
            "format": FORMAT,
            "type": self.type_key,
            "object": orjson.Fragment(self.object),
            "item": None if self.item is None else orjson.Fragment(self.item),
            "parts": {key: [orjson.Fragment(raw) for raw in self.parts[key]] for key in sorted(self.parts)},
            "missing": {key: self.missing[key] for key in sorted(self.missing)},
        }
        return orjson.dumps(body)

    @classmethod
    def from_bytes(cls, data: bytes) -> Document:
        """Read a payload; raises `core.json.BadJson` where it is not one."""
        try:
            stored = msgspec.json.decode(data, type=_Stored)
        except msgspec.DecodeError as error:
            raise json.BadJson("This is not the payload of a version.") from error
        if stored.format != FORMAT:
            raise json.BadJson(f"The payload has format {stored.format}; this version reads {FORMAT}.")
        return cls(
            type_key=stored.type,
            object=bytes(stored.object),
            item=None if bytes(stored.item) == b"null" else bytes(stored.item),
            parts={key: tuple(bytes(raw) for raw in rows) for key, rows in stored.parts.items()},
            missing=stored.missing,
        )

    def read_object(self) -> Json:
        """The object's own properties: the list row with the item's laid over it."""
        row = json.loads(self.object)
        return row if self.item is None else {**row, **json.loads(self.item)}
