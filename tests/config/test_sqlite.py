"""Transactions of one process begin in the order in which they asked, and a turn is never lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from tenantatlas.config.databases import sqlite_database
from tenantatlas.config.sqlite import base
from tenantatlas.config.sqlite.base import Turns, for_a_person

_PATIENCE = 30.0


def test_a_turn_is_handed_on_in_the_order_of_asking() -> None:
    turns, served = Turns(), []
    assert turns.take(_PATIENCE)

    def wait(number: int) -> None:
        assert turns.take(_PATIENCE)
        served.append(number)
        turns.pass_on()

    with ThreadPoolExecutor(5) as pool:
        asked = []
        for number in range(5):
            asked.append(pool.submit(wait, number))
            while len(turns._work) <= number:
                pass
        turns.pass_on()
        for one in asked:
            one.result(_PATIENCE)
    assert served == list(range(5))


def test_a_person_is_served_before_work_that_waits_longer() -> None:
    turns, served = Turns(), []
    assert turns.take(_PATIENCE)

    def wait(name: str) -> None:
        with for_a_person() if name == "person" else contextlib.nullcontext():
            assert turns.take(_PATIENCE)
        served.append(name)
        turns.pass_on()

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(wait, "work")]
        while not turns._work:
            pass
        asked.append(pool.submit(wait, "person"))
        while not turns._people:
            pass
        turns.pass_on()
        for one in asked:
            one.result(_PATIENCE)
    assert served == ["person", "work"]


def test_who_gives_up_waiting_is_not_handed_the_turn() -> None:
    turns = Turns()
    assert turns.take(_PATIENCE)
    assert not turns.take(0.0)
    turns.pass_on()
    assert turns.take(0.0)


@pytest.fixture
def databases(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[ConnectionHandler]:
    """A database of this test's own; each thread has its connection."""
    handler = ConnectionHandler({"default": sqlite_database(tmp_path / "atlas.db", synchronous="OFF")})
    with django_db_blocker.unblock():
        with handler["default"].cursor() as cursor:
            cursor.execute("CREATE TABLE numbers (number INTEGER UNIQUE)")
        yield handler
        handler.close_all()


def is_free(databases: ConnectionHandler) -> bool:
    turns = base._turns[str(databases["default"].settings_dict["NAME"])]
    free = turns.take(0.0)
    if free:
        turns.pass_on()
    return free


def begin(databases: ConnectionHandler) -> None:
    databases["default"].set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    assert not is_free(databases)


def test_the_turn_ends_with_the_transaction(databases: ConnectionHandler) -> None:
    connection = databases["default"]
    for end in (connection.commit, connection.rollback, connection.close):
        begin(databases)
        end()
        assert is_free(databases)
        connection.close()


def test_threads_that_write_at_once_all_write(databases: ConnectionHandler) -> None:
    together = threading.Barrier(8)

    def write(first: int) -> None:
        connection = databases["default"]
        together.wait(_PATIENCE)
        for number in range(first, first + 25):
            begin(databases)
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO numbers VALUES (%s)", [number])
            connection.commit()
            connection.set_autocommit(True)
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(0, 200, 25)))
    with databases["default"].cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM numbers").fetchone() == (200,)
    assert is_free(databases)


def test_a_transaction_that_cannot_begin_keeps_no_turn(databases: ConnectionHandler) -> None:
    other = ConnectionHandler({"default": databases.settings["default"]})
    other["default"].ensure_connection()
    begin(databases)
    waiting = other["default"]
    waiting.connection.execute("PRAGMA busy_timeout=0")
    turns = base._turns[str(waiting.settings_dict["NAME"])]
    turns.pass_on()  # as after the patience of who waits: it goes on, and is told that SQLite is busy
    databases["default"]._turn = None
    with pytest.raises(DatabaseError):
        waiting.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    assert is_free(databases)
    other.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_block_that_fails_passes_the_turn_on() -> None:
    from tenantatlas.audit.models import ChainHead  # noqa: PLC0415 - needs the app registry

    with pytest.raises(IntegrityError), transaction.atomic():
        ChainHead.objects.create(chain=1)
        ChainHead.objects.create(chain=1)
    with transaction.atomic():
        ChainHead.objects.create(chain=1)
