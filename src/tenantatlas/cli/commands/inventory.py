"""`tenantatlas inventory`: what is in a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.backups.queries import policies_with_protection, policy_facts, policy_rows
from tenantatlas.cli.output import print_object, print_rows
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import FoundationsOption, TypesOption, split_words, with_foundations
from tenantatlas.inventory.operations import SyncParams
from tenantatlas.inventory.queries import find_policies
from tenantatlas.inventory.services import heed_policies, ignore_policies

_COLUMNS = ("type", "name", "platform", "presence", "assigned", "protection", "id")


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="What is in a tenant.", no_args_is_help=True)
    app.add_typer(group, name="inventory")
    for command in (sync, list_, ignore):
        group.command(name=command.__name__.rstrip("_"))(command)


def sync(
    *,
    tenant: TenantOption,
    types: TypesOption = None,
    foundations: FoundationsOption = None,
    wait: WaitOption = False,
) -> None:
    """Look what is in the tenant. Reads lists only; makes no versions."""
    with in_tenant(tenant) as session:
        params = SyncParams(
            types=tuple(split_words([types])), foundations=with_foundations(foundations, types)
        )
        start_and_wait("inventory.sync", session, params=params, wait=wait)


def list_(
    *,
    tenant: TenantOption,
    types: TypesOption = None,
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only names with this text.")] = "",
) -> None:
    """List the policies that were seen, as of the last time that each type was read."""
    with in_tenant(tenant):
        found = policies_with_protection(types=split_words([types]), search=search)
        print_rows(
            (policy_facts(row) for row in policy_rows(found)),
            columns=_COLUMNS,
            empty=f"Nothing is known yet. Look with `tenantatlas inventory sync -t {tenant} --wait`.",
        )


def ignore(
    *,
    tenant: TenantOption,
    policy: Annotated[list[str], typer.Option("--policy", metavar="ID", help="By Graph id; again for more.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    heed: Annotated[bool, typer.Option("--heed", help="Take it back.")] = False,
) -> None:
    """Leave policies out of what asks for attention; they are backed up like any other."""
    with in_tenant(tenant) as session:
        found = find_policies(split_words(policy))
        if heed:
            heed_policies(found, tenant=session.tenant, actor=session.user)
        else:
            ignore_policies(found, tenant=session.tenant, actor=session.user, reason=reason)
        word = "no longer ignored" if heed else "ignored"
        print_object({"policies": len(found), "ignored": not heed}, text=f"{len(found)} {word}.")
