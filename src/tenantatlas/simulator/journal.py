"""What the simulator was asked, in the order of arrival."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tenantatlas.core import json
from tenantatlas.core.json import Json


@dataclass(kw_only=True)
class Entry:
    """One request. `path` is decoded no further than it came; `applied` says whether anything was stored."""

    number: int
    tenant: str
    client_id: str
    at: str
    elapsed: float
    method: str
    path: str
    query: str
    body: Json
    status: int = 0
    applied: bool = False
    in_batch: bool = False
    client_request_id: str = ""
    lost: bool = False  # the answer did not arrive whole

    @property
    def is_write(self) -> bool:
        """Did it mean to change anything? (`$batch` itself does not.)"""
        return self.method != "GET" and not self.path.endswith(("/$batch", "/getByIds", "/token"))

    def to_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return asdict(self)


def read_for_journal(body: bytes) -> Json:
    """A request body as the journal keeps it: JSON where it is JSON, text otherwise."""
    if not body:
        return None
    try:
        return json.loads(body)
    except json.BadJson:
        return body.decode("utf-8", "replace")
