"""Who gets in, where to, and what others learn from trying."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.cast import Cast
from tests.factories import PASSWORD, UserFactory

from .reading import element, page, text


@pytest.fixture
def stranger() -> Client:
    return Client()


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str):
    return client.post("/sign-in/", {"email": email, "password": password, **more})


def without_token(answer) -> str:
    source = page(answer, 401)
    return source.replace(source.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0], "")


def test_the_address_and_the_password_lead_to_the_dashboard_of_the_only_tenant(cast: Cast, stranger: Client):
    answer = sign_in(stranger, cast.ana.email)
    assert answer.headers["Location"] == "/"
    assert stranger.get("/").headers["Location"] == "/t/contoso/"


def test_an_address_is_known_in_any_case(cast: Cast, stranger: Client):
    assert sign_in(stranger, f" {cast.ana.email.upper()} ").status_code == 302


def test_several_tenants_lead_to_their_list(cast: Cast, stranger: Client):
    sign_in(stranger, cast.otto.email)
    assert stranger.get("/").headers["Location"] == "/tenants/"
    assert "Contoso" in text(page(stranger.get("/tenants/")))


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(cast: Cast, stranger: Client):
    wrong = without_token(sign_in(stranger, "ana@contoso.example", "wrong"))
    unknown = without_token(sign_in(Client(), "nobody@contoso.example", "wrong"))
    cast.ana.is_active = False
    cast.ana.save()
    switched_off = without_token(sign_in(Client(), "ana@contoso.example"))
    assert wrong == unknown.replace("nobody@", "ana@") == switched_off
    assert "do not belong together" in wrong


def test_the_password_is_never_sent_back(cast: Cast, stranger: Client):
    source = page(sign_in(stranger, cast.ana.email, "a wrong one"), 401)
    assert "a wrong one" not in source
    assert 'aria-invalid="true"' in element(source, "password")


def test_signing_in_makes_a_new_session(cast: Cast, stranger: Client):
    """A session that somebody else planted is not the one that is signed in."""
    session = stranger.session
    session["planted"] = "yes"
    session.save()
    planted = session.session_key
    stranger.cookies["sessionid"] = planted
    sign_in(stranger, cast.ana.email)
    assert stranger.session.session_key != planted
    assert Client(headers={"cookie": f"sessionid={planted}"}).get("/tenants/").status_code == 302


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/t/contoso/policies/?q=edge", "/t/contoso/policies/?q=edge"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("http://testserver.evil.example/", "/"),
        ("", "/"),
    ],
)
def test_next_leads_only_to_our_pages(cast: Cast, stranger: Client, wanted: str, given: str):
    assert sign_in(stranger, cast.ana.email, next=wanted).headers["Location"] == given
    shown = page(Client().get("/sign-in/", {"next": wanted}))
    assert f'name="next" value="{given}"' in shown


@pytest.mark.usefixtures("cast")
def test_a_page_asked_for_without_signing_in_is_there_afterwards(stranger: Client):
    there = stranger.get("/t/contoso/runs/?state=attention").headers["Location"]
    assert there == "/sign-in/?next=%2Ft%2Fcontoso%2Fruns%2F%3Fstate%3Dattention"


def test_signing_out_ends_the_session(cast: Cast, stranger: Client):
    sign_in(stranger, cast.ana.email)
    assert stranger.get("/tenants/").status_code == 200
    assert stranger.get("/sign-out/").status_code == 405
    stranger.post("/sign-out/")
    assert stranger.get("/tenants/").status_code == 302


class TestTheme:
    def test_the_choice_is_remembered_and_leads_back(self, cast: Cast, stranger: Client):
        sign_in(stranger, cast.ana.email)
        back = stranger.post(
            "/theme/", {"theme": "dark"}, headers={"referer": "http://testserver/tenants/?a=1"}
        )
        assert back.headers["Location"] == "/tenants/?a=1"
        assert '<html lang="en" data-theme="dark">' in page(stranger.get("/tenants/"))

    def test_an_unknown_theme_and_a_foreign_page_change_nothing(self, cast: Cast, stranger: Client):
        sign_in(stranger, cast.ana.email)
        back = stranger.post("/theme/", {"theme": "pink"}, headers={"referer": "https://evil.example/x"})
        assert back.headers["Location"] == "/"
        assert '<html lang="en">' in page(stranger.get("/tenants/"))


@pytest.mark.django_db
def test_a_person_without_a_tenant_is_told_whom_to_ask(stranger: Client):
    sign_in(stranger, UserFactory().email)
    assert "You are not a member of a tenant yet" in text(page(stranger.get("/tenants/")))
