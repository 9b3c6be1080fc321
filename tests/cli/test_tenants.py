"""`tenantatlas tenants`: what people and scripts are told, and what bad input gets."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from tenantatlas.core import clock
from tenantatlas.tenants.models import Connection, Tenant
from tests.canary import secret
from tests.factories import UserFactory

GUID = "c0ffee00-0000-4000-8000-00000000000a"
CLIENT = "c0ffee00-0000-4000-8000-00000000000b"
CANARY = secret("client secret of the command line")


@pytest.fixture
def secret_file(tmp_path):
    """A file with a client secret."""
    path = tmp_path / "secret"
    path.write_text(CANARY + "\n")
    return path


@pytest.fixture
def add(tenantatlas, secret_file, cast):
    """Connect Adatum, with other options if given."""
    assert cast

    def call(*more, slug="adatum"):
        return tenantatlas(
            "tenants", "add", slug, "--name", "Adatum", "--tenant-id", GUID, "--client-id", CLIENT,
            "--client-secret-file", secret_file, *more,
        )  # fmt: skip

    return call


def test_a_tenant_is_added_listed_and_shown(add, tenantatlas):
    added = add("--environment", "test", "--json")
    listed = tenantatlas("tenants", "list", "--json")
    shown = tenantatlas("--json", "tenants", "show", "adatum")

    assert added.code == listed.code == shown.code == 0
    assert added.object["slug"] == "adatum"
    assert added.object["tenant_id"] == GUID
    assert [row["slug"] for row in listed.rows] == ["adatum", "contoso", "fabrikam"]
    assert shown.object["reader"] == {"client_id": CLIENT, "kind": "secret", "expires_at": None}
    assert shown.object["environment"] == "test"
    for result in (added, listed, shown):
        assert CANARY not in result.out + result.err


def test_a_microsoft_tenant_that_is_connected_already_is_named(add):
    assert "warning" not in add().err

    again = add(slug="adatum-two")

    assert again.code == 0
    assert "connected as adatum too" in again.err


def test_people_read_a_table(add, tenantatlas):
    assert add().out == "adatum is connected.\n"
    assert tenantatlas("tenants", "list").out.splitlines()[0].split() == [
        "SLUG", "NAME", "ENVIRONMENT", "CLOUD", "TENANT", "ID", "WRITES",
    ]  # fmt: skip
    assert CLIENT in tenantatlas("tenants", "show", "adatum").out


def test_a_custom_cloud_has_addresses_and_authorities(add, tmp_path):
    from tests.tenants.certificates import certificate_pem, rsa_key  # noqa: PLC0415 - makes a key

    authorities = tmp_path / "ca.pem"
    authorities.write_text(certificate_pem(rsa_key()))

    result = add(
        "--cloud", "custom", "--graph-url", "https://127.0.0.1:8443", "--login-url", "https://127.0.0.1:8443",
        "--ca-file", authorities, "--json",
    )  # fmt: skip

    assert result.object["graph_url"] == "https://127.0.0.1:8443"
    assert Tenant.objects.get(slug="adatum").ca_pem == authorities.read_text()


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--cloud", "custom"), 2, "address"),
        (("--cloud", "custom", "--graph-url", "http://x", "--login-url", "https://x"), 2, "https"),
        (("--graph-url", "https://x.example"), 2, "custom"),
        (("--ca-file", "/no/such/file"), 2, "CA file"),
        (("--tenant-id", "contoso.com"), 2, "tenant id"),
        (("--certificate-file", "/dev/null"), 2, "one credential"),
    ],
)
def test_bad_input_is_said_and_leaves_nothing(add, more, code, says):
    add(*more).failed(code, says)
    assert not Tenant.objects.filter(slug="adatum").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read"), (b"", "empty"), (b"\xff\xfe", "not text"), (b"a" * 1_100_000, "1 MiB")],
)
def test_a_secret_file_that_cannot_be_used_is_named(add, secret_file, content, says):
    if content is None:
        secret_file.unlink()
    else:
        secret_file.write_bytes(content)

    add().failed(2, str(secret_file), says)


def test_a_slug_is_taken_once(add):
    add(slug="contoso").failed(6, "contoso")


def test_a_credential_is_updated(tenantatlas, cast, secret_file):
    result = tenantatlas("tenants", "update", "contoso", "--client-secret-file", secret_file, "--json")

    assert result.object["reader"]["kind"] == "secret"
    assert CANARY not in result.out + result.err
    tenantatlas("tenants", "update", "contoso").failed(2, "credential")
    assert cast


def test_settings_are_yes_or_no(tenantatlas, cast):
    assert tenantatlas("tenants", "set", "contoso", "--allow-deletes", "yes", "--json").object[
        "allow_deletes"
    ]
    assert Tenant.objects.get(pk=cast.contoso.pk).allow_deletes
    Tenant.objects.update(writes_held=True)
    assert tenantatlas("tenants", "set", "contoso", "--writes", "yes", "--json").object["writes"] == "allowed"
    assert tenantatlas("tenants", "set", "contoso", "--writes", "no", "--json").object["writes"] == "held"

    tenantatlas("tenants", "set", "contoso").failed(2, "Nothing to set")
    tenantatlas("tenants", "set", "contoso", "--allow-deletes", "perhaps").failed(2, "perhaps")


@pytest.mark.parametrize("given", [(), ("--confirm", "contoso")])
def test_a_removed_tenant_is_gone(tenantatlas, cast, given):
    assert cast
    assert tenantatlas("tenants", "remove", "contoso", *given, "--json").object == {
        "slug": "contoso",
        "removed": True,
    }
    tenantatlas("tenants", "show", "contoso").failed(5, "contoso")


def test_a_tenant_is_not_removed_by_another_name(tenantatlas, cast):
    tenantatlas("tenants", "remove", "contoso", "--confirm", "fabrikam").failed(2, "--confirm contoso")

    assert Tenant.objects.get(pk=cast.contoso.pk).removed_at is None


@pytest.mark.parametrize(("typed", "code"), [("contoso", 0), ("yes", 2), ("", 2)])
def test_a_person_is_asked_for_the_name_before_a_tenant_is_removed(
    tenantatlas, cast, monkeypatch, typed: str, code: int
):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))

    result = tenantatlas("tenants", "remove", "contoso")

    assert result.code == code
    assert "destroys its credentials" in result.err
    assert (Tenant.objects.get(pk=cast.contoso.pk).removed_at is None) is (code != 0)


def test_who_acts_is_as_then_the_setting_then_the_only_owner(tenantatlas, cast, settings):
    assert cast
    assert len(tenantatlas("tenants", "list", "--json").rows) == 2
    settings.ATLAS_USER = "eve@fabrikam.example"
    assert [row["slug"] for row in tenantatlas("tenants", "list", "--json").rows] == ["fabrikam"]
    own = tenantatlas("--as=ana@contoso.example", "tenants", "list", "--json")
    assert [row["slug"] for row in own.rows] == ["contoso"]

    tenantatlas("tenants", "list", "--as", "nobody@contoso.example").failed(5, "nobody@contoso.example")
    settings.ATLAS_USER = ""
    UserFactory(is_owner=True)
    tenantatlas("tenants", "list").failed(2, "several owners")


def test_a_stranger_and_who_asks_for_nothing_are_told_the_same(tenantatlas, cast):
    assert cast
    strange = tenantatlas("tenants", "show", "contoso", "--as", "eve@fabrikam.example")
    unknown = tenantatlas("tenants", "show", "contosa", "--as", "eve@fabrikam.example")

    strange.failed(5)
    assert strange.err.replace("contoso", "contosa") == unknown.err


def test_who_lacks_the_capability_is_told_which(tenantatlas, cast, secret_file):
    assert cast
    reader = ("--as", "olu@contoso.example")
    tenantatlas("tenants", "set", "contoso", "--allow-deletes", "yes", *reader).failed(4, "tenant.manage")
    tenantatlas("tenants", "remove", "contoso", *reader).failed(4, "tenant.manage")
    tenantatlas("tenants", "update", "contoso", "--client-secret-file", secret_file, *reader).failed(
        4, "connection.manage"
    )
    tenantatlas("tenants", "check", "contoso", *reader).failed(4, "connection.check")


def test_only_owners_of_the_install_add_tenants(add):
    add("--as", "ana@contoso.example").failed(4, "owners of this install")


def test_a_certificate_is_made_here_and_used(add, tenantatlas, tmp_path):
    add()
    file = tmp_path / "adatum.cer"
    early = tenantatlas("tenants", "update", "adatum", "--made-certificate")
    made = tenantatlas("tenants", "certificate", "adatum", "--out", file, "--json")
    again = tenantatlas("tenants", "certificate", "adatum", "--out", file)
    used = tenantatlas("tenants", "update", "adatum", "--made-certificate", "--json")

    assert (early.code, made.code, again.code, used.code) == (5, 0, 2, 0)
    assert b"PRIVATE" not in file.read_bytes()
    assert len(made.object["thumbprint"]) == 40
    assert used.object["reader"]["kind"] == "certificate"
    assert used.object["reader"]["expires_at"] == made.object["expires_at"].split(".")[0] + "+00:00"


def test_a_tenant_is_corrected(add, tenantatlas, tmp_path):
    from tests.tenants.certificates import certificate_pem, rsa_key  # noqa: PLC0415 - makes a key

    authorities = tmp_path / "ca.pem"
    authorities.write_text(certificate_pem(rsa_key()))
    add()
    trusted = tenantatlas(
        "tenants", "set", "adatum", "--ca-file", authorities, "--tenant-id", CLIENT, "--json"
    )
    assert trusted.object["tenant_id"] == CLIENT
    assert Tenant.objects.get(slug="adatum").ca_pem == authorities.read_text()
    assert tenantatlas("tenants", "set", "adatum", "--ca-file", "none").code == 0
    assert Tenant.objects.get(slug="adatum").ca_pem == ""

    tenantatlas("tenants", "set", "adatum", "--cloud", "custom").failed(2, "Graph address", "sign-in address")
    moved = tenantatlas(
        "tenants", "set", "adatum", "--cloud", "custom", "--graph-url", "https://graph.example",
        "--login-url", "https://login.example",
    )  # fmt: skip
    assert moved.code == 0
    assert f"tenants update adatum --purpose reader --client-id {CLIENT}" in moved.err
    assert "reader" not in tenantatlas("--json", "tenants", "show", "adatum").object
    other = tenantatlas("tenants", "set", "adatum", "--login-url", "https://other.example", "--json").object
    assert (other["graph_url"], other["login_url"]) == ("https://graph.example", "https://other.example")
    known = tenantatlas("tenants", "set", "adatum", "--cloud", "usgov", "--json").object
    assert (known["cloud"], known["graph_url"]) == ("usgov", "")


def test_settings_of_a_tenant(add, tenantatlas):
    add()
    changed = tenantatlas(
        "tenants",
        "set",
        "adatum",
        "--name",
        "Adatum Ltd",
        "--environment",
        "test",
        "--rbac-group",
        GUID,
        "--json",
    )
    assert changed.object["name"] == "Adatum Ltd"
    assert (changed.object["environment"], changed.object["rbac_group"]) == ("test", GUID)
    assert (
        tenantatlas("tenants", "set", "adatum", "--rbac-group", "none", "--json").object["rbac_group"] is None
    )
    assert tenantatlas("tenants", "set", "adatum", "--rbac-group", "x").code == 2
    assert tenantatlas("tenants", "set", "adatum").code == 2


@pytest.mark.parametrize(("day", "code"), [("2099-05-31", 0), ("soon", 2), ("2001-01-01", 2)])
def test_when_a_secret_expires_may_be_said(add, tenantatlas, secret_file, day, code):
    add()
    done = tenantatlas(
        "tenants", "update", "adatum", "--client-secret-file", secret_file, "--expires", day, "--json"
    )
    assert done.code == code
    if code == 0:
        assert done.object["reader"]["expires_at"].startswith(day)


def test_a_credential_that_ends_soon_is_said(add, tenantatlas):
    add()
    assert "warning" not in tenantatlas("tenants", "show", "adatum").err
    Connection.all_tenants.filter(tenant__slug="adatum").update(expires_at=clock.now() + timedelta(days=7))
    assert "warning: Backups, drift and restores of Adatum" in tenantatlas("tenants", "show", "adatum").err
