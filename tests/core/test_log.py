"""What log lines carry, and what they never do."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest

from tenantatlas.core.log import HIDDEN, current_fields, log_fields, redact_text, remember_secret


def test_fields_last_as_long_as_the_block():
    assert "run" not in current_fields()
    with log_fields(run=87):
        with log_fields(item="a"):
            assert current_fields() == {"run": 87, "item": "a"}
        assert current_fields() == {"run": 87}
    assert "run" not in current_fields()


def test_a_remembered_secret_is_never_printed():
    remember_secret("canary value one\n")

    assert redact_text("with canary value one inside") == f"with {HIDDEN} inside"


def test_a_remembered_secret_is_not_printed_escaped_either():
    secret = 'canary "two" \\ & é'
    remember_secret(secret)

    for form in (secret, repr(secret), json.dumps(secret), quote(secret), quote_plus(secret)):
        assert "canary" not in redact_text(f"x={form}")


def test_what_is_too_short_to_be_told_from_words_is_not_remembered():
    remember_secret("run")

    assert redact_text("run 87") == "run 87"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abcDEF123456.x-y_z", "abcDEF123456"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJ0aWQiOiJ4In0.c2lnbmF0dXJl", "eyJhbGci"),
        ("client_id=x&client_secret=s3cr%7Et&scope=y", "s3cr%7Et"),
        ("client_assertion=abc.def", "abc.def"),
        ("postgresql://u@h/d password=hunter2 x", "hunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "MIIE"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text, hidden):
    assert hidden not in redact_text(text)
    assert HIDDEN in redact_text(text)


def test_ordinary_text_stays():
    text = "run 87 of contoso: 12 policies, eyJust a word, bearer of news"

    assert redact_text(text) == text
