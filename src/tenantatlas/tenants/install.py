"""This install itself: whether it is set up, its schema, its first owner. Named for what it is about: the
install is no tenant, and nothing lower knows all of key, database and people.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from tenantatlas.accounts.models import User
from tenantatlas.accounts.services import check_new_user, create_user
from tenantatlas.audit.services import record_event
from tenantatlas.core.errors import Conflict, StorageFailed

from .vault import make_key_file, write_private_file

_PACKAGE = "tenantatlas."
_ADVISORY_LOCK = 7_214_001


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """Our migrations that the database lacks, and those it has that this version does not know."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    empty: bool


def schema_state() -> SchemaState:
    """How the database's schema compares with this version. One query; loads no migration."""
    ours, known = _known_migrations()
    applied = _applied_migrations()
    applied_ours = {row for row in applied if row[0] in ours}
    return SchemaState(
        missing=tuple(sorted(f"{label}.{name}" for label, name in known - applied_ours)),
        unknown=tuple(sorted(f"{label}.{name}" for label, name in applied_ours - known)),
        empty=not applied,
    )


def refuse_unknown_migrations(applied: frozenset[tuple[str, str]]) -> None:
    """`Conflict` where a newer version of ours applied one of these."""
    ours, known = _known_migrations()
    unknown = sorted(f"{label}.{name}" for label, name in applied - known if label in ours)
    if unknown:
        raise _made_by_newer(unknown[-1])


def require_ready() -> None:
    """Nothing, or an error that says what to run: the install is set up and its schema is this version's."""
    if _sqlite_file_missing():
        _refuse_unusable_home()
        refuse_lost_database()
        raise _not_set_up()
    state = schema_state()
    if state.empty:
        refuse_lost_database()
        raise _not_set_up()
    _refuse_newer(state)
    if state.missing:
        raise Conflict(
            f"The database is older than this version of TenantAtlas (it lacks {state.missing[0]}).",
            hint="Bring it up to date with `tenantatlas migrate`.",
        )


def refuse_lost_database() -> None:
    """`StorageFailed` where this home has all of an install but what was in its database (SQLite only)."""
    rest = (settings.ATLAS_KEY_FILE, settings.ATLAS_SECRET_KEY_FILE, Path(settings.ATLAS_HOME) / "engine.db")
    if connection.vendor != "sqlite" or not all(Path(file).exists() for file in rest):
        return
    if _sqlite_file_missing() or schema_state().empty:
        raise StorageFailed(
            f"The database of this install is gone: {connection.settings_dict['NAME']} is missing or empty, "
            "while its key is here.",
            hint="Put it back with `tenantatlas self restore FILE`. For a new install, set ATLAS_HOME to "
            "another folder.",
        )


def migrate_schema() -> tuple[str, ...]:
    """Bring the schema to this version and return what was applied. A newer schema is refused, untouched."""
    refuse_lost_database()
    with _only_one():
        state = schema_state()
        _refuse_newer(state)
        call_command("migrate", interactive=False, verbosity=0)
    return state.missing


def set_up(*, email: str, password: str) -> User:
    """Set up an install that has no owner: schema, key, session secret and its first owner.

    Everything given is checked before anything is written. A second time it is refused and nothing changes;
    after an interruption it can be repeated.
    """
    check_new_user(email=email, password=password)
    refuse_second_set_up()
    make_home()
    migrate_schema()
    with _only_one():
        refuse_second_set_up()
        if not Path(settings.ATLAS_KEY_FILE).exists():
            make_key_file()
        make_secret_file()
        with transaction.atomic():
            owner = create_user(email=email, password=password, is_owner=True)
            record_event(
                tenant_id=None,
                actor_id=owner.pk,
                actor_name=owner.display_name,
                action="install.set_up",
                subject=owner.email,
                details={},
            )
    return owner


def refuse_second_set_up() -> None:
    """`Conflict` where the install has an owner already."""
    if _sqlite_file_missing() or ("accounts", "0001_initial") not in _applied_migrations():
        return
    if User.objects.filter(is_owner=True).exists():
        raise Conflict(
            "This install is set up already; nothing was changed.",
            hint="Act as its owner with --as EMAIL. For another install, set ATLAS_HOME to another folder.",
        )


def make_home() -> None:
    """The folder of the install, for this user only."""
    home = Path(settings.ATLAS_HOME)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _no_home(home, str(error.strerror)) from error


def _refuse_unusable_home() -> None:
    """A home that is not there yet is no fault; one that cannot be a folder is."""
    home = Path(settings.ATLAS_HOME)
    nearest = next(place for place in (home, *home.parents) if place.exists())
    if not nearest.is_dir():
        raise _no_home(home, f"{nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _no_home(home, f"{nearest} may not be written to")


def _no_home(home: Path, why: str) -> StorageFailed:
    return StorageFailed(
        f"The folder {home} cannot be made: {why}.",
        hint="Set ATLAS_HOME to a folder that this user may write to.",
    )


def make_secret_file() -> None:
    """The secret that signs sessions, unless there is one."""
    with contextlib.suppress(FileExistsError):
        write_private_file(Path(settings.ATLAS_SECRET_KEY_FILE), secrets.token_urlsafe(48).encode() + b"\n")


def _refuse_newer(state: SchemaState) -> None:
    if state.unknown:
        raise _made_by_newer(state.unknown[-1])


def _made_by_newer(migration: str) -> Conflict:
    return Conflict(
        f"The database was made by a newer TenantAtlas ({migration}); nothing was changed.",
        hint="Install that version, or restore a backup from before the upgrade.",
    )


def _known_migrations() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """The labels of our apps, and the migrations that this version has for them."""
    folders = {
        config.label: Path(config.path) / "migrations"
        for config in apps.get_app_configs()
        if config.name.startswith(_PACKAGE)
    }
    known = {(label, file.stem) for label, folder in folders.items() for file in folder.glob("[0-9]*.py")}
    return frozenset(folders), frozenset(known)


def _not_set_up() -> Conflict:
    return Conflict(
        "This install is not set up yet.",
        hint="Run `tenantatlas init --admin-email E --admin-password-file F`. "
        "If it is, see that ATLAS_HOME and ATLAS_DATABASE_URL name it.",
    )


def _sqlite_file_missing() -> bool:
    name = str(connection.settings_dict["NAME"])
    return connection.vendor == "sqlite" and "memory" not in name and not Path(name).exists()


def _applied_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationRecorder(connection).applied_migrations())


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """One process at a time changes the schema or sets up."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_LOCK])
        return
    with (Path(settings.ATLAS_HOME) / "setup.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
