"""`tenantatlas drift`: compare a backup set with the live tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.backups.operations import SetParams
from tenantatlas.cli.findings import found_by
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="drift")(drift)


def drift(
    *,
    tenant: TenantOption,
    set_: Annotated[int, typer.Option("--set", metavar="SET", help="The set to compare with.")],
    wait: WaitOption = False,
) -> None:
    """Say what was added, removed or changed in the tenant since the set. Reads only."""
    with in_tenant(tenant) as session:
        start_and_wait("drift.generate", session, params=SetParams(set=set_), wait=wait, extra=found_by)
