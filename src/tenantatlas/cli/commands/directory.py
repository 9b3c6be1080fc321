"""`tenantatlas directory`: the names of groups."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.backups.targets import policies_naming
from tenantatlas.cli.output import print_object, print_rows, wants_json
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.core.errors import InputError, NotFound
from tenantatlas.core.json import Json
from tenantatlas.directory.models import GroupKind
from tenantatlas.directory.operations import SyncGroupsParams
from tenantatlas.directory.queries import group_facts, group_list, groups_by_id


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Names of groups, for reading and mapping.", no_args_is_help=True)
    app.add_typer(group, name="directory")
    for command in (sync, list_, show):
        group.command(name=command.__name__.rstrip("_"))(command)


def sync(*, tenant: TenantOption, wait: WaitOption = False) -> None:
    """Read id, name and kind of every group; no members."""
    with in_tenant(tenant) as session:
        start_and_wait("directory_groups.sync", session, params=SyncGroupsParams(), wait=wait)


def list_(
    *,
    tenant: TenantOption,
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only names and ids with this text.")] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help="Only groups of this kind.")] = "",
    gone: Annotated[bool, typer.Option("--gone", help="Also groups that are no longer there.")] = False,
) -> None:
    """List the groups that the last sync saw."""
    if kind and kind not in GroupKind.values:
        raise InputError(
            f"There is no kind {kind[:40]!r}.", hint=f"Use one of {', '.join(GroupKind.values)}."
        )
    with in_tenant(tenant):
        print_rows(
            map(group_facts, group_list(search=search, kind=kind, present=None if gone else True)),
            columns=("name", "kind", "id"),
            empty=f"No group is known. Read them with `tenantatlas directory sync -t {tenant} --wait`.",
        )


def show(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="The group's id.")], *, tenant: TenantOption
) -> None:
    """Show one group, and the policies whose newest version names it."""
    with in_tenant(tenant):
        known = groups_by_id([group]).get(group)
        used = [
            {
                "type": each.version.type_key,
                "name": each.version.name,
                "id": each.version.graph_id,
                "version": each.version_id,
                "excluded": each.excluded,
            }
            for each in policies_naming(group)
        ]
        if known is None and not used:
            raise NotFound(
                f"No group {group[:60]} is known here.",
                hint=f"Read them with `tenantatlas directory sync -t {tenant} --wait`.",
            )
        facts = group_facts(known) if known else {"id": group, "name": None, "kind": None, "present": None}
        print_object({**facts, "policies": used}, text="" if wants_json() else _told(facts, used))


def _told(facts: dict[str, Json], used: list[dict[str, Json]]) -> str:
    lines = [f"{facts['name'] or '(not in the cache)'}  {facts['kind'] or ''}  {facts['id']}"]
    lines += [
        f"  {'left out by' if each['excluded'] else 'named by'}  {each['type']}  {each['name']}"
        for each in used
    ]
    return "\n".join(lines if used else [*lines, "  No policy's newest version names it."])
