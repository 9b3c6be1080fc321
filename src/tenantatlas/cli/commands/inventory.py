"""`tenantatlas inventory`: what is in a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.backups.queries import PolicyRow, policies_with_protection, policy_rows
from tenantatlas.cli.output import print_rows
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import TypesOption, split_words
from tenantatlas.core.json import Json
from tenantatlas.inventory.operations import SyncParams

_COLUMNS = ("type", "name", "platform", "presence", "assigned", "protection", "id")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="What is in a tenant.", no_args_is_help=True)
    app.add_typer(group, name="inventory")
    for command in (sync, list_):
        group.command(name=command.__name__.rstrip("_"))(command)


def sync(*, tenant: TenantOption, types: TypesOption = "", wait: WaitOption = False) -> None:
    """Look what is in the tenant. Reads lists only; makes no versions."""
    with in_tenant(tenant) as session:
        start_and_wait(
            "inventory.sync", session, params=SyncParams(types=tuple(split_words([types]))), wait=wait
        )


def list_(
    *,
    tenant: TenantOption,
    types: TypesOption = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only names with this text.")] = "",
) -> None:
    """List the policies that were seen, as of the last time that each type was read."""
    with in_tenant(tenant):
        found = policies_with_protection(types=split_words([types]), search=search)
        print_rows(
            (_facts(row) for row in policy_rows(found)),
            columns=_COLUMNS,
            empty=f"Nothing is known yet. Look with `tenantatlas inventory sync -t {tenant} --wait`.",
        )


def _facts(row: PolicyRow) -> dict[str, Json]:
    return {
        "id": row.graph_id,
        "type": row.type_key,
        "name": row.name,
        "platform": row.platform,
        "presence": row.presence,
        "last_modified": row.last_modified,
        "assigned": row.is_assigned,
        "assignments": row.assigned_count,
        "scope_tags": list(row.scope_tags),
        "protection": row.protection.value,
        "version": row.version_id,
        "last_seen": row.last_seen.isoformat(),
    }
