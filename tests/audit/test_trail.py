"""The audit trail: appended in order, never rewritten, and found out when it was."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from tenantatlas.audit import triggers
from tenantatlas.audit.models import AuditEntry, ChainHead
from tenantatlas.audit.queries import audit_entries, verify_chain
from tenantatlas.audit.services import record_event
from tenantatlas.core.log import HIDDEN, remember_secret


def append(tenant_id=1, action="tenant.added", **details):
    """One more entry."""
    return record_event(
        tenant_id=tenant_id,
        actor_id=7,
        actor_name="Ana",
        action=action,
        subject="contoso",
        details=details,
    )


@pytest.fixture
def tamperable(db):  # noqa: ARG001 - opens the database
    """A database whose triggers somebody with full access has removed."""
    with connection.cursor() as cursor:
        for statement in triggers.dropping(connection.vendor):
            cursor.execute(statement)


def tamper(sql, *values):
    """What somebody does with direct access to the table."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.django_db
def test_entries_of_a_tenant_are_numbered_without_gaps_and_chained():
    first, second, other = append(), append(), append(tenant_id=2)

    assert [first.sequence, second.sequence, other.sequence] == [1, 2, 1]
    assert first.previous == ""
    assert second.previous == first.digest
    assert verify_chain(1).intact
    assert verify_chain(1).entries == 2
    assert list(audit_entries(1)) == [second, first]


@pytest.mark.django_db
def test_the_install_has_a_chain_of_its_own():
    append(tenant_id=None)
    append(tenant_id=None)

    assert verify_chain(None).entries == 2
    assert verify_chain(None).intact
    assert verify_chain(1).entries == 0
    assert verify_chain(1).intact


@pytest.mark.django_db
def test_an_entry_goes_with_the_change_it_tells_of():
    with pytest.raises(RuntimeError), transaction.atomic():
        append()
        raise RuntimeError

    assert not AuditEntry.objects.exists()
    assert append().sequence == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, True, None, "é€😀"], "b": {"c": -5}},
        {"float": 1.10, "large": 10**30, "tiny": 1e-9},
        {"nul": "a\x00b", "surrogate": "\ud800", 3: "key"},
        {"set": {"b", "a"}, "tuple": (1, 2), "at": timedelta(1)},
    ],
)
def test_whatever_the_details_hold_reads_back_as_it_was_signed(value):
    append(details=value)

    assert verify_chain(1).intact


@pytest.mark.django_db
def test_a_secret_does_not_reach_the_trail():
    remember_secret("a-canary-in-the-details")

    entry = append(note="it is a-canary-in-the-details, really")

    assert "canary" not in str(AuditEntry.objects.get(pk=entry.pk).details)
    assert HIDDEN in str(entry.details)


@pytest.mark.django_db
def test_the_model_refuses_to_change_or_delete():
    entry = append()

    entry.action = "nothing.happened"
    with pytest.raises(TypeError, match="never changed"):
        entry.save()
    with pytest.raises(TypeError, match="never changed"):
        entry.delete()
    with pytest.raises(TypeError, match="never changed"):
        AuditEntry.objects.all().delete()
    with pytest.raises(TypeError, match="never changed"):
        AuditEntry.objects.update(action="nothing.happened")


@pytest.mark.django_db
@pytest.mark.parametrize("sql", ["UPDATE audit_auditentry SET action = 'x'", "DELETE FROM audit_auditentry"])
def test_the_database_refuses_too(sql):
    append()

    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
        tamper(sql)
    assert verify_chain(1).intact


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "nothing.happened"),
        ("subject", "fabrikam"),
        ("actor_name", "Eve"),
        ("actor_id", 8),
        ("details", '{"k": 2}'),
        ("at", "2020-01-01 00:00:00+00:00"),
        ("digest", "0" * 64),
        ("previous", "0" * 64),
    ],
)
@pytest.mark.usefixtures("tamperable")
def test_an_edited_entry_is_found(column, value):
    for _ in range(3):
        append(k=1)

    tamper(f"UPDATE audit_auditentry SET {column} = %s WHERE sequence = 2", value)  # noqa: S608 - a constant

    report = verify_chain(1)
    assert not report.intact
    assert report.first_bad in (2, 3)
    assert report.reason


@pytest.mark.parametrize("sequence", [1, 2, 3])
@pytest.mark.usefixtures("tamperable")
def test_a_deleted_entry_is_found(sequence):
    for _ in range(3):
        append()

    tamper("DELETE FROM audit_auditentry WHERE sequence = %s", sequence)

    assert verify_chain(1).first_bad == sequence


@pytest.mark.usefixtures("tamperable")
def test_a_trail_deleted_as_a_whole_is_found():
    append()

    tamper("DELETE FROM audit_auditentry")

    assert not verify_chain(1).intact


@pytest.mark.usefixtures("tamperable")
def test_an_inserted_entry_is_found():
    for _ in range(3):
        append()
    last = AuditEntry.objects.get(sequence=3)

    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                tenant_id=1,
                sequence=4,
                at=last.at,
                actor_name="Eve",
                action="forged",
                subject="x",
                previous=last.digest,
                digest="f" * 64,
            )
        ]
    )

    assert verify_chain(1).first_bad == 4


@pytest.mark.usefixtures("tamperable")
def test_reordered_entries_are_found():
    for number in range(3):
        append(number=number)

    tamper("UPDATE audit_auditentry SET sequence = 99 WHERE sequence = 2")
    tamper("UPDATE audit_auditentry SET sequence = 2 WHERE sequence = 3")
    tamper("UPDATE audit_auditentry SET sequence = 3 WHERE sequence = 99")

    assert verify_chain(1).first_bad == 2


@pytest.mark.usefixtures("tamperable")
def test_an_entry_moved_to_another_tenant_is_found():
    append()

    tamper("UPDATE audit_auditentry SET tenant_id = 2")
    ChainHead.objects.filter(chain=1).update(chain=2)

    assert not verify_chain(2).intact


@pytest.mark.django_db(transaction=True)
def test_entries_appended_at_once_make_one_chain():
    starting = threading.Barrier(8)
    errors = []

    def work():
        try:
            starting.wait()
            for number in range(10):
                append(number=number)
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert verify_chain(1).intact
    assert verify_chain(1).entries == 80
