"""How long one stays signed in, what ends it, and who is kept from guessing."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from tenantatlas.accounts.models import Session, User
from tenantatlas.audit.queries import audit_entries
from tenantatlas.tenants import people
from tenantatlas.web.words import browser_words
from tests.cast import Cast
from tests.factories import PASSWORD

from .reading import page, text
from .test_sign_in import sign_in

HOUR = 3600


@pytest.fixture
def ana(cast: Cast, virtual_clock) -> Client:
    """A browser in which Ana has just signed in."""
    assert virtual_clock
    client = Client(headers={"user-agent": "Firefox/140"})
    sign_in(client, cast.ana.email)
    return client


def signed_in(client: Client) -> bool:
    return client.get("/tenants/").status_code == 200


def last_entry():
    return audit_entries(None).first()


class TestHowLong:
    def test_half_an_hour_without_an_act_ends_it(self, ana: Client, virtual_clock):
        virtual_clock.advance(30 * 60 - 1)
        assert signed_in(ana)
        virtual_clock.advance(30 * 60 - 1)
        assert signed_in(ana), "each act begins the half hour anew"
        virtual_clock.advance(30 * 60)
        assert not signed_in(ana)
        assert "because nothing was done for half an hour" in text(page(ana.get("/sign-in/")))
        assert "half an hour" not in text(page(Client().get("/sign-in/")))

    def test_a_page_that_renews_itself_is_no_act(self, ana: Client, virtual_clock):
        for _ in range(6):
            virtual_clock.advance(5 * 60)
            ana.get("/notifications/bell/", headers={"HX-Request": "true"})
        assert not signed_in(ana)

    def test_twelve_hours_end_it_however_busy(self, ana: Client, virtual_clock):
        for _ in range(12 * 4 - 1):
            virtual_clock.advance(15 * 60)
            assert signed_in(ana)
            ana.post("/theme/", {"theme": "dark"})
        virtual_clock.advance(15 * 60)
        assert not signed_in(ana)

    def test_the_cookie_that_tells_of_acts_cannot_be_made_up(self, ana: Client, cast: Cast, virtual_clock):
        other = Client()
        virtual_clock.advance(25 * 60)
        sign_in(other, cast.olu.email)
        virtual_clock.advance(2 * 60)
        assert signed_in(other)
        virtual_clock.advance(4 * 60)
        stolen = other.cookies["seen"].value
        for forged in (stolen, stolen[:-1] + ("a" if stolen[-1] != "a" else "b"), "x", ""):
            ana.cookies["seen"] = forged
            assert not signed_in(ana)

    def test_the_row_of_a_session_that_has_ended_is_forgotten(self, ana: Client, cast: Cast, virtual_clock):
        assert ana
        assert Session.objects.filter(user=cast.ana).count() == 1
        virtual_clock.advance(13 * HOUR)
        sign_in(Client(), cast.ana.email)
        assert Session.objects.filter(user=cast.ana).count() == 1


class TestWhatEndsIt:
    """At the very next request."""

    def test_signing_out(self, ana: Client):
        cookie = ana.cookies["sessionid"].value
        ana.post("/sign-out/")
        assert not signed_in(Client(headers={"cookie": f"sessionid={cookie}"}))
        assert last_entry().action == "person.signed_out"

    @pytest.mark.parametrize(
        "change",
        [
            lambda cast: people.switch_off(cast.ana, actor=cast.otto),
            lambda cast: people.reset_password(cast.ana, actor=cast.otto, password="another long sentence"),
            lambda cast: people.invite_again(cast.ana, actor=cast.otto),
            lambda cast: people.end_all_sessions(cast.ana, actor=cast.otto),
            lambda cast: User.objects.filter(pk=cast.ana.pk).update(is_active=False),
        ],
    )
    def test_what_an_owner_does(self, ana: Client, cast: Cast, change):
        assert signed_in(ana)
        change(cast)
        assert not signed_in(ana)

    def test_a_new_password_in_another_browser(self, ana: Client, cast: Cast):
        other = Client()
        sign_in(other, cast.ana.email)
        answer = ana.post(
            "/me/security/password/",
            {"current": PASSWORD, "password": "another long sentence", "again": "another long sentence"},
        )
        assert answer.headers["Location"] == "/me/security/"
        assert signed_in(ana)
        assert not signed_in(other)

    def test_a_role_that_was_lowered_counts_at_the_next_request(self, ana: Client, cast: Cast):
        assert ana.get("/t/contoso/restore/new/").status_code == 200
        cast.contoso.memberships.filter(user=cast.ana).update(role="reader", grants=[])
        assert ana.get("/t/contoso/restore/new/").status_code == 403
        cast.contoso.memberships.filter(user=cast.ana).delete()
        assert ana.get("/t/contoso/restore/new/").status_code == 404


class TestTheTrail:
    def test_a_sign_in_says_who_and_from_where(self, ana: Client, cast: Cast):
        assert ana
        entry = last_entry()
        assert (entry.action, entry.actor_id, entry.subject) == (
            "person.signed_in",
            cast.ana.pk,
            cast.ana.email,
        )
        assert entry.details == {"address": "127.0.0.1"}
        session = Session.objects.get(user=cast.ana)
        assert (session.address, session.browser) == ("127.0.0.1", "Firefox/140")

    def test_a_failed_one_says_at_whom_but_not_what_was_typed(self, cast: Cast):
        sign_in(Client(), cast.ana.email, "wrong")
        assert (last_entry().action, last_entry().subject) == ("person.sign_in_failed", cast.ana.email)
        sign_in(Client(), "what-somebody-typed@contoso.example", "wrong")
        assert last_entry().subject == "unknown address"
        assert "typed" not in str(list(audit_entries(None).values()))

    def test_what_a_person_may_not_do_stands_there_once_a_minute(self, cast: Cast, virtual_clock):
        client = Client()
        sign_in(client, cast.olu.email)
        for _ in range(3):
            assert client.post("/t/contoso/policies/sync/").status_code == 403
        virtual_clock.advance(61)
        client.post("/t/contoso/policies/sync/")
        client.post("/people/add/")
        entries = audit_entries(cast.contoso.pk).filter(action="authorisation.refused")
        assert entries.count() == 2
        assert entries[0].subject == "/t/contoso/policies/sync/"
        assert entries[0].details == {"address": "127.0.0.1", "capability": "inventory.sync"}
        assert last_entry().action == "authorisation.refused"


class TestGuessing:
    def test_after_five_tries_one_waits_and_is_told_how_long(self, cast: Cast, virtual_clock):
        guesser = Client()
        for _ in range(5):
            assert sign_in(guesser, cast.ana.email, "wrong").status_code == 401
        for password in ("wrong", PASSWORD):
            answer = sign_in(guesser, cast.ana.email, password)
            assert answer.status_code == 429
            assert 29 <= int(answer.headers["Retry-After"]) <= 31
            assert "Too many tries. Wait 31 seconds" in text(page(answer, 429))
        virtual_clock.advance(31)
        assert sign_in(guesser, cast.ana.email).status_code == 302

    def test_an_unknown_account_is_answered_like_a_known_one(self, cast: Cast, virtual_clock):
        assert cast
        assert virtual_clock
        said = []
        for email in (cast.ana.email, "nobody@contoso.example"):
            address = {"REMOTE_ADDR": f"10.0.0.{len(said)}"}
            client = Client(**address)
            answers = [sign_in(client, email, "wrong") for _ in range(6)]
            said.append([(each.status_code, each.headers.get("Retry-After")) for each in answers])
        assert said[0] == said[1]

    def test_the_owner_gets_in_while_others_flood_the_account(self, cast: Cast, virtual_clock):
        known = Client()
        sign_in(known, cast.otto.email)
        known.post("/sign-out/")
        for number in range(40):
            sign_in(Client(REMOTE_ADDR=f"10.0.{number}.1"), cast.otto.email, "wrong")
        assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), cast.otto.email).status_code == 429
        assert sign_in(known, cast.otto.email).status_code == 302
        virtual_clock.advance(15 * 60)
        assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), cast.otto.email).status_code == 302

    def test_a_known_browser_is_known_for_its_accounts_only(self, cast: Cast):
        known = Client(REMOTE_ADDR="10.0.0.9")
        sign_in(known, cast.olu.email)
        known.post("/sign-out/")
        for _ in range(5):
            sign_in(Client(REMOTE_ADDR="10.0.0.9"), cast.otto.email, "wrong")
        assert sign_in(known, cast.otto.email).status_code == 429
        assert sign_in(known, cast.olu.email).status_code == 302

    def test_an_address_that_one_says_oneself_does_not_help(self, cast: Cast):
        answers = [
            sign_in(Client(headers={"x-forwarded-for": f"10.0.0.{number}"}), cast.ana.email, "wrong")
            for number in range(6)
        ]
        assert [each.status_code for each in answers] == [401] * 5 + [429]

    def test_behind_a_proxy_its_own_word_counts_and_not_the_senders(self, cast: Cast):
        with override_settings(ATLAS_BEHIND_TLS=True):
            for number in range(6):
                claimed = {"x-forwarded-for": f"10.0.0.{number}, 192.0.2.7"}
                answer = sign_in(Client(headers=claimed), cast.ana.email, "wrong")
            assert answer.status_code == 429
            other = Client(headers={"x-forwarded-for": "192.0.2.7, 192.0.2.8"})
            assert sign_in(other, cast.ana.email).status_code == 302
        assert last_entry().details == {"address": "192.0.2.8"}


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0 Safari/537.36", "Chromium on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) Version/17.1 Safari/605.1", "Safari on macOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) CriOS/119.0 Safari/604.1",
            "Chrome on iPhone",
        ),
        ("Firefox/140", "Firefox"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, words: str):
    assert browser_words(agent) == words
