"""What is sealed opens only where it was sealed, with the key that sealed it."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from django.db import connection

from tenantatlas.core.errors import Conflict, StorageFailed
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.vault import ensure_data_key, load_key, make_key_file, seal, unseal, wrapping_key_id
from tests.factories import TenantFactory

CANARY = b"a secret that must not show"


@pytest.fixture
def own_key(tmp_path, settings):
    """A key file of this test's own."""
    settings.ATLAS_KEY_FILE = tmp_path / "home" / "key"
    make_key_file()
    return Path(settings.ATLAS_KEY_FILE)


@pytest.fixture
def tenant(own_key, db):  # noqa: ARG001 - opens the database
    """A tenant sealed with that key."""
    assert own_key.exists()
    return TenantFactory()


def test_what_was_sealed_opens(tenant):
    sealed = seal(tenant, purpose="blob", record="r1", plain=CANARY)

    assert CANARY not in sealed
    assert unseal(tenant, purpose="blob", record="r1", sealed=sealed) == CANARY
    assert unseal(tenant, purpose="blob", record="r1", sealed=memoryview(sealed)) == CANARY


def test_sealing_the_same_twice_gives_different_bytes(tenant):
    first = seal(tenant, purpose="blob", record="r1", plain=CANARY)

    assert seal(tenant, purpose="blob", record="r1", plain=CANARY) != first


@pytest.mark.parametrize(("purpose", "record"), [("blob", "r2"), ("other", "r1"), ("r1", "blob")])
def test_what_was_moved_to_another_row_does_not_open(tenant, purpose, record):
    sealed = seal(tenant, purpose="blob", record="r1", plain=CANARY)

    with pytest.raises(StorageFailed, match=f"damaged or was moved .*{wrapping_key_id(tenant)}"):
        unseal(tenant, purpose=purpose, record=record, sealed=sealed)


def test_what_was_moved_to_another_tenant_does_not_open(tenant):
    sealed = seal(tenant, purpose="blob", record="r1", plain=CANARY)

    with pytest.raises(StorageFailed):
        unseal(TenantFactory(), purpose="blob", record="r1", sealed=sealed)


def test_a_data_key_moved_to_another_tenant_does_not_open(tenant):
    other = TenantFactory()
    sealed = seal(tenant, purpose="blob", record="r1", plain=CANARY)
    other.wrapped_key = tenant.wrapped_key

    with pytest.raises(StorageFailed, match="data key"):
        unseal(other, purpose="blob", record="r1", sealed=sealed)


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x01" * 20, b"\x02" + b"0" * 60])
def test_what_is_damaged_does_not_open(tenant, damage):
    with pytest.raises(StorageFailed):
        unseal(tenant, purpose="blob", record="r1", sealed=damage)


def test_a_missing_key_file_is_named_with_the_key_that_is_needed(tenant, own_key):
    sealed = seal(tenant, purpose="blob", record="r1", plain=CANARY)
    key_id = load_key().id
    own_key.unlink()

    with pytest.raises(StorageFailed) as caught:
        unseal(tenant, purpose="blob", record="r1", sealed=sealed)

    assert str(own_key) in caught.value.message
    assert key_id in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 7


def test_the_key_of_another_install_is_told_by_its_id(tenant, own_key):
    wanted = load_key().id
    own_key.unlink()
    found = make_key_file()

    with pytest.raises(StorageFailed) as caught:
        seal(tenant, purpose="blob", record="r1", plain=CANARY)

    assert wanted in caught.value.message
    assert found in caught.value.message


@pytest.mark.parametrize(
    "text", ["", "hello", "tenantatlas-key-1:c2hvcnQ=", "tenantatlas-key-1:not base64!", "\x00" * 40]
)
def test_a_file_that_holds_no_key_is_said_so(own_key, text):
    own_key.write_text(text)

    with pytest.raises(StorageFailed, match="does not hold a key"):
        load_key()


def test_a_key_file_that_is_not_text_cannot_be_read(own_key):
    own_key.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(StorageFailed, match="cannot be read"):
        load_key()


def test_a_key_file_is_for_its_user_only_and_never_overwritten(own_key):
    before = own_key.read_bytes()

    with pytest.raises(Conflict):
        make_key_file()

    assert own_key.read_bytes() == before
    assert stat.S_IMODE(own_key.stat().st_mode) == 0o600
    assert [path.name for path in own_key.parent.iterdir()] == ["key"]


def test_a_key_file_that_cannot_be_written_is_our_storage(tmp_path, settings):
    (tmp_path / "file").write_text("in the way")
    settings.ATLAS_KEY_FILE = tmp_path / "file" / "key"

    with pytest.raises(StorageFailed, match="could not be written"):
        make_key_file()


@pytest.mark.django_db(transaction=True)
def test_of_several_first_seals_at_once_one_key_wins():
    tenant = Tenant.objects.create(
        slug="new",
        name="New",
        tenant_guid="c0ffee00-0000-4000-8000-0000000000aa",
        created_at="2026-01-01T00:00Z",
    )
    starting, keys = threading.Barrier(4), []

    def first_use():
        mine = Tenant.objects.get(pk=tenant.pk)
        starting.wait()
        ensure_data_key(mine)
        keys.append(bytes(mine.wrapped_key))
        connection.close()

    threads = [threading.Thread(target=first_use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(keys) == 4
    assert len(set(keys)) == 1
