"""Setting up, migrating and copying an install, each on both databases."""

from __future__ import annotations

import stat
import zipfile

import pytest
from django.db import connection

from tenantatlas.accounts.models import User
from tenantatlas.audit import triggers
from tenantatlas.audit.queries import verify_chain
from tenantatlas.tenants.models import Tenant
from tests.canary import MARK
from tests.processes import Install

from .program import OWNER, Program, blank_program


def owners():
    """The owners of this process's install."""
    return list(User.objects.filter(is_owner=True).values_list("email", flat=True))


def in_trail():
    """Whether the install's trail holds, and how long it is."""
    report = verify_chain(None)
    return report.intact, report.entries


def pretend_newer():
    """The database as a later version would leave it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, %s)",
            ["tenants", "9999_future", "2030-01-01T00:00:00Z"],
        )


def pretend_older():
    """The database as an earlier version left it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name = '0002_immutable'")
        for statement in triggers.dropping(connection.vendor):
            cursor.execute(statement)


def rename_contoso(name):
    """A change after the copy was taken."""
    Tenant.objects.filter(slug="contoso").update(name=name)


def held():
    """Name and hold of Contoso."""
    return Tenant.objects.values_list("name", "writes_held").get(slug="contoso")


def test_init_makes_database_key_secret_and_owner(blank, password_file):
    result = blank("init", "--admin-email", OWNER, "--admin-password-file", password_file, "--json")

    assert result.code == 0, result.err
    assert result.object["owner"] == OWNER
    assert blank.install.call(owners) == [OWNER]
    assert blank.install.call(in_trail) == (True, 1)
    for name in ("key", "secret"):
        assert stat.S_IMODE((blank.home / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(blank.home.stat().st_mode) == 0o700
    assert "strange sentence" not in result.out + result.err


def test_a_second_init_changes_nothing(ready, password_file):
    key = (ready.home / "key").read_bytes()

    for email in (OWNER, "eve@contoso.example"):
        ready("init", "--admin-email", email, "--admin-password-file", password_file).failed(6, "already")

    assert (ready.home / "key").read_bytes() == key
    assert ready.install.call(owners) == [OWNER]
    assert ready.install.call(in_trail) == (True, 1)


@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        ("not-an-address", "a long and strange sentence", "e-mail address"),
        (OWNER, "short", "12 characters"),
        (OWNER, "", "empty"),
        (OWNER, None, "cannot be read"),
    ],
)
def test_an_init_that_cannot_be_done_writes_nothing(blank, tmp_path, email, password, says):
    file = tmp_path / "password"
    if password is not None:
        file.write_text(password)

    blank("init", "--admin-email", email, "--admin-password-file", file).failed(2, says)

    assert not blank.home.exists()
    blank("tenants", "list").failed(6, "not set up", "tenantatlas init")


def test_a_home_that_cannot_be_a_folder_is_said_by_every_command(tmp_path):
    file = tmp_path / "file"
    file.write_text("")

    for home in (file, file / "home"):
        Program(Install(home))("tenants", "list").failed(7, "cannot be made", "ATLAS_HOME")


def test_an_interrupted_init_can_be_repeated(blank, password_file):
    assert blank("migrate").code == 0
    (blank.home / "key").write_text("tenantatlas-key-1:" + "A" * 43 + "=\n")

    assert blank("init", "--admin-email", OWNER, "--admin-password-file", password_file).code == 0

    assert (blank.home / "key").read_text().startswith("tenantatlas-key-1:AAAA")


@pytest.mark.parametrize("emptied", [False, True])
def test_a_database_that_is_gone_is_no_new_install(ready, password_file, emptied):
    if ready.install.url:
        pytest.skip("a server's database is not in the home")
    (ready.home / "engine.db").touch()
    for file in ready.home.glob("atlas.db*"):
        file.unlink()
    if emptied:
        (ready.home / "atlas.db").touch()

    ready("tenants", "list").failed(7, "is gone", "self restore")
    ready("migrate").failed(7, "is gone", "self restore")
    ready("init", "--admin-email", OWNER, "--admin-password-file", password_file).failed(7, "is gone")


def test_init_where_nothing_can_be_written_is_our_storage(tmp_path, password_file):
    (tmp_path / "file").write_text("in the way")
    program = Program(Install(tmp_path / "file" / "home"))

    program("init", "--admin-email", OWNER, "--admin-password-file", password_file).failed(7, "ATLAS_HOME")


def test_migrate_says_what_it_applied(blank):
    first = blank("migrate", "--json")
    second = blank("migrate")

    assert "accounts.0001_initial" in first.object["applied"]
    assert second.out == "The database is up to date.\n"


def test_a_newer_database_is_refused_and_left_alone(ready):
    ready.install.call(pretend_newer)

    for arguments in (("migrate",), ("tenants", "list"), ("serve",), ("worker",)):
        ready(*arguments).failed(6, "newer TenantAtlas", "tenants.9999_future")


def test_an_older_database_asks_to_be_migrated(ready):
    ready.install.call(pretend_older)

    ready("tenants", "list").failed(6, "audit.0002_immutable", "tenantatlas migrate")
    assert ready("migrate", "--json").object == {"applied": ["audit.0002_immutable"]}
    assert ready("tenants", "list").code == 0


def test_a_server_that_is_not_there_is_said(tmp_path):
    program = Program(Install(tmp_path, f"postgresql://me:{MARK}@127.0.0.1:1/atlas"))

    result = program("tenants", "list")

    result.failed(7, "cannot be reached", "127.0.0.1/atlas")
    assert MARK not in result.err


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "atlas.db").write_bytes(b"this is not a database, " * 100)

    Program(Install(tmp_path))("tenants", "list").failed(7, "damaged", str(tmp_path))


def test_a_missing_key_is_said_where_it_is_needed(ready, tmp_path):
    (ready.home / "key").unlink()
    secret = tmp_path / "secret"
    secret.write_text(MARK)

    for arguments in (
        ("tenants", "add", "x", "--name", "X", "--tenant-id", "c0ffee00-0000-4000-8000-00000000000a",
         "--client-id", "c0ffee00-0000-4000-8000-00000000000b", "--client-secret-file", secret),
        ("serve",), ("worker",), ("self", "backup", tmp_path / "copy"),
    ):  # fmt: skip
        ready(*arguments).failed(7, "key file", str(ready.home / "key"))

    assert [row["slug"] for row in ready("tenants", "list", "--json").rows] == ["contoso"]
    assert not (tmp_path / "copy").exists()


# ── Copies of the install ─────────────────────────────────────────────────────────────────────────────────


def test_a_copy_is_for_its_user_only_and_never_overwrites(ready, tmp_path):
    copied = tmp_path / "copy"
    assert ready("self", "backup", copied, "--json").object["file"] == str(copied)
    before = copied.read_bytes()

    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    ready("self", "backup", copied).failed(6, "already")
    assert copied.read_bytes() == before
    assert [path.name for path in copied.parent.iterdir() if path.name.startswith(".copy")] == []


def test_a_copy_needs_an_owner_of_the_install(ready, tmp_path):
    ready("self", "backup", tmp_path / "copy", "--as", "eve@contoso.example").failed(5)
    ready("self", "backup", tmp_path / "no" / "folder").failed(7, "cannot be written")


def test_a_restore_puts_back_what_was_and_holds_all_writes(ready, copied):
    ready.install.call(rename_contoso, "Renamed since")

    result = ready("self", "restore", copied, "--json")

    assert result.code == 0, result.err
    assert result.object["tenants_held"] == ["contoso"]
    assert result.object["kept_before"]
    assert "tenants set contoso --writes yes" in result.err
    assert ready.install.call(held) == ("Contoso", True)
    assert ready.install.call(in_trail)[0]
    assert ready("tenants", "set", "contoso", "--writes", "yes", "--json").object["writes"] == "allowed"
    assert ready.install.call(held) == ("Contoso", False)


def test_what_was_there_before_a_restore_is_kept(ready, copied):
    ready.install.call(rename_contoso, "Renamed since")
    kept = ready("self", "restore", copied, "--json").object["kept_before"]

    if ready.install.url:
        assert ready("self", "restore", kept).code == 0
    else:
        (ready.home / "atlas.db").write_bytes((ready.home / kept / "atlas.db").read_bytes())
    assert ready.install.call(held)[0] == "Renamed since"


def test_new_rows_follow_a_restore(ready, copied, password_file):
    assert ready("self", "restore", copied).code == 0
    added = ready(
        "tenants", "add", "adatum", "--name", "Adatum", "--tenant-id", "c0ffee00-0000-4000-8000-00000000000a",
        "--client-id", "c0ffee00-0000-4000-8000-00000000000b", "--client-secret-file", password_file,
    )  # fmt: skip
    assert added.code == 2  # the sentence has spaces: no client secret
    password_file.write_text(MARK)
    added = ready(
        "tenants", "add", "adatum", "--name", "Adatum", "--tenant-id", "c0ffee00-0000-4000-8000-00000000000a",
        "--client-id", "c0ffee00-0000-4000-8000-00000000000b", "--client-secret-file", password_file,
    )  # fmt: skip
    assert added.code == 0, added.err


def test_a_restore_brings_the_key_and_moves_another_aside(ready, copied):
    key = (ready.home / "key").read_bytes()
    (ready.home / "key").write_text("tenantatlas-key-1:" + "A" * 43 + "=\n")

    result = ready("self", "restore", copied, "--json")

    assert result.code == 0, result.err
    assert (ready.home / "key").read_bytes() == key
    kept = list(ready.home.glob("before-restore-*/key"))
    assert [path.read_text()[:22] for path in kept] == ["tenantatlas-key-1:AAAA"]


def test_a_copy_restores_onto_a_new_machine(copied, tmp_path, server):
    with blank_program(tmp_path / "new home", server) as fresh:
        result = fresh("self", "restore", copied, "--json")

        assert result.code == 0, result.err
        assert result.object["kept_before"] == ""
        assert fresh.install.call(held) == ("Contoso", True)
        assert fresh("tenants", "show", "contoso", "--json").object["reader"]["kind"] == "secret"


def damaged(path, how):
    """The copy, damaged."""
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "flipped":
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda member: member.compress_size)
        # In what it holds: a few bytes of a zip's own headers mean nothing to anybody.
        data[largest.header_offset + 64 + largest.compress_size // 2] ^= 0xFF
    elif how == "empty":
        data.clear()
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "flipped", "empty"])
def test_a_damaged_copy_is_refused_and_nothing_changes(ready, copied, how):
    ready.install.call(rename_contoso, "Renamed since")
    damaged(copied, how)

    ready("self", "restore", copied).failed(2, str(copied))

    assert ready.install.call(held) == ("Renamed since", False)
    assert list(ready.home.glob("before-restore-*")) == []


def test_a_copy_with_another_key_is_refused(ready, copied):
    with zipfile.ZipFile(copied) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["key"] = b"tenantatlas-key-1:" + b"A" * 43 + b"=\n"
    with zipfile.ZipFile(copied, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)

    ready("self", "restore", copied).failed(2, "not a whole copy")


def test_a_file_that_is_no_copy_is_refused(ready, tmp_path):
    ready("self", "restore", tmp_path / "missing").failed(2, "There is no file")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("manifest.json", '{"format": "another"}')
    ready("self", "restore", tmp_path / "other.zip").failed(2, "not a copy")
