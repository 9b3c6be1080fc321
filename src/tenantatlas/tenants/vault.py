"""Secrets and payloads at rest: sealed under a data key per tenant, which the key file wraps.

    key file (outside the database) ──wraps──► Tenant.wrapped_key ──seals──► the tenant's secrets and payloads

AES-256-GCM throughout. What is sealed is bound to its tenant, record and purpose: moved to another row, it
does not open.
Wrapped keys name the key that wrapped them, so that the wrong key file is called by name.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from tenantatlas.core.errors import Conflict, KeyMissing, StorageFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import dumps

from .models import Tenant

_KEY_PREFIX = "tenantatlas-key-1:"
_FORMAT = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_CHARS = 16

_data_keys: dict[tuple[int, str, bytes], bytes] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Key:
    """The install's key. `id` can be told to anybody."""

    secret: bytes

    @property
    def id(self) -> str:
        """The first 16 characters of the key's SHA-256."""
        return sha256_hex(b"tenantatlas key id" + self.secret)[:_ID_CHARS]


def make_key_file() -> str:
    """Write a new key to ATLAS_KEY_FILE, readable by its owner only, and return its id. Never overwrites."""
    path = Path(settings.ATLAS_KEY_FILE)
    secret = secrets.token_bytes(_KEY_BYTES)
    text = _KEY_PREFIX + base64.urlsafe_b64encode(secret).decode("ascii") + "\n"
    try:
        write_private_file(path, text.encode("ascii"))
    except OSError as error:
        if path.exists():
            raise Conflict(
                f"There is a key in {path} already.", hint="It is kept; nothing was changed."
            ) from error
        raise StorageFailed(
            f"The key file {path} could not be written: {error.strerror}.",
            hint="Set ATLAS_HOME or ATLAS_KEY_FILE to a folder that this user may write to.",
        ) from error
    return Key(secret).id


def write_private_file(path: Path, data: bytes) -> None:
    """Write a new file of mode 0600 that is either whole or not there. An existing file is never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()


def load_key(*, wanted: str = "") -> Key:
    """The key of this install. `wanted` is the id of the key needed, to name it when the file is missing."""
    path = Path(settings.ATLAS_KEY_FILE)
    named = f" with key {wanted}" if wanted else ""
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise KeyMissing(
            f"The key file {path}{named} is missing.",
            hint="Put the install's key back there, or set ATLAS_KEY_FILE to where it is. "
            "Without it nothing that is stored can be read.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(
            f"The key file {path} cannot be read.", hint="It must be a text file that this user may read."
        ) from error
    key = read_key(text)
    if key is not None:
        return key
    raise KeyMissing(
        f"The key file {path} does not hold a key of TenantAtlas.",
        hint="Put the install's key back there, or set ATLAS_KEY_FILE to where it is.",
    )


def read_key(text: str) -> Key | None:
    """The key in the text of a key file; None where it holds none."""
    text = text.strip()
    with contextlib.suppress(ValueError):
        secret = base64.b64decode(text.removeprefix(_KEY_PREFIX), altchars=b"-_", validate=True)
        if text.startswith(_KEY_PREFIX) and len(secret) == _KEY_BYTES:
            return Key(secret)
    return None


def seal(tenant: Tenant, *, purpose: str, record: str, plain: bytes) -> bytes:
    """The bytes encrypted for this tenant, record and purpose."""
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(_data_key(tenant))
    return _FORMAT + nonce + cipher.encrypt(nonce, plain, _bound_to(tenant, purpose=purpose, record=record))


def unseal(tenant: Tenant, *, purpose: str, record: str, sealed: bytes) -> bytes:
    """What was sealed for exactly this tenant, record and purpose, or `StorageFailed`.

    `KeyMissing` where the key file is not the one that opens it: then nothing is known of what is stored.
    """
    data = bytes(sealed)
    cipher = AESGCM(_data_key(tenant))
    nonce, body = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
    try:
        if data[:1] != _FORMAT or len(nonce) != _NONCE_BYTES:
            raise InvalidTag
        return cipher.decrypt(nonce, body, _bound_to(tenant, purpose=purpose, record=record))
    except InvalidTag as error:
        raise StorageFailed(
            f"What is stored for {purpose} {record} of tenant {tenant.slug} is damaged or was moved "
            f"(key {wrapping_key_id(tenant)}).",
            hint="Restore the database from a backup of this install.",
        ) from error


def seal_for_install(*, purpose: str, record: str, plain: bytes) -> bytes:
    """The bytes encrypted with the install's own key, for what belongs to no tenant."""
    key = load_key()
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, plain, _bound_to_install(key, purpose=purpose, record=record))
    return _FORMAT + key.id.encode("ascii") + nonce + sealed


def unseal_for_install(*, purpose: str, record: str, sealed: bytes | memoryview[int]) -> bytes:
    """What was sealed for exactly this purpose and record, or `StorageFailed`."""
    data = bytes(sealed)
    wanted = data[1 : 1 + _ID_CHARS].decode("ascii", "replace")
    key = load_key(wanted=wanted)
    start = 1 + _ID_CHARS
    nonce, body = data[start : start + _NONCE_BYTES], data[start + _NONCE_BYTES :]
    try:
        return AESGCM(key.secret).decrypt(nonce, body, _bound_to_install(key, purpose=purpose, record=record))
    except (InvalidTag, ValueError) as error:
        raise StorageFailed(
            f"What is stored for {purpose} {record} is damaged, was moved, or is sealed with another key "
            f"({wanted}; the key file holds {key.id}).",
            hint="Set ATLAS_KEY_FILE to the right key, or restore a backup of this install.",
        ) from error


def wrapping_key_id(tenant: Tenant) -> str:
    """The id of the key that wraps this tenant's data key; empty while it has none."""
    return bytes(tenant.wrapped_key)[1 : 1 + _ID_CHARS].decode("ascii", "replace")


def ensure_data_key(tenant: Tenant) -> None:
    """Give the tenant a data key if it has none. Of several callers at once, one wins and all use its key."""
    if tenant.wrapped_key:
        return
    wrapped = _wrap(tenant, data_key=secrets.token_bytes(_KEY_BYTES), key=load_key())
    Tenant.objects.filter(pk=tenant.pk, wrapped_key=b"").update(wrapped_key=wrapped)
    tenant.refresh_from_db(fields=["wrapped_key"])


def _data_key(tenant: Tenant) -> bytes:
    ensure_data_key(tenant)
    key = load_key(wanted=wrapping_key_id(tenant))
    place = (tenant.pk, key.id, bytes(tenant.wrapped_key))
    with _lock:
        if place not in _data_keys:
            _data_keys[place] = _unwrap(tenant, key=key)
        return _data_keys[place]


def _wrap(tenant: Tenant, *, data_key: bytes, key: Key) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, data_key, f"data key|{tenant.pk}|{key.id}".encode())
    return _FORMAT + key.id.encode("ascii") + nonce + sealed


def _unwrap(tenant: Tenant, *, key: Key) -> bytes:
    wrapped = bytes(tenant.wrapped_key)
    wanted = wrapping_key_id(tenant)
    if wanted != key.id:
        raise KeyMissing(
            f"Tenant {tenant.slug} is sealed with key {wanted}; the key file {settings.ATLAS_KEY_FILE} "
            f"holds key {key.id}.",
            hint=f"Set ATLAS_KEY_FILE to the file that holds key {wanted}.",
        )
    start = 1 + _ID_CHARS
    nonce, body = wrapped[start : start + _NONCE_BYTES], wrapped[start + _NONCE_BYTES :]
    try:
        return AESGCM(key.secret).decrypt(nonce, body, f"data key|{tenant.pk}|{key.id}".encode())
    except (InvalidTag, ValueError) as error:
        raise StorageFailed(
            f"The data key of tenant {tenant.slug} is damaged (key {key.id}).",
            hint="Restore the database from a backup of this install.",
        ) from error


def _bound_to(tenant: Tenant, *, purpose: str, record: str) -> bytes:
    return dumps([tenant.pk, record, purpose])


def _bound_to_install(key: Key, *, purpose: str, record: str) -> bytes:
    return dumps(["install", key.id, record, purpose])
