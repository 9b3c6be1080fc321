"""Certificates made for tests."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tenantatlas.core import clock


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """A key; the same number gives the same key."""
    assert number >= 0
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_pem(key, *, days: int = 30) -> str:
    """A self-signed certificate that ends in so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TenantAtlas test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(clock.now() - timedelta(days=365))
        .not_valid_after(clock.now() + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def key_pem(key) -> str:
    """The private key in clear."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def elliptic_key():
    """A key that Graph's sign-in does not take."""
    return ec.generate_private_key(ec.SECP256R1())
