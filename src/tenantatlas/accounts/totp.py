"""Codes of authenticator apps: RFC 6238 with SHA-1, six digits, thirty seconds, as every app expects."""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

PERIOD = 30
DIGITS = 6
ISSUER = "TenantAtlas"
#: How many periods a telephone's clock may be off, either way.
DRIFT = 1
_SECRET_BYTES = 20
_GROUP = 4


def new_secret() -> bytes:
    """A fresh secret of 160 bits."""
    return secrets.token_bytes(_SECRET_BYTES)


def as_text(secret: bytes) -> str:
    """The secret in base32, in groups of four, for typing."""
    text = base64.b32encode(secret).decode("ascii").rstrip("=")
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def as_uri(secret: bytes, *, email: str) -> str:
    """What authenticator apps read from a link or a picture."""
    plain = as_text(secret).replace(" ", "")
    return (
        f"otpauth://totp/{ISSUER}:{quote(email)}?secret={plain}&issuer={ISSUER}"
        f"&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )


def period_at(moment: datetime) -> int:
    """The number of the period that the moment is in."""
    return int(moment.timestamp()) // PERIOD


def code_for(secret: bytes, period: int) -> str:
    """The code of that period."""
    digest = hmac.digest(secret, period.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_period(secret: bytes, code: str, *, at: datetime, after: int) -> int | None:
    """The period whose code this is, near that moment and later than `after`; None where there is none.

    Whoever keeps the period as the next `after` accepts each code once.
    """
    given = "".join(code.split()).encode("utf-8", "replace")
    now, found = period_at(at), None
    for period in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_for(secret, period).encode(), given) and period > after:
            found = period
    return found
