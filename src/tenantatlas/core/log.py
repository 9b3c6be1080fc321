"""What every log line carries, and what none may: fields of the work in hand, and secrets seen so far.

`log_fields(run=87, item="…")` adds fields to every line written within the block, in this thread or task.
`remember_secret` makes a value unprintable for the life of the process: `redact_text` replaces it, and
everything
that looks like a credential, by `•••`.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "•••"
_SHORTEST_SECRET = 6

_fields: ContextVar[dict[str, Any] | None] = ContextVar("log_fields", default=None)
_secrets: dict[str, None] = {}

_LOOKS_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{8,})"
    r"|(?i:(?<=client_secret=)[^&\s\"']+)"
    r"|(?i:(?<=client_assertion=)[^&\s\"']+)"
    r"|(?i:(?<=password=)[^&\s\"']+)",
    re.DOTALL,
)


@contextlib.contextmanager
def log_fields(**fields: Any) -> Iterator[None]:
    """Add these fields to every log line within the block."""
    token = _fields.set({**(_fields.get() or {}), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def current_fields() -> dict[str, Any]:
    """The fields of the work in hand."""
    return dict(_fields.get() or {})


def remember_secret(value: str) -> None:
    """Never print this value again, in any of the ways in which text is escaped.

    Values too short to be told from words are not remembered.
    """
    plain = value.strip()
    if len(plain) >= _SHORTEST_SECRET:
        for form in (
            plain,
            repr(plain)[1:-1],
            json.dumps(plain)[1:-1],
            quote(plain, safe=""),
            quote_plus(plain),
        ):
            _secrets[form] = None


def redact_text(text: str) -> str:
    """The text without secrets."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    return _LOOKS_SECRET.sub(HIDDEN, text)
