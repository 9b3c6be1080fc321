"""Signing in with a certificate: the assertion is checked with the key in the app's certificate."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tenantatlas.core.clock import VirtualClock
from tenantatlas.simulator import tokens

from .client import APP, GUID, LOGIN, Client

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def assertion(clock: VirtualClock, **more: Any) -> str:
    claims = {
        "aud": f"{LOGIN}/{GUID}/oauth2/v2.0/token",
        "iss": APP,
        "sub": APP,
        "exp": clock.now().timestamp() + 600,
        **more,
    }
    return tokens.sign(claims, KEY)


def sign_in(client: Client, given: str) -> Any:
    return client.sign_in(client_secret="", client_assertion=given, client_assertion_type=KIND)


@pytest.fixture(autouse=True)
def _app_with_certificate(tenant):
    tenant.app(APP, certificate=certificate(KEY))


def test_an_assertion_signs_in(client, virtual_clock):
    assert sign_in(client, assertion(virtual_clock)).status == 200
    assert client.get("/v1.0/groups").status == 200


def test_newer_libraries_sign_with_pss(client, virtual_clock):
    head, payload, _ = assertion(virtual_clock).split(".")
    head = tokens.encode64(b'{"alg":"PS256","typ":"JWT"}')
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH)
    signature = KEY.sign(f"{head}.{payload}".encode(), pss, hashes.SHA256())
    assert sign_in(client, f"{head}.{payload}.{tokens.encode64(signature)}").status == 200


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "somebody"}, 700021),
        ({"iss": "somebody"}, 700021),
        ({"aud": "https://elsewhere.example"}, 700023),
        ({"exp": 0}, 700024),
    ],
)
def test_an_assertion_must_be_meant_for_this(client, virtual_clock, claims, code):
    assert sign_in(client, assertion(virtual_clock, **claims)).body["error_codes"] == [code]


@pytest.mark.parametrize("given", ["", "a.b", "a.b.c", "eyJhbGciOiJub25lIn0.e30.x"])
def test_what_is_no_assertion_is_refused(client, given):
    assert sign_in(client, given).body["error_codes"] in ([700027], [7000218])


def test_another_key_is_refused(client, tenant, virtual_clock):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    tenant.app(APP, certificate=certificate(other))
    assert sign_in(client, assertion(virtual_clock)).body["error_codes"] == [700027]
    tenant.app(APP, certificate=certificate(ec.generate_private_key(ec.SECP256R1())))
    assert sign_in(client, assertion(virtual_clock)).body["error_codes"] == [700027]


def test_the_secret_of_an_app_with_a_certificate_is_none(client):
    assert client.sign_in(client_secret="").body["error_codes"] == [7000218]
    assert client.sign_in(client_secret="guess").body["error_codes"] == [7000215]
