"""People of the install, members of a tenant, and the matrix of roles, as pages."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tenantatlas.accounts.capabilities import GRANTABLE, ROLES, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.audit.queries import audit_entries
from tenantatlas.core.json import loads
from tenantatlas.tenants.models import Membership
from tenantatlas.tenants.queries import capabilities_of
from tests.cast import Cast
from tests.factories import UserFactory

from .conftest import client_of
from .reading import following, main, page, text
from .test_sign_in import sign_in

CODE = re.compile(r"(?:[A-Z2-9]{4}-){3}[A-Z2-9]{4}")


@pytest.fixture
def otto(cast: Cast) -> Client:
    """Otto's browser."""
    return client_of(cast.otto)


@pytest.fixture
def ana(cast: Cast) -> Client:
    """Ana's browser."""
    return client_of(cast.ana)


class TestPeople:
    def test_an_owner_adds_a_person_and_hands_over_a_code_once(self, otto: Client):
        shown = page(otto.post("/people/add/", {"email": "New@contoso.example", "name": "New"}))
        (code,) = set(CODE.findall(shown))
        person = User.objects.get(email="new@contoso.example")
        assert not person.is_owner
        assert not CODE.findall(page(otto.get(f"/people/{person.pk}/")))
        assert "Not set: waits for the one-time code" in text(page(otto.get(f"/people/{person.pk}/")))
        browser = Client()
        browser.post(
            "/sign-in/first-password/",
            {"email": person.email, "code": code, "password": "another long sentence"},
        )
        assert sign_in(browser, person.email, "another long sentence").status_code == 302

    def test_a_mistake_is_said_and_what_was_typed_stays(self, otto: Client, cast: Cast):
        source = page(otto.post("/people/add/", {"email": cast.ana.email, "name": "Twice"}), 409)
        assert "There is an account for ana@contoso.example already" in text(source)
        assert 'value="Twice"' in source
        page(otto.post("/people/add/", {"email": "nobody"}), 400)

    def test_everybody_is_listed_found_and_exported(self, otto: Client, cast: Cast):
        assert cast
        assert "4 people" in text(page(otto.get("/people/")))
        assert "1 person" in text(page(otto.get("/people/?q=olu")))
        assert "Nobody matches" in text(page(otto.get("/people/?q=zzz")))
        rows = loads(otto.get("/people/?export=json&q=o").getvalue())
        assert {row["email"] for row in rows} >= {"otto@contoso.example", "olu@contoso.example"}

    @pytest.mark.parametrize(
        ("do", "says", "action"),
        [
            ("switch_off", "can no longer sign in", "person.switched_off"),
            ("make_owner", "owns this install", "person.made_owner"),
            ("end_sessions", "signed out everywhere", "person.sessions_ended"),
        ],
    )
    def test_each_button_does_what_it_says(self, otto: Client, cast: Cast, do: str, says: str, action: str):
        answer = otto.post(f"/people/{cast.ana.pk}/change/", {"do": do})
        assert says in text(following(otto, answer))
        assert audit_entries(None).first().action == action

    def test_a_new_code_is_shown_once_and_the_old_password_ends(self, otto: Client, cast: Cast):
        shown = page(otto.post(f"/people/{cast.ana.pk}/change/", {"do": "reset"}))
        assert len(set(CODE.findall(shown))) == 1
        assert sign_in(Client(), cast.ana.email).status_code == 401

    def test_the_last_owner_stays_and_an_unknown_change_is_refused(self, otto: Client, cast: Cast):
        answer = otto.post(f"/people/{cast.otto.pk}/change/", {"do": "switch_off"})
        assert "last owner" in text(page(answer, 409))
        page(otto.post(f"/people/{cast.ana.pk}/change/", {"do": "promote"}), 400)
        page(otto.post("/people/999999/change/", {"do": "switch_off"}), 404)

    def test_it_is_for_owners_of_the_install(self, ana: Client, otto: Client):
        assert "Only owners of this install" in text(page(ana.get("/people/"), 403))
        assert '"/people/"' not in page(ana.get("/roles/"))
        assert '"/people/"' in page(otto.get("/roles/"))


class TestMembers:
    def test_an_owner_adds_a_member(self, otto: Client, cast: Cast):
        form = {"email": cast.eve.email, "role": "operator", "grant": ["restore.execute", "tenant.manage"]}
        shown = text(following(otto, otto.post("/t/contoso/members/grant/", form)))
        assert "eve@fabrikam.example is an operator now" in shown
        held = capabilities_of(cast.eve, cast.contoso)
        assert Capability.RESTORE_EXECUTE in held
        assert Capability.TENANT_MANAGE not in held, "only what may be granted is"

    def test_a_role_is_lowered_and_a_member_removed(self, otto: Client, cast: Cast):
        otto.post("/t/contoso/members/grant/", {"email": cast.ana.email, "role": "reader"})
        assert capabilities_of(cast.ana, cast.contoso) == {Capability.TENANT_VIEW}
        otto.post(f"/t/contoso/members/{cast.ana.pk}/revoke/")
        assert capabilities_of(cast.ana, cast.contoso) == frozenset()

    @pytest.mark.parametrize(
        ("form", "says"),
        [
            ({"email": "nobody@contoso.example", "role": "reader"}, "There is nobody with the address"),
            ({"email": "ana@contoso.example", "role": "king"}, "Choose a role"),
            ({"email": "otto@contoso.example", "role": "reader"}, "last owner"),
        ],
    )
    def test_mistakes_are_said_on_the_page(self, otto: Client, form: dict[str, str], says: str):
        before = list(Membership.objects.values_list("user_id", "role"))
        answer = otto.post("/t/contoso/members/grant/", form)
        assert says in text(page(answer, answer.status_code))
        assert answer.status_code in {400, 409}
        assert list(Membership.objects.values_list("user_id", "role")) == before

    def test_a_member_sees_it_with_the_reason_why_not_to_change_it(self, ana: Client, cast: Cast):
        source = main(page(ana.get("/t/contoso/members/")))
        assert "Needs the right to manage members: ask an owner." in text(source)
        assert "<form" not in source.replace('<form method="get"', "")
        assert "3 members" in text(source)
        came = {"headers": {"referer": "http://testserver/t/contoso/members/?page=1"}}
        given = {"email": cast.eve.email, "role": "owner"}
        refused = page(ana.post("/t/contoso/members/grant/", given, **came), 403)
        assert "Not allowed" in text(refused)
        assert "This needs the right to manage members." in text(refused)
        assert '<a href="/t/contoso/members/?page=1">Go back</a>' in refused
        elsewhere = {"headers": {"referer": "https://elsewhere.example/t/contoso/"}}
        assert "Go back" not in page(ana.post("/t/contoso/members/grant/", given, **elsewhere), 403)
        page(ana.post(f"/t/contoso/members/{cast.olu.pk}/revoke/"), 403)
        assert Membership.objects.filter(tenant=cast.contoso).count() == 3

    def test_who_leaves_is_led_home(self, otto: Client, cast: Cast):
        other = UserFactory()
        otto.post("/t/contoso/members/grant/", {"email": other.email, "role": "owner"})
        assert otto.post(f"/t/contoso/members/{cast.otto.pk}/revoke/").headers["Location"] == "/"
        page(otto.get("/t/contoso/members/"), 404)


def test_the_matrix_is_what_is_checked(ana: Client):
    source = page(ana.get("/roles/"))
    for capability in Capability:
        row = source.partition(f'title="{capability}"')[2].partition("</tr>")[0]
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, flags=re.DOTALL)[: len(Role)]
        for role, cell in zip(Role, cells, strict=True):
            otherwise = "By grant" if capability in GRANTABLE else "No"
            assert text(cell).removeprefix("✓ ").removeprefix("+ ") == (
                "Yes" if capability in ROLES[role] else otherwise
            )
