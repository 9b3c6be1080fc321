"""Credentials as they are given: read, checked, and turned into what the vault seals. Never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import dumps, loads
from tenantatlas.core.log import remember_secret

from .models import CredentialKind, Tenant
from .vault import seal, unseal

_SEAL_PURPOSE = "connection"
_LONGEST_SECRET = 1000
_PEM_HINT = "Give a PEM file with the certificate and its unencrypted RSA private key."


@dataclass(frozen=True, kw_only=True)
class Credential:
    """How an app proves who it is."""

    kind: CredentialKind
    text: str = field(repr=False)
    expires_at: datetime | None = None


def client_secret(text: str, *, expires_at: datetime | None = None) -> Credential:
    """A client secret: one line of printable characters. Only Entra knows its end; a person may say it."""
    secret = text.strip()
    if not secret or len(secret) > _LONGEST_SECRET or not secret.isprintable() or " " in secret:
        raise InputError(
            "The client secret is not one line of printable characters.",
            hint="The file must hold the secret's value and nothing else.",
        )
    remember_secret(secret)
    if expires_at is not None and expires_at <= clock.now():
        raise InputError(
            f"The client secret expired on {expires_at:%Y-%m-%d}.", hint="Make a new one in Entra."
        )
    return Credential(kind=CredentialKind.SECRET, text=secret, expires_at=expires_at)


def last_moment(day: str) -> datetime | None:
    """The end of a day that a person wrote as 2027-05-31; None where they wrote nothing."""
    if not day.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(day.strip()), time.max, tzinfo=UTC)
    except ValueError as error:
        raise InputError(
            "The day on which the secret expires is not a date.", hint="Write it as 2027-05-31."
        ) from error


def certificate(pem: str) -> Credential:
    """A certificate with its private key, both PEM. They must belong together and be valid now."""
    remember_secret(pem)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
        shown = x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, TypeError) as error:
        raise InputError("The certificate file cannot be read.", hint=_PEM_HINT) from error
    except Exception as error:  # cryptography has an error of its own for algorithms it does not know
        if type(error).__module__.partition(".")[0] != "cryptography":
            raise
        raise InputError("The certificate file uses an unknown algorithm.", hint=_PEM_HINT) from error
    if not isinstance(key, RSAPrivateKey):
        raise InputError("The certificate's key is not an RSA key.", hint=_PEM_HINT)
    if shown.public_key() != key.public_key():
        raise InputError("The private key does not belong to the certificate.", hint=_PEM_HINT)
    expires_at = shown.not_valid_after_utc.astimezone(UTC)
    if expires_at <= clock.now():
        raise InputError(
            f"The certificate expired on {expires_at:%Y-%m-%d}.",
            hint="Give one that is valid, and known to the app.",
        )
    return Credential(kind=CredentialKind.CERTIFICATE, text=pem, expires_at=expires_at)


def seal_secret(tenant: Tenant, *, purpose: str, secret: str) -> bytes:
    """A secret or certificate as its row keeps it."""
    return seal(tenant, purpose=_SEAL_PURPOSE, record=purpose, plain=dumps({"secret": secret}))


def unseal_secret(tenant: Tenant, *, purpose: str, sealed: bytes) -> str:
    """The secret or certificate in clear, for Graph only; it is never printed from now on."""
    data = loads(unseal(tenant, purpose=_SEAL_PURPOSE, record=purpose, sealed=sealed))
    text = str(data["secret"])
    remember_secret(text)
    return text


def authorities(pem: str) -> str:
    """Certificate authorities in PEM, checked; the text as it is kept."""
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise InputError(
            "The CA file holds no certificate.", hint="Give a PEM file with one or more CA certificates."
        ) from error
    if "PRIVATE KEY" in pem:
        raise InputError("The CA file holds a private key.", hint="Give the CA's certificate only.")
    return pem
