"""Opaque continuation links: signed, encoded twice, bound to their query, and not good for ever."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import orjson

from .errors import AnswerError

if TYPE_CHECKING:
    from .facts import Call

_MARK = "[cosmosdb]"


def _binding(call: Call, path: str) -> str:
    options = sorted(
        part for part in call.query.raw.split("&") if part and not part.startswith("$skiptoken=")
    )
    return hashlib.sha256(f"{call.tenant.guid} {path.lower()} {options}".encode()).hexdigest()[:16]


def _sign(call: Call, payload: bytes) -> str:
    key = f"{call.world.seed}/continuation".encode()
    return hmac.new(key, payload, hashlib.sha256).hexdigest()[:32]


def next_link(call: Call, path: str, after: int) -> str:
    """The link to the page that follows the row with that number."""
    payload = orjson.dumps([_binding(call, path), after, round(call.world.times.elapsed(), 3)])
    token = _MARK + base64.urlsafe_b64encode(payload).decode() + "." + _sign(call, payload)
    options = [part for part in call.query.raw.split("&") if part and not part.startswith("$skiptoken=")]
    options.append("$skiptoken=" + quote(quote(token, safe=""), safe=""))
    return f"{call.graph}{path}?{'&'.join(options)}"


def continue_after(call: Call, path: str) -> int:
    """The number of the row after which this page begins; 0 without a continuation token."""
    token = call.query.skiptoken
    if not token:
        return 0
    text = unquote(token)
    encoded, dot, signature = text.removeprefix(_MARK).rpartition(".")
    try:
        payload = base64.urlsafe_b64decode(encoded)
        if token == text or not text.startswith(_MARK) or not dot:
            raise ValueError("not a token of ours")
        if not hmac.compare_digest(signature, _sign(call, payload)):
            raise ValueError("signed by somebody else")
        binding, after, at = orjson.loads(payload)
    except ValueError as error:
        raise AnswerError(400, "BadRequest", "Skip token is not valid.") from error
    if binding != _binding(call, path):
        raise AnswerError(400, "BadRequest", "The skip token does not belong to this query.")
    if call.world.times.elapsed() - at > call.world.link_life:
        raise AnswerError(400, "BadRequest", "Skip token has expired.")
    return int(after)
