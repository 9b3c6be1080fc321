"""Codes of authenticator apps, against the numbers of RFC 6238."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tenantatlas.accounts import totp

SECRET = b"12345678901234567890"
AT = datetime(2026, 11, 23, 8, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str):
    """Appendix B, SHA-1, the last six of its eight digits."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    assert totp.code_for(SECRET, totp.period_at(moment)) == code


def test_a_code_is_accepted_near_its_time_and_not_twice():
    now = totp.period_at(AT)
    for period in (now - 1, now, now + 1):
        assert totp.matching_period(SECRET, totp.code_for(SECRET, period), at=AT, after=0) == period
    for period in (now - 2, now + 2):
        assert totp.matching_period(SECRET, totp.code_for(SECRET, period), at=AT, after=0) is None
    code = totp.code_for(SECRET, now)
    assert totp.matching_period(SECRET, code, at=AT, after=now) is None
    assert totp.matching_period(SECRET, f" {code[:3]} {code[3:]} ", at=AT, after=now - 1) == now


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "٣٤٥٦٧٨", "\ud800"])
def test_what_is_no_code_is_refused(code: str):
    assert totp.matching_period(SECRET, code, at=AT, after=0) is None


def test_apps_read_the_address():
    parts = urlsplit(totp.as_uri(SECRET, email="ana@contoso.example"))
    asked = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == (
        "otpauth",
        "totp",
        "/TenantAtlas:ana%40contoso.example",
    )
    assert base64.b32decode(asked["secret"][0]) == SECRET
    assert asked["issuer"] == ["TenantAtlas"]
    assert (asked["digits"], asked["period"], asked["algorithm"]) == (["6"], ["30"], ["SHA1"])
    assert totp.as_text(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    assert len(totp.new_secret()) == 20
