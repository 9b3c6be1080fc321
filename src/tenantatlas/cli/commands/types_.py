"""`tenantatlas types`: the policy types by key, in the order in which they are restored."""

from __future__ import annotations

import typer

from tenantatlas.cli.output import print_rows
from tenantatlas.policies.registry import all_types


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def types() -> None:
        """List the policy types: key, label, and whether a restore creates, only updates, or never writes."""
        print_rows(
            ({"key": each.key, "label": each.label, "mode": each.restore.mode.value} for each in all_types()),
            columns=("key", "label", "mode"),
        )
