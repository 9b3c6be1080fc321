"""Identifiers: stable ones derived from what they name, and fresh random ones."""

from __future__ import annotations

import hashlib
import uuid

_NAMESPACE = uuid.UUID("6f1b2a7e-51f5-4d0c-9a3c-7d2c3f0b1e55")


def stable_id(*parts: object) -> str:
    """The same parts give the same UUID, on every machine and in every version."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts)))


def fresh_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of the bytes, in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
