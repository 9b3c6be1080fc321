"""`tenantatlas init`: set up an install."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings

from tenantatlas.cli.files import read_secret_file
from tenantatlas.cli.output import note, print_object
from tenantatlas.runs.services import prepare_engine
from tenantatlas.tenants.install import set_up


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def init(
        *,
        admin_email: Annotated[str, typer.Option(metavar="E", help="The first owner's e-mail address.")],
        admin_password_file: Annotated[
            Path, typer.Option(metavar="F", help="A file with the owner's password, 12 characters or more.")
        ],
    ) -> None:
        """Set up this install: database, key, session secret and its first owner."""
        password = read_secret_file(admin_password_file, what="password file")
        note("Creating the database…")
        owner = set_up(email=admin_email, password=password)
        prepare_engine()
        print_object(
            {
                "owner": owner.email,
                "home": str(settings.ATLAS_HOME),
                "key_file": str(settings.ATLAS_KEY_FILE),
            },
            text=f"Ready in {settings.ATLAS_HOME}. {owner.email} owns this install.",
        )
        note(f"Keep a copy of {settings.ATLAS_KEY_FILE} apart from the database: without it no backup opens.")
