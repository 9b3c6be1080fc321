"""One's own password, authenticator app and sessions; signing in with a code."""

from __future__ import annotations

import re

import pytest
import segno
from django.test import Client

from tenantatlas.accounts import totp
from tenantatlas.accounts.models import SecondFactor
from tenantatlas.accounts.totp import code_for, period_at
from tenantatlas.core import clock
from tenantatlas.tenants import people, secondfactor
from tests.cast import Cast
from tests.factories import PASSWORD

from .conftest import client_of
from .reading import element, main, page, text
from .test_sign_in import sign_in

CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}")


@pytest.fixture
def ana(cast: Cast, virtual_clock) -> Client:
    """Ana's browser."""
    assert virtual_clock
    return client_of(cast.ana)


def code_now(cast: Cast) -> str:
    factor = SecondFactor.objects.get(user=cast.ana)
    return code_for(secondfactor._secret_of(factor), period_at(clock.now()))


@pytest.fixture
def recovery_codes(ana: Client, cast: Cast, virtual_clock) -> list[str]:
    """Ana enrolled by her browser; what it showed her, once."""
    ana.post("/me/security/app/")
    shown = page(ana.post("/me/security/app/confirm/", {"code": code_now(cast)}))
    virtual_clock.advance(60)
    return CODE.findall(shown)


def test_an_app_is_added_with_its_first_code(ana: Client, cast: Cast):
    ana.post("/me/security/app/")
    shown = page(ana.get("/me/security/"))
    secret = re.search(r"secret=([A-Z2-7]+)&amp;issuer=TenantAtlas", shown)
    assert secret
    assert secret.group(1) in text(shown).replace(" ", "")
    wrong = page(ana.post("/me/security/app/confirm/", {"code": "000000"}), 400)
    assert 'href="#code"' in wrong
    assert 'aria-invalid="true"' in element(wrong, "code")

    done = page(ana.post("/me/security/app/confirm/", {"code": code_now(cast)}))

    assert len(set(CODE.findall(done))) == 10
    again = page(ana.get("/me/security/"))
    assert secret.group(1) not in again
    assert not CODE.findall(again), "shown once"
    assert "10 recovery codes left" in text(again)


def qr_code(source: str) -> str:
    """The drawing of the page's QR code."""
    (svg,) = re.findall(r'<svg role="img" aria-label="QR code.*?</svg>', source, re.DOTALL)
    return svg


def drawn(svg: str) -> list[list[int]]:
    """The modules that its shape draws: 1 is dark."""
    (size,) = map(int, re.findall(r'viewBox="0 0 (\d+) \1"', svg))
    modules = [[0] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg):
        modules[int(y)][int(x) : int(x) + int(width)] = [1] * int(width)
    return modules


def test_the_secret_is_a_picture_to_scan_that_says_what_the_link_says(ana: Client, cast: Cast, caplog):
    ana.post("/me/security/app/")
    with caplog.at_level("DEBUG"):
        answer = ana.get("/me/security/")
    source = page(answer)
    secret = secondfactor.enrolment_secret(cast.ana)
    expected = segno.make(totp.as_uri(secret, email=cast.ana.email), error="m", micro=False)
    assert drawn(qr_code(source)) == [list(row) for row in expected.matrix_iter(border=4)]
    assert "the same secret follows as text" in qr_code(source)
    assert totp.as_text(secret) in source
    assert answer.headers["Cache-Control"] == "no-store"
    assert totp.as_text(secret).replace(" ", "") not in caplog.text
    assert "QR code" not in page(ana.post("/me/security/app/confirm/", {"code": code_now(cast)}))


def test_the_picture_is_black_on_white_in_both_themes_without_styles(ana: Client):
    ana.post("/me/security/app/")
    svg = qr_code(page(ana.get("/me/security/")))
    assert re.findall(r'fill="([^"]+)"', svg) == ["#fff", "#000"]
    assert "style" not in svg
    assert "data:" not in svg


def test_signing_in_asks_for_the_code(cast: Cast, recovery_codes: list[str]):
    assert recovery_codes
    browser = Client()
    assert sign_in(browser, cast.ana.email, next="/t/contoso/runs/").headers["Location"] == "/sign-in/code/"
    assert browser.get("/tenants/").status_code == 302, "not signed in yet"
    half_way = browser.cookies["sessionid"].value
    assert "not a code of yours" in text(page(browser.post("/sign-in/code/", {"code": "000000"}), 401))

    code = code_now(cast)
    assert browser.post("/sign-in/code/", {"code": code}).headers["Location"] == "/t/contoso/runs/"

    assert browser.get("/tenants/").status_code == 200
    assert browser.cookies["sessionid"].value != half_way
    assert Client(headers={"cookie": f"sessionid={half_way}"}).get("/tenants/").status_code == 302
    other = Client()
    sign_in(other, cast.ana.email)
    assert other.post("/sign-in/code/", {"code": code}).status_code == 401, "a code is used once"
    assert other.post("/sign-in/code/", {"code": recovery_codes[0]}).status_code == 302


@pytest.mark.usefixtures("virtual_clock")
def test_the_cookie_lasts_as_long_as_the_session(cast: Cast):
    browser = Client()
    sign_in(browser, cast.ana.email)
    assert browser.cookies["sessionid"]["max-age"] == 12 * 60 * 60


def test_the_second_step_does_not_wait_for_ever_and_not_past_a_new_password(
    cast: Cast, recovery_codes: list[str], virtual_clock
):
    late, overtaken = Client(), Client()
    sign_in(late, cast.ana.email)
    virtual_clock.advance(11 * 60)
    answer = late.post("/sign-in/code/", {"code": recovery_codes[0]})
    assert answer.headers["Location"] == "/sign-in/"
    sign_in(overtaken, cast.ana.email)
    people.reset_password(cast.ana, actor=cast.otto, password="another long sentence")
    answer = overtaken.post("/sign-in/code/", {"code": recovery_codes[0]})
    assert answer.headers["Location"] == "/sign-in/"


def test_codes_are_not_guessed(cast: Cast, recovery_codes: list[str]):
    assert recovery_codes
    browser = Client()
    sign_in(browser, cast.ana.email)
    for _ in range(5):
        assert browser.post("/sign-in/code/", {"code": "000000"}).status_code == 401
    answer = browser.post("/sign-in/code/", {"code": code_now(cast)})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_the_app_is_removed_with_the_password(cast: Cast, ana: Client, recovery_codes: list[str]):
    assert recovery_codes
    wrong = page(ana.post("/me/security/app/remove/", {"password": "wrong"}), 400)
    assert "This is not your password" in text(wrong)
    ana.post("/me/security/app/remove/", {"password": PASSWORD})
    assert "Add authenticator app" in text(page(ana.get("/me/security/")))
    assert sign_in(Client(), cast.ana.email).headers["Location"] == "/"


def test_new_recovery_codes_are_shown_once(ana: Client, recovery_codes: list[str]):
    shown = CODE.findall(page(ana.post("/me/security/recovery-codes/", {"password": PASSWORD})))
    assert len(shown) == 10
    assert not set(shown) & set(recovery_codes)


def test_the_password_is_changed_and_mistakes_are_said_beside_it(ana: Client):
    def change(current: str, password: str, again: str):
        return ana.post("/me/security/password/", {"current": current, "password": password, "again": again})

    for answer, words in (
        (change(PASSWORD, "another long sentence", "another"), "The two new passwords differ"),
        (change("wrong", "another long sentence", "another long sentence"), "This is not your password"),
        (change(PASSWORD, "short", "short"), "at least 12 characters"),
    ):
        source = page(answer, 400)
        assert words in text(main(source))
        assert "another long sentence" not in source
    assert change(PASSWORD, "another long sentence", "another long sentence").status_code == 302


def test_sessions_are_listed_and_the_others_end(ana: Client, cast: Cast):
    other = Client(headers={"user-agent": "Safari/26"}, REMOTE_ADDR="192.0.2.5")
    sign_in(other, cast.ana.email)
    shown = text(main(page(ana.get("/me/security/"))))
    assert "2 sessions" in shown
    assert "Safari 192.0.2.5" in shown
    assert "192.0.2.5" in shown
    assert shown.count("This one") == 1
    ana.post("/me/security/sessions/end/")
    assert other.get("/tenants/").status_code == 302
    assert "There is no other." in text(page(ana.get("/me/security/")))


def test_a_one_time_code_sets_the_password_in_the_browser(cast: Cast):
    person, code = people.invite_person(actor=cast.otto, email="new@contoso.example")
    browser = Client()
    form = {"email": person.email, "code": code, "password": "short"}
    assert "at least 12 characters" in text(page(browser.post("/sign-in/first-password/", form), 400))
    wrong = browser.post("/sign-in/first-password/", {**form, "code": "AAAA"})
    assert "do not belong together" in text(page(wrong, 400))
    answer = browser.post("/sign-in/first-password/", {**form, "password": "another long sentence"})
    assert answer.headers["Location"] == "/sign-in/"
    assert "Your password is set" in text(page(browser.get("/sign-in/")))
    assert sign_in(browser, person.email, "another long sentence").status_code == 302
