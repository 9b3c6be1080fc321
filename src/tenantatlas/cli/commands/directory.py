"""`tenantatlas directory`: the names of groups."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.cli.output import print_rows
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.directory.operations import SyncGroupsParams
from tenantatlas.directory.queries import known_groups


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Names of groups, for reading and mapping.", no_args_is_help=True)
    app.add_typer(group, name="directory")
    for command in (sync, list_):
        group.command(name=command.__name__.rstrip("_"))(command)


def sync(*, tenant: TenantOption, wait: WaitOption = False) -> None:
    """Read id, name and kind of every group; no members."""
    with in_tenant(tenant) as session:
        start_and_wait("directory_groups.sync", session, params=SyncGroupsParams(), wait=wait)


def list_(
    *,
    tenant: TenantOption,
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only names with this text.")] = "",
) -> None:
    """List the groups that the last sync saw."""
    with in_tenant(tenant):
        print_rows(
            (
                {
                    "id": group.graph_id,
                    "name": group.name,
                    "kind": group.kind,
                    "last_seen": group.last_seen.isoformat(),
                }
                for group in known_groups(search=search)
            ),
            columns=("name", "kind", "id"),
            empty=f"No group is known. Read them with `tenantatlas directory sync -t {tenant} --wait`.",
        )
