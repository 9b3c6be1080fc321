"""Signed tokens, made by the simulator's sign-in and checked by its Graph; client assertions."""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Any

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_ID = "simulator-1"


def encode64(data: bytes) -> str:
    """Base64 for URLs without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """The reverse of `encode64`."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def process_key() -> rsa.RSAPrivateKey:
    """One signing key for all simulators of a process: making one takes a noticeable time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_to_pem(key: rsa.RSAPrivateKey) -> str:
    """The key as text, for a saved state."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def key_from_pem(text: str) -> rsa.RSAPrivateKey:
    """The key of a saved state."""
    key = serialization.load_pem_private_key(text.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the saved signing key is not an RSA key")
    return key


def sign(claims: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    """A JWT signed with RS256."""
    head = encode64(orjson.dumps({"typ": "JWT", "alg": "RS256", "kid": KEY_ID}))
    signed = f"{head}.{encode64(orjson.dumps(claims))}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode64(signature)}"


def verify(token: str, key: rsa.RSAPublicKey) -> dict[str, Any]:
    """The claims of a JWT signed by that key; raises ValueError otherwise."""
    try:
        signed, _, signature = token.rpartition(".")
        head, _, payload = signed.partition(".")
        algorithm = orjson.loads(decode64(head)).get("alg")
        key.verify(decode64(signature), signed.encode(), _padding(algorithm), hashes.SHA256())
        claims = orjson.loads(decode64(payload))
    except (
        InvalidSignature,
        binascii.Error,
        orjson.JSONDecodeError,
        UnicodeDecodeError,
        AttributeError,
    ) as error:
        raise ValueError("the token is not signed by that key") from error
    if not isinstance(claims, dict):
        raise ValueError("the token carries no claims")
    return claims


def _padding(algorithm: str | None) -> padding.AsymmetricPadding:
    if algorithm == "PS256":
        return padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
    if algorithm == "RS256":
        return padding.PKCS1v15()
    raise ValueError(f"the algorithm {algorithm} is not supported")


def public_key_of(certificate: str) -> rsa.RSAPublicKey:
    """The public key in a PEM certificate."""
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("the certificate holds no RSA key")
    return key


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The public half, as a JWK."""
    numbers = key.public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": KEY_ID,
        "n": encode64(numbers.n.to_bytes(size, "big")),
        "e": encode64(numbers.e.to_bytes(3, "big")),
    }
