"""Credentials as they are given are checked before anything is kept."""

from __future__ import annotations

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.core.log import HIDDEN, redact_text
from tenantatlas.tenants.credentials import authorities, certificate, client_secret
from tenantatlas.tenants.models import CredentialKind
from tests.canary import MARK

from .certificates import certificate_pem, elliptic_key, key_pem, rsa_key


def test_a_client_secret_is_one_line_and_never_printed_again():
    credential = client_secret(f"  s3cr3t~{MARK} \n")

    assert credential.kind == CredentialKind.SECRET
    assert credential.text == f"s3cr3t~{MARK}"
    assert MARK not in repr(credential)
    assert redact_text(f"using s3cr3t~{MARK} now") == f"using {HIDDEN} now"


@pytest.mark.parametrize("text", ["", "  \n", "two words", "two\nlines", "x" * 1001, "bell\x07"])
def test_what_is_no_client_secret_is_refused_unseen(text):
    with pytest.raises(InputError) as caught:
        client_secret(text)
    assert text.strip() == "" or text.strip() not in caught.value.message


def test_a_certificate_comes_with_its_key_and_its_end():
    credential = certificate(certificate_pem(rsa_key()) + key_pem(rsa_key()))

    assert credential.kind == CredentialKind.CERTIFICATE
    assert credential.expires_at is not None
    assert "PRIVATE" not in repr(credential)


@pytest.mark.parametrize(
    ("pem", "says"),
    [
        (lambda: "nothing", "cannot be read"),
        (lambda: certificate_pem(rsa_key()), "cannot be read"),
        (lambda: key_pem(rsa_key()), "cannot be read"),
        (lambda: certificate_pem(rsa_key(1)) + key_pem(rsa_key()), "does not belong"),
        (lambda: certificate_pem(rsa_key(), days=-1) + key_pem(rsa_key()), "expired"),
        (lambda: (key := elliptic_key()) and certificate_pem(key) + key_pem(key), "not an RSA key"),
    ],
)
def test_what_is_no_usable_certificate_is_refused(pem, says):
    with pytest.raises(InputError, match=says) as caught:
        certificate(pem())
    assert caught.value.hint


def test_authorities_are_certificates_without_keys():
    pem = certificate_pem(rsa_key())

    assert authorities(pem) == pem
    with pytest.raises(InputError, match="no certificate"):
        authorities("nothing")
    with pytest.raises(InputError, match="private key"):
        authorities(pem + key_pem(rsa_key()))
