"""`tenantatlas migrate`: bring the database to this version."""

from __future__ import annotations

import typer

from tenantatlas.cli.output import print_object
from tenantatlas.runs.services import prepare_engine
from tenantatlas.tenants.install import make_home, migrate_schema


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def migrate() -> None:
        """Bring the database to this version. A database of a newer version is refused."""
        make_home()
        applied = migrate_schema()
        prepare_engine()
        print_object(
            {"applied": list(applied)},
            text=f"{len(applied)} migrations applied." if applied else "The database is up to date.",
        )
