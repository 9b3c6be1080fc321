"""The search for the RBAC group: the admin's own token, on a click, and nowhere else."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tenantatlas.accounts.models import Session
from tenantatlas.accounts.sessions import SessionStore
from tenantatlas.audit.models import AuditEntry
from tenantatlas.simulator.messages import SimRequest
from tests.directory.test_groups import put_group
from tests.simulated import World

from .reading import element, following, main, page, text

GROUP = "/t/contoso/connection/group/"
HERE = "http://testserver/delegated/callback/"
ADELE = "adele@contoso.example"


@pytest.fixture
def people(world: World) -> World:
    """Adele can sign in to Contoso's directory."""
    world.sim.person(ADELE, name="Adele Vance")
    world.sim.reply_to(HERE, delegated=["GroupMember.Read.All"])
    return world


def go_to_microsoft(world: World, client: Client) -> str:
    """Begin, follow the link, sign in as Adele; the address that Microsoft leads back to."""
    shown = following(client, client.post(f"{GROUP}sign-in/"))
    (address,) = re.findall(r'href="(https://login\.microsoftonline\.com/[^"]+)"', shown)
    answer = world.simulator.handle(
        SimRequest(method="GET", url=f"{html.unescape(address)}&login_hint={ADELE}")
    )
    assert answer.status == 302, answer.body
    return answer.headers["Location"]


def fields_of(shown: str) -> dict[str, str]:
    return {
        name: html.unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', main(shown))
    }


def sign_in(world: World, client: Client) -> str:
    """The page of the group, signed in."""
    back = urlsplit(go_to_microsoft(world, client))
    finish = fields_of(page(client.get(f"{back.path}?{back.query}")))
    return following(client, client.post("/delegated/finish/", finish))


def asked_graph(world: World) -> int:
    return sum("/groups" in entry.path for entry in world.simulator.journal)


def test_without_a_sign_in_the_search_is_disabled_and_says_why(people: World, otto: Client) -> None:
    shown = page(otto.get(GROUP))

    assert "disabled" in element(shown, "q")
    assert "Sign in with Microsoft first: the search uses your own rights" in text(shown)
    assert otto.post(f"{GROUP}search/", {"q": "intune"}).status_code == 403
    assert people.simulator.journal == []


def test_a_group_is_searched_chosen_and_shown(people: World, otto: Client) -> None:
    admins = put_group(people, "Intune admins")
    put_group(people, "Intune mail", securityEnabled=False)
    shown = sign_in(people, otto)
    assert "Signed in as adele@contoso.example" in text(shown)
    assert "disabled" not in element(shown, "q")
    assert asked_graph(people) == 0

    found = page(otto.post(f"{GROUP}search/", {"q": "intune"}))
    assert "Intune admins" in found
    assert "Intune mail" not in found
    chosen = following(otto, otto.post(f"{GROUP}choose/", {"group": admins}))

    assert "RBAC group Intune admins" in text(main(chosen))
    people.tenant.refresh_from_db()
    assert (people.tenant.rbac_group_id, people.tenant.rbac_group_name) == (admins, "Intune admins")
    assert "Intune admins" in text(main(page(otto.get("/t/contoso/connection/"))))


def test_each_search_is_audited_without_what_was_found(people: World, otto: Client) -> None:
    put_group(people, "Intune admins")
    sign_in(people, otto)
    otto.post(f"{GROUP}search/", {"q": "intune"})

    events = {each.action: each for each in AuditEntry.objects.all()}
    assert events["delegated.signed_in"].details["account"] == ADELE
    searched = events["rbac_group.searched"]
    assert searched.actor_name == "Otto"
    assert searched.details["length"] == 6
    assert "ntune" not in str(searched.details)


def test_results_and_token_are_kept_nowhere_in_clear(people: World, otto: Client) -> None:
    put_group(people, "Intune admins")
    sign_in(people, otto)
    otto.post(f"{GROUP}search/", {"q": "intune"})

    kept = " ".join(str(SessionStore().decode(session.session_data)) for session in Session.objects.all())
    assert "eyJ" not in kept
    assert "Intune admins" not in kept
    assert "Intune admins" not in main(page(otto.get(GROUP)))


def test_the_sign_in_ends_by_itself_and_by_a_button(people: World, otto: Client) -> None:
    sign_in(people, otto)
    people.clock.advance(601)
    assert "disabled" in element(page(otto.get(GROUP)), "q")
    assert otto.post(f"{GROUP}search/", {"q": "intune"}).status_code == 403

    sign_in(people, otto)
    following(otto, otto.post(f"{GROUP}forget/"))
    assert otto.post(f"{GROUP}search/", {"q": "intune"}).status_code == 403
    assert asked_graph(people) == 0


def test_another_persons_session_cannot_use_the_token(people: World, otto: Client, ana: Client) -> None:
    sign_in(people, otto)
    stolen = otto.session["rbac_search"]
    session = ana.session
    session["rbac_search"] = stolen
    session.save()
    assert ana.post(f"{GROUP}search/", {"q": "intune"}).status_code == 403
    assert asked_graph(people) == 0


def test_coming_back_changes_nothing_and_asks_nobody(people: World, otto: Client) -> None:
    back = urlsplit(go_to_microsoft(people, otto))
    before = dict(otto.session)
    requests = len(people.simulator.journal)

    shown = page(otto.get(f"{back.path}?{back.query}"))

    assert "Finish signing in" in shown
    assert dict(otto.session) == before
    assert len(people.simulator.journal) == requests


@pytest.mark.parametrize("change", ["state", "code", "nothing begun"])
def test_what_was_not_begun_here_is_not_finished(people: World, otto: Client, change: str) -> None:
    back = urlsplit(go_to_microsoft(people, otto))
    finish = fields_of(page(otto.get(f"{back.path}?{back.query}")))
    if change == "nothing begun":
        otto.post(f"{GROUP}forget/")
        assert otto.post("/delegated/finish/", finish).status_code == 409
    else:
        finish[change] = "made-up"
        assert "Sign in again" in text(following(otto, otto.post("/delegated/finish/", finish)))
    assert otto.post(f"{GROUP}search/", {"q": "intune"}).status_code == 403


def test_a_foreign_answer_shows_no_form(people: World, otto: Client) -> None:  # noqa: ARG001 - somebody can sign in
    shown = page(otto.get("/delegated/callback/", {"code": "1.x", "state": "not ours"}))
    assert "No sign-in waits" in shown
    assert fields_of(shown) == {}


def test_members_without_the_right_see_it_disabled(people: World, olu: Client, ana: Client) -> None:
    for client in (olu, ana):
        shown = page(client.get(GROUP))
        assert "Needs the right to manage the connection" in text(shown)
        for act in ("sign-in", "search", "choose", "forget"):
            assert client.post(f"{GROUP}{act}/", {"q": "aa", "group": "x"}).status_code == 403
    assert people.simulator.journal == []


def test_without_a_sign_in_a_group_is_kept_by_its_id(people: World, otto: Client) -> None:
    known = put_group(people, "Intune admins")
    people.work("directory_groups.sync")
    unknown = "c0ffee00-0000-4000-8000-00000000dead"

    assert "Intune admins" in text(main(following(otto, otto.post(f"{GROUP}choose/", {"group": known}))))
    assert unknown in text(main(following(otto, otto.post(f"{GROUP}choose/", {"group": unknown}))))
    wrong: Any = otto.post(f"{GROUP}choose/", {"group": "no id"})
    assert "is not a GUID" in page(wrong, 400)
    assert "None chosen" in text(main(following(otto, otto.post(f"{GROUP}choose/", {"group": ""}))))


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000"])
def test_a_site_named_by_numbers_sends_people_to_localhost_first(otto: Client, host: str) -> None:
    there = {"HTTP_HOST": host}
    shown = page(otto.get(GROUP, **there))
    assert f'href="http://localhost:8000{GROUP}"' in shown
    assert "Sign in with Microsoft…" not in shown
    assert otto.post(f"{GROUP}sign-in/", **there).status_code == 409
    app = page(otto.get("/t/contoso/connection/app/", **there))
    assert "http://localhost:8000/delegated/callback/" in app
    assert "Entra takes https only" not in app


def test_at_localhost_the_address_that_is_shown_is_the_one_that_is_sent(people: World, otto: Client) -> None:
    there = {"HTTP_HOST": "localhost:8000"}
    people.sim.reply_to("http://localhost:8000/delegated/callback/", delegated=["GroupMember.Read.All"])
    assert "http://localhost:8000/delegated/callback/" in page(
        otto.get("/t/contoso/connection/app/", **there)
    )
    otto.post(f"{GROUP}sign-in/", **there)
    begun = html.unescape(page(otto.get(GROUP, **there)))
    assert "redirect_uri=http%3A%2F%2Flocalhost%3A8000%2Fdelegated%2Fcallback%2F" in begun


@pytest.mark.usefixtures("world")
def test_entra_takes_no_plain_http_elsewhere_and_the_page_says_so(otto: Client) -> None:
    assert "Entra takes https only" in page(otto.get(GROUP))
    assert "Entra takes https only" not in page(otto.get(GROUP, secure=True))
