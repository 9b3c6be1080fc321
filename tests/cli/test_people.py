"""`tenantatlas users`, `members` and `audit`: what people and scripts are told."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import connection

from tenantatlas.accounts.capabilities import Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.audit import triggers
from tenantatlas.audit.queries import audit_entries
from tenantatlas.tenants.people import accept_invitation
from tenantatlas.tenants.queries import capabilities_of
from tests.canary import MARK

PASSWORD = f"{MARK} a long and strange sentence"
AS_ANA = ("--as", "ana@contoso.example")


@pytest.mark.usefixtures("cast")
class TestUsers:
    def test_one_is_added_with_a_password_and_listed(self, tenantatlas, password_file):
        added = tenantatlas(
            "users", "add", "--email", "new@contoso.example", "--name", "New", "--owner",
            "--password-file", password_file, "--json",
        )  # fmt: skip
        assert added.code == 0, added.err
        assert added.object == {
            "email": "new@contoso.example",
            "name": "New",
            "owner": True,
            "active": True,
            "second_factor": False,
            "sessions": 0,
            "last_sign_in": None,
        }
        assert authenticate(email="new@contoso.example", password=PASSWORD)
        listed = tenantatlas("users", "list", "--json", "--as", "otto@contoso.example")
        assert [row["email"] for row in listed.rows] == sorted(row["email"] for row in listed.rows)
        assert len(listed.rows) == 5

    def test_without_a_password_a_one_time_code_is_printed(self, tenantatlas):
        added = tenantatlas("users", "add", "--email", "new@contoso.example", "--json")
        code = added.object["one_time_code"]
        assert added.object["set_password_at"] == "/sign-in/first-password/"
        assert accept_invitation(email="new@contoso.example", code=code, password=PASSWORD)
        assert "not shown again" in added.err

    def test_a_password_is_reset(self, tenantatlas, password_file):
        reset = tenantatlas("users", "reset", "olu@contoso.example", "--password-file", password_file)
        assert (reset.code, reset.out) == (0, "olu@contoso.example is reset; their sessions have ended.\n")
        assert authenticate(email="olu@contoso.example", password=PASSWORD)
        assert tenantatlas("users", "reset", "olu@contoso.example", "--json").object["one_time_code"]
        assert authenticate(email="olu@contoso.example", password=PASSWORD) is None

    def test_one_is_switched_off_and_on(self, tenantatlas):
        assert tenantatlas("users", "disable", "olu@contoso.example", "--json").object["active"] is False
        tenantatlas("inventory", "list", "-t", "contoso", "--as", "olu@contoso.example").failed(5, "nobody")
        assert tenantatlas("users", "enable", "olu@contoso.example", "--json").object["active"] is True
        assert tenantatlas("users", "end-sessions", "olu@contoso.example", "--json").object["ended"] == 0

    def test_owners_of_the_install_are_made_and_the_last_stays(self, tenantatlas):
        tenantatlas("users", "disable", "otto@contoso.example").failed(6, "last owner")
        tenantatlas("users", "owner", "otto@contoso.example", "--revoke").failed(6, "last owner")
        tenantatlas("users", "owner", "ana@contoso.example").failed(2, "Nothing to do")
        made = tenantatlas("users", "owner", "ana@contoso.example", "--make", "--json")
        assert made.object["owner"] is True
        again = tenantatlas(
            "users", "owner", "otto@contoso.example", "--revoke", "--as", "ana@contoso.example"
        )
        assert again.code == 0
        assert not User.objects.get(email="otto@contoso.example").is_owner

    def test_it_is_for_owners_and_mistakes_are_said(self, tenantatlas, tmp_path):
        for line in (
            ("list",), ("add", "--email", "new@contoso.example"), ("reset", "olu@contoso.example"),
            ("disable", "olu@contoso.example"), ("enable", "olu@contoso.example"),
            ("end-sessions", "olu@contoso.example"), ("owner", "olu@contoso.example", "--make"),
        ):  # fmt: skip
            tenantatlas("users", *line, *AS_ANA).failed(4, "Only owners")
        short = tmp_path / "short"
        short.write_text("short\n")
        tenantatlas("users", "add", "--email", "a@contoso.example", "--password-file", short).failed(2, "12")
        tenantatlas("users", "add", "--email", "ana@contoso.example").failed(6, "already")
        tenantatlas("users", "reset", "nobody@contoso.example").failed(5, "nobody")
        tenantatlas("users", "reset", "olu@contoso.example", "--remove-second-factor").failed(
            6, "no authenticator"
        )


class TestMembers:
    def test_a_role_is_granted_listed_and_revoked(self, tenantatlas, cast):
        granted = tenantatlas(
            "members", "grant", "-t", "contoso", cast.eve.email, "--role", "operator",
            "--grant", "restore.execute", "--json",
        )  # fmt: skip
        assert granted.code == 0, granted.err
        assert granted.object == {
            "email": cast.eve.email,
            "name": "Eve",
            "role": "operator",
            "grants": ["restore.execute"],
            "active": True,
        }
        assert Capability.RESTORE_EXECUTE in capabilities_of(cast.eve, cast.contoso)
        listed = tenantatlas("members", "list", "-t", "contoso", "--json", *AS_ANA)
        assert [row["email"] for row in listed.rows] == [
            "ana@contoso.example", "eve@fabrikam.example", "olu@contoso.example", "otto@contoso.example",
        ]  # fmt: skip
        revoked = tenantatlas("members", "revoke", "-t", "contoso", cast.eve.email, "--json")
        assert revoked.object["revoked"] is True
        assert not capabilities_of(cast.eve, cast.contoso)

    def test_refusals_have_their_codes(self, tenantatlas, cast):
        grant = ("members", "grant", "-t", "contoso", cast.olu.email, "--role", "reader")
        tenantatlas(*grant, *AS_ANA).failed(4, "members.manage")
        tenantatlas(*grant, "--as", cast.eve.email).failed(5, "contoso")
        tenantatlas(*grant, "--grant", "moon.land").failed(2, "moon.land")
        tenantatlas(*grant, "--grant", "tenant.manage").failed(2, "tenant.manage")
        tenantatlas(*grant[:-1], "king").failed(2)
        tenantatlas("members", "grant", "-t", "contoso", "nobody@x.example", "--role", "reader").failed(
            5, "nobody"
        )
        tenantatlas("members", "revoke", "-t", "contoso", cast.eve.email).failed(5, "not a member")
        tenantatlas("members", "revoke", "-t", "contoso", cast.otto.email).failed(6, "last owner")
        assert cast.contoso.memberships.get(user=cast.olu).role == Role.READER


class TestAudit:
    @pytest.fixture(autouse=True)
    def written(self, tenantatlas, cast):
        """Three entries of Contoso's trail."""
        for role in ("operator", "manager", "reader"):
            tenantatlas("members", "grant", "-t", "contoso", cast.olu.email, "--role", role)

    def test_entries_are_listed_and_filtered(self, tenantatlas):
        listed = tenantatlas("audit", "list", "-t", "contoso", "--json", *AS_ANA)
        assert [row["sequence"] for row in listed.rows] == [3, 2, 1]
        assert listed.rows[0]["who"] == "Otto"
        assert tenantatlas("audit", "list", "-t", "contoso", "--who", "ana", "--json").rows == []
        assert (
            len(
                tenantatlas(
                    "audit", "list", "-t", "contoso", "--what", "granted", "--limit", "2", "--json"
                ).rows
            )
            == 2
        )
        assert tenantatlas("audit", "list", "-t", "contoso", "--until", "2020-01-01", "--json").rows == []
        tenantatlas("audit", "list", "-t", "contoso", "--since", "yesterday").failed(2, "not a day")

    def test_the_chain_is_verified_and_its_end_printed(self, tenantatlas):
        verified = tenantatlas("audit", "verify", "-t", "contoso", "--json")
        assert (verified.object["intact"], verified.object["entries"]) == (True, 3)
        end = verified.object["end"]
        assert tenantatlas("audit", "verify", "-t", "contoso", "--anchor", end).code == 0
        forged = end[:-1] + ("0" if end[-1] != "0" else "1")
        tenantatlas("audit", "verify", "-t", "contoso", "--anchor", forged).failed(7, "entry 3", "noted")
        tenantatlas("audit", "verify", "-t", "contoso", "--anchor", "x").failed(2, "digest")

    def test_an_edited_entry_is_found_and_named(self, tenantatlas):
        with connection.cursor() as cursor:
            for statement in triggers.dropping(connection.vendor):
                cursor.execute(statement)
            cursor.execute("UPDATE audit_auditentry SET actor_name = 'Eve' WHERE sequence = 2")
        tenantatlas("audit", "verify", "-t", "contoso").failed(7, "entry 2", "was changed")

    def test_an_export_is_whole_in_order_and_audited(self, tenantatlas, cast):
        exported = tenantatlas("audit", "export", "-t", "contoso", "--what", "membership")
        assert [row["sequence"] for row in exported.rows] == [1, 2, 3]
        assert [row["previous"] for row in exported.rows[1:]] == [row["digest"] for row in exported.rows[:-1]]
        entry = audit_entries(cast.contoso.pk).first()
        assert (entry.action, entry.details["entries"]) == ("audit.exported", 3)

    def test_the_installs_trail_is_for_its_owners_and_a_tenants_for_its_members(self, tenantatlas, cast):
        tenantatlas("users", "disable", cast.eve.email)
        assert [row["action"] for row in tenantatlas("audit", "list", "--json").rows] == [
            "person.switched_off"
        ]
        assert tenantatlas("audit", "verify", "--json").object["entries"] == 1
        assert len(tenantatlas("audit", "export").rows) == 1
        for verb in ("list", "verify", "export"):
            tenantatlas("audit", verb, *AS_ANA).failed(4, "Only owners")
        tenantatlas("users", "enable", cast.eve.email)
        tenantatlas("audit", "list", "-t", "contoso", "--as", cast.eve.email).failed(5, "contoso")
