"""Copies of the install itself: our database and key in one file, and putting one back.

After a restore the database is older than the tenants: what was written since is not in it. So every
tenant's writes are held until a person confirms (`tenants set SLUG --writes yes`), and the install takes a
new identity towards the engine, which may remember runs of the future.

What was there before is kept: on SQLite moved into `ATLAS_HOME/before-restore-<time>/`, on PostgreSQL as a
copy of the same name.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from tenantatlas import __version__
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.ids import fresh_id
from tenantatlas.core.json import Json
from tenantatlas.tenants.install import (
    make_home,
    make_secret_file,
    migrate_schema,
    refuse_unknown_migrations,
    require_ready,
    schema_state,
)
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.vault import Key, load_key, read_key, write_private_file

from .copyfile import CopyReader, CopyWriter, new_copy, open_copy, refuse_existing
from .lock import HomeLock
from .models import Installation
from .services import worker_alive

_SQLITE_MEMBER, _KEY_MEMBER, _TABLES = "database.db", "key", "tables/"
_NOT_COPIED = frozenset({"accounts_session"})
_DATABASE_FILES = ("atlas.db", "atlas.db-wal", "atlas.db-shm", "engine.db", "engine.db-wal", "engine.db-shm")


# ── Making a copy ─────────────────────────────────────────────────────────────────────────────────────────


def back_up_install(path: Path) -> dict[str, Json]:
    """Write database and key, as they are at one moment, into a new file; runs may go on meanwhile."""
    require_ready()
    refuse_existing(path)
    key = load_key()
    facts: dict[str, Json] = {
        "version": __version__,
        "engine": connection.vendor,
        "taken_at": clock.now().isoformat(),
        "key_id": key.id,
    }
    with _moment() as (tables, snapshot):
        facts["migrations"] = sorted(f"{label}.{name}" for label, name in _migrations())
        facts["tables"] = tables
        with new_copy(path, facts) as writer:
            writer.add(_KEY_MEMBER, [Path(settings.ATLAS_KEY_FILE).read_bytes()])
            if snapshot is not None:
                writer.add_file(_SQLITE_MEMBER, snapshot)
            for table, columns in tables.items():
                _copy_out(writer, table, columns)
    return {"file": str(path), "key_id": key.id, "size": path.stat().st_size}


@contextlib.contextmanager
def _moment() -> Iterator[tuple[dict[str, list[str]], Path | None]]:
    """The database as it is now: a file (SQLite), or a transaction that sees nothing newer (PostgreSQL)."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield _tables(), None
        return
    with tempfile.TemporaryDirectory(dir=settings.ATLAS_HOME, prefix=".copy-") as folder:
        snapshot = Path(folder) / _SQLITE_MEMBER
        source = sqlite3.connect(connection.settings_dict["NAME"], timeout=30)
        target = sqlite3.connect(snapshot)
        try:
            source.backup(target, pages=4096)
            _check_sqlite(target)
        finally:
            target.close()
            source.close()
        yield {}, snapshot


def _tables() -> dict[str, list[str]]:
    names = sorted(set(connection.introspection.django_table_names(only_existing=True)) - _NOT_COPIED)
    with connection.cursor() as cursor:
        return {
            name: [column.name for column in connection.introspection.get_table_description(cursor, name)]
            for name in names
        }


def _copy_out(writer: CopyWriter, table: str, columns: list[str]) -> None:
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(_name(table), _names(columns))
    with connection.cursor() as cursor, cursor.cursor.copy(statement) as rows:
        writer.add(_TABLES + table, rows)


# ── Putting one back ──────────────────────────────────────────────────────────────────────────────────────


def restore_install(path: Path) -> dict[str, Json]:
    """Put database and key back from a copy. The copy is verified as a whole before anything changes.

    Refused while a worker is alive. Returns where what was there before is kept.
    """
    with open_copy(path) as copy:
        copy.verify()
        key = _key_of(copy)
        if copy.facts.get("engine") != connection.vendor:
            raise Conflict(
                f"The copy is of a {copy.facts.get('engine')} database, this one is {connection.vendor}.",
                hint="Set ATLAS_DATABASE_URL as it was where the copy was made.",
            )
        refuse_unknown_migrations(_named_migrations(copy))
        make_home()
        put_back = _put_back_postgresql if connection.vendor == "postgresql" else _put_back_sqlite
        with _nobody_works():
            kept = put_back(copy, key)
            make_secret_file()
    return {
        "restored": str(path),
        "taken_at": copy.facts["taken_at"],
        "key_id": key.id,
        "kept_before": kept,
        "tenants_held": list(Tenant.objects.filter(writes_held=True).values_list("slug", flat=True)),
    }


@contextlib.contextmanager
def _nobody_works() -> Iterator[None]:
    lock = HomeLock(Path(settings.ATLAS_HOME))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _put_back_sqlite(copy: CopyReader, key: Key) -> str:
    home = Path(settings.ATLAS_HOME)
    with tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as folder:
        fresh = Path(folder) / _SQLITE_MEMBER
        copy.extract(_SQLITE_MEMBER, fresh)
        _prepare_sqlite(copy, fresh)
        connections.close_all()
        kept = _move_aside(home)
        _put_key(copy, key, kept)
        fresh.replace(home / "atlas.db")
    migrate_schema()
    _finish_restore()
    return str(kept) if kept.exists() else ""


def _prepare_sqlite(copy: CopyReader, path: Path) -> None:
    """Hold all writes before the database is ever in its place."""
    database = sqlite3.connect(path)
    try:
        _check_sqlite(database)
        with database:
            database.execute("UPDATE tenants_tenant SET writes_held = 1, writer_run = NULL")
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'accounts_session'").fetchone():
                database.execute("DELETE FROM accounts_session")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        raise copy.damaged(f"its database cannot be used ({error})") from error
    finally:
        database.close()


def _put_back_postgresql(copy: CopyReader, key: Key) -> str:
    was_empty = schema_state().empty
    if was_empty:
        migrate_schema()
    if _migrations() != _named_migrations(copy):
        raise Conflict(
            f"The copy was made by TenantAtlas {copy.facts.get('version')}, whose tables differ from these.",
            hint="Restore it with that version, then upgrade.",
        )
    stamp = _stamp()
    kept = "" if was_empty else str(_kept_copy(stamp))
    with transaction.atomic():
        _refuse_live_workers()
        _fill_tables(copy)
        Tenant.objects.update(writes_held=True, writer_run=None)
        _finish_restore()
        _put_key(copy, key, Path(settings.ATLAS_HOME) / stamp)
    return kept


def _kept_copy(stamp: str) -> Path:
    path = Path(settings.ATLAS_HOME) / f"{stamp}.tenantatlas"
    back_up_install(path)
    return path


def _refuse_live_workers() -> None:
    if worker_alive():
        raise Conflict("A worker is alive.", hint="Stop every web and worker process, then try again.")


def _fill_tables(copy: CopyReader) -> None:
    tables: dict[str, list[str]] = copy.facts["tables"]
    here = _tables()
    unknown = sorted(set(tables) - set(here))
    if unknown:
        raise copy.damaged(f"it has a table {unknown[0]!r} that is none of ours")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(_names([*here, *_NOT_COPIED])))
        for table, columns in tables.items():
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(_name(table), _names(columns))
            with cursor.cursor.copy(statement) as rows:
                for chunk in copy.chunks(_TABLES + table):
                    rows.write(chunk)
        for reset in _sequence_resets():
            cursor.execute(reset)


def _sequence_resets() -> list[str]:
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    return connection.ops.sequence_reset_sql(no_style(), models)


def _finish_restore() -> None:
    """A new identity towards the engine, and an entry in the install's trail."""
    with transaction.atomic():
        Installation.objects.filter(pk=1).update(key=fresh_id())
        owner = User.objects.filter(is_owner=True, is_active=True).order_by("pk").first()
        record_event(
            tenant_id=None,
            actor_id=owner.pk if owner else None,
            actor_name=owner.display_name if owner else "the install's operator",
            action="install.restored",
            subject="the install",
            details={},
        )


# ── Key and files ─────────────────────────────────────────────────────────────────────────────────────────


def _key_of(copy: CopyReader) -> Key:
    key = read_key(copy.read(_KEY_MEMBER).decode("ascii", "replace"))
    if key is None or key.id != copy.facts.get("key_id"):
        raise copy.damaged("its key is not the one it names")
    return key


def _put_key(copy: CopyReader, key: Key, kept: Path) -> None:
    """The copy's key in its place; another key that is there is moved among what is kept."""
    path = Path(settings.ATLAS_KEY_FILE)
    if path.exists():
        present = read_key(path.read_text(encoding="ascii", errors="replace"))
        if present is not None and present.id == key.id:
            return
        kept.mkdir(mode=0o700, exist_ok=True)
        shutil.move(path, kept / "key")
    write_private_file(path, copy.read(_KEY_MEMBER))


def _move_aside(home: Path) -> Path:
    kept = home / _stamp()
    present = [home / name for name in _DATABASE_FILES if (home / name).exists()]
    if present:
        kept.mkdir(mode=0o700)
    for path in present:
        path.replace(kept / path.name)
    return kept


def _stamp() -> str:
    return f"before-restore-{clock.now():%Y%m%dT%H%M%S}-{fresh_id()[:4]}"


def _check_sqlite(database: sqlite3.Connection) -> None:
    (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {answer}")


def _migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationRecorder(connection).applied_migrations())


def _named_migrations(copy: CopyReader) -> frozenset[tuple[str, str]]:
    named = copy.facts.get("migrations")
    if not isinstance(named, list):
        raise InputError(f"{copy.path} does not say which version made it.", hint="Take another copy.")
    return frozenset((label, name) for label, _, name in (str(row).partition(".") for row in named))


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(table)


def _names(words: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(word) for word in words)
