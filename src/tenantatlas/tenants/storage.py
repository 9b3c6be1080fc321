"""What the database's refusals mean, in words: the one reading of driver errors, for faces and worker.

database is locked · busy                 → another process holds it
disk is full · could not extend           → no space left
unable to open · readonly                 → place or permissions
malformed · not a database                → the file is damaged
no such table · relation does not exist   → not set up, or not migrated
connection refused · timeout · …          → the server cannot be reached
"""

from __future__ import annotations

import errno
import sqlite3

from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection

from tenantatlas.core.errors import StorageFailed

_SIGNS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("database is locked", "database table is locked", "deadlock detected", "lock timeout"),
        "The database is locked by another process.",
        "Wait until it has finished, then try again.",
    ),
    (
        ("disk is full", "no space left", "could not extend", "disk i/o error"),
        "The database cannot be written: the disk is full or failing.",
        "Make room on the disk, then try again. Nothing was half-written.",
    ),
    (
        ("readonly database", "read-only", "permission denied", "unable to open database file"),
        "The database cannot be opened for writing.",
        "See that this user may write to ATLAS_HOME, or correct ATLAS_DATABASE_URL.",
    ),
    (
        ("malformed", "file is not a database"),
        "The database file is damaged.",
        "Restore it with `tenantatlas self restore FILE`.",
    ),
    (
        ("no such table", "no such column", "does not exist"),
        "The database does not fit this version of TenantAtlas.",
        "Set it up with `tenantatlas init`, or bring it up to date with `tenantatlas migrate`.",
    ),
    (
        ("password authentication failed", "no password supplied"),
        "The database server refused our sign-in.",
        "Correct the user and password in ATLAS_DATABASE_URL.",
    ),
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def storage_failure(error: BaseException) -> StorageFailed | None:
    """The error in our words if it is one of storage; None if it is something else (then it is a bug)."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageFailed(
            "The disk is full.", hint="Make room on the disk, then try again. Nothing was half-written."
        )
    if not isinstance(error, DatabaseError | InterfaceError | sqlite3.Error):
        return None
    said = str(error).lower()
    for signs, sentence, hint in _SIGNS:
        if any(sign in said for sign in signs):
            return StorageFailed(f"{sentence} ({database_place()})", hint=hint)
    if isinstance(error, OperationalError | InterfaceError) and not isinstance(error, ProgrammingError):
        return StorageFailed(
            f"The database cannot be reached. ({database_place()})",
            hint="See that it runs and that ATLAS_DATABASE_URL names it.",
        )
    return None


def database_place() -> str:
    """Where our database is: the file, or host and name; never a password."""
    database = connection.settings_dict
    if "sqlite" in database["ENGINE"]:
        return str(database["NAME"])
    return f"{database['HOST'] or 'local socket'}/{database['NAME']}"
