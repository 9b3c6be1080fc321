"""What the database itself refuses: a completed run never changes, whoever tries.

Installed after every migration, because SQLite loses a table's triggers when a migration rebuilds the table.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

_COLUMNS = (
    "status, outcome, operation, params, identity_hash, counts, failures, error, incomplete, trigger, "
    "initiator_name, created_at, started_at, ended_at"
)
_QUOTED = ", ".join(f'"{name}"' for name in _COLUMNS.split(", "))
_SENTENCE = "a completed run never changes"

_SQLITE = (
    "DROP TRIGGER IF EXISTS completed_runs_never_change",
    f"""
    CREATE TRIGGER completed_runs_never_change BEFORE UPDATE OF {_QUOTED} ON runs_operationrun
    FOR EACH ROW WHEN OLD.status = 'completed'
    BEGIN SELECT RAISE(ABORT, '{_SENTENCE}'); END
    """,
)
_POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION atlas_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{_SENTENCE}' USING ERRCODE = 'integrity_constraint_violation'; END $$
    """,
    f"""
    CREATE OR REPLACE TRIGGER completed_runs_never_change BEFORE UPDATE OF {_QUOTED} ON runs_operationrun
    FOR EACH ROW WHEN (OLD.status = 'completed') EXECUTE FUNCTION atlas_refuse_change()
    """,
)


def install_guards(using: str, **_signal: Any) -> None:
    """Create the triggers; repeatable. Called by `post_migrate`."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if "runs_operationrun" not in connection.introspection.table_names(cursor):
            return
        for statement in _SQLITE if connection.vendor == "sqlite" else _POSTGRESQL:
            cursor.execute(statement)
