"""`tenantatlas self`: copies of this install itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.cli.output import note, print_object
from tenantatlas.cli.session import acting_user
from tenantatlas.runs.copies import back_up_install, restore_install
from tenantatlas.tenants.queries import require_install_owner

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The copy.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Copies of this install: its database and key.", no_args_is_help=True)
    app.add_typer(group, name="self")
    group.command()(backup)
    group.command()(restore)


def backup(file: FileArgument) -> None:
    """Write our database and key into one new file. Works while runs go on."""
    require_install_owner(acting_user())
    facts = back_up_install(file.absolute())
    print_object(facts, text=f"Written to {file}, and read back.")
    note("The copy opens every backup of this install. Keep it as you keep a password.")


def restore(file: FileArgument) -> None:
    """Put database and key back. Nothing is written to any tenant until you confirm for each."""
    facts = restore_install(file.absolute())
    print_object(facts, text=f"Restored from {file}, taken {facts['taken_at']}.")
    if facts["kept_before"]:
        note(f"What was here before is kept in {facts['kept_before']}.")
    for slug in facts["tenants_held"]:
        note(f"Writing to {slug} is held. Confirm with `tenantatlas tenants set {slug} --writes yes`.")
