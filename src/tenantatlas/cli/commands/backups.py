"""`tenantatlas backups`: look at backup sets, prove them, hand them out, let them go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.backups import queries, services
from tenantatlas.backups.archive import read_archive
from tenantatlas.backups.comparing import SetDifference, compare_sets
from tenantatlas.backups.imports import keep_upload
from tenantatlas.backups.models import BackupSet, Export, SetEntry
from tenantatlas.backups.operations import ChangeParams, ExportParams, ImportParams, LookParams, SetParams
from tenantatlas.cli.findings import found_by
from tenantatlas.cli.output import print_object, print_of_start, print_rows, wants_json, write_line
from tenantatlas.cli.session import Session, TenantOption, WaitOption, acting_user, in_tenant, in_tenant_of
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import PolicyOption, split_words
from tenantatlas.core.errors import Conflict, InputError, StorageFailed
from tenantatlas.core.json import Json, storable
from tenantatlas.drift.operations import DriftParams
from tenantatlas.drift.services import shown_differences
from tenantatlas.runs.lifecycle import ItemState, Outcome
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import tenants_of

_COLUMNS = ("set", "tenant", "name", "created", "status", "completeness", "kept")
_LIVE = "live"

PoliciesOption = Annotated[
    list[str], typer.Option("--policy", metavar="ID", help="By Graph id; again for more.")
]
SetArgument = Annotated[str, typer.Argument(metavar="SET", help="The set's number.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Backup sets.", no_args_is_help=True)
    app.add_typer(group, name="backups")
    for command in (list_, show, verify, export, import_, add, remove, rename, keep, delete, diff):
        group.command(name=command.__name__.rstrip("_"))(command)


def list_(
    tenant: Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only this tenant.")] = "",
) -> None:
    """List backup sets, newest first."""
    print_rows(
        _sets(tenant),
        columns=_COLUMNS,
        empty="No backup set yet. Make one with `tenantatlas backup -t SLUG --wait`.",
    )


def _sets(slug: str) -> Iterator[dict[str, Json]]:
    slugs = [slug] if slug else [tenant.slug for tenant in tenants_of(acting_user())]
    for each in slugs:
        with in_tenant(each) as session:
            yield from (_facts(found, session.tenant) for found in queries.set_list())


@contextlib.contextmanager
def _set_named(number: str) -> Iterator[tuple[Session, BackupSet]]:
    """The set and its tenant's scope; a deleted set is not there."""
    with in_tenant_of(BackupSet, number, noun="backup set") as (session, found):
        yield session, queries.find_set(found.pk)


def show(
    set_: SetArgument,
    *,
    policies: Annotated[bool, typer.Option("--policies", help="List the policies in it.")] = False,
) -> None:
    """Show a set: how complete it is, type by type; or its policies."""
    with _set_named(set_) as (session, found):
        if policies:
            print_rows(
                (_entry(entry) for entry in queries.set_entries(found)),
                columns=("type", "name", "state", "version", "id"),
                empty="The set holds no policy.",
            )
            return
        detail = queries.set_detail(found)
        types: list[dict[str, Json]] = [
            {
                "type": row.type_key,
                "status": row.status,
                "listed": row.listed,
                "captured": row.captured,
                "failed": row.failed,
                "detail": row.detail,
            }
            for row in detail.types
        ]
        facts = _facts(found, session.tenant)
        if wants_json():
            print_object({**facts, "types": types})
            return
        print_object(facts)
        write_line("")
        print_rows(types, columns=("type", "status", "listed", "captured", "failed", "detail"))


def verify(
    set_: SetArgument, *, wait: Annotated[bool, typer.Option(help="Wait for the end.")] = True
) -> None:
    """Read every stored payload of a set and prove that it is what was captured."""
    with _set_named(set_) as (session, found):
        start_and_wait("backup_set.verify", session, params=SetParams(set=found.pk), wait=wait)


def export(
    set_: SetArgument,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; must not exist yet.")
    ] = None,
    policy: PolicyOption = None,
    wait: Annotated[bool, typer.Option("--wait", hidden=True)] = True,  # noqa: ARG001 - an export is always waited for
) -> None:
    """Write a set as a zip of open JSON with a manifest of hashes. Secrets are replaced."""
    with _set_named(set_) as (session, found):
        path = output or Path(f"{session.tenant.slug}-set-{found.pk}.zip")
        if path.exists():
            raise Conflict(f"{path} exists already.", hint="Give another file with --output.")
        if not path.parent.is_dir():
            raise InputError(
                f"There is no folder {path.parent}.", hint="Make it, or give another file with --output."
            )

        def write(run: OperationRun) -> dict[str, Json]:
            if run.outcome != Outcome.SUCCEEDED:
                return {"file": None}
            made = Export.objects.select_related("tenant").get(run_id=run.pk)
            _write_file(path, read_archive(made))
            return {"file": str(path), "sha256": made.sha256, "bytes": made.size}

        params = ExportParams(set=found.pk, policies=tuple(split_words(policy)))
        start_and_wait("backup_set.export", session, params=params, wait=True, extra=write)


def _write_file(path: Path, parts: Iterator[bytes]) -> None:
    """The whole file or none of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            file.writelines(parts)
        os.link(draft, path)
    except OSError as error:
        raise StorageFailed(
            f"{path} could not be written: {(error.strerror or 'unknown reason').lower()}.",
            hint="Give a file in a folder that you may write to with --output.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A zip of exported JSON.")],
    *,
    tenant: TenantOption,
    store: Annotated[
        bool, typer.Option("--store", help="Store what is recognised; without it, only say what that is.")
    ] = False,
    name: Annotated[str, typer.Option(help="The set's name.")] = "",
    wait: WaitOption = False,
) -> None:
    """Take in an archive of ours, or JSON that IntuneManagement, IntuneCD or Graph gave. Writes no tenant."""
    with in_tenant(tenant) as session:
        upload = keep_upload(session.tenant, _parts_of(file), name=file.name, actor=session.user)
        key, params = (
            ("backup_set.import", ImportParams(upload=upload.pk, name=name.strip()))
            if store
            else ("backup_set.look_into", LookParams(upload=upload.pk))
        )
        start_and_wait(key, session, params=params, wait=wait, extra=_taken_in)


def _parts_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(1024 * 1024), b"")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise InputError(f"{path} cannot be read: {reason}.", hint="Check the path.") from error


def _taken_in(run: OperationRun) -> dict[str, Json]:
    items = RunItem.objects.filter(run=run).order_by("position")
    for item in items:
        print_of_start(f"{item.action or item.state:<11}  {item.label}: {item.message}")
    numbers = [(item.details or {}).get("number", 0) for item in items if item.state == ItemState.SUCCEEDED]
    return {
        "set": run.context.get("set"),
        "recognised": sum(numbers),
        "files": [
            {"file": item.label, "action": item.action or item.state, "message": item.message}
            for item in items
        ],
    }


def add(
    set_: SetArgument,
    *,
    policy: PoliciesOption,
    wait: WaitOption = False,
) -> None:
    """Capture policies into the set that follows this one; this one stays as it is."""
    with _set_named(set_) as (session, found):
        params = ChangeParams(set=found.pk, policies=tuple(split_words(policy)))
        start_and_wait("backup_set.add_policies", session, params=params, wait=wait)


def remove(
    set_: SetArgument,
    *,
    policy: PoliciesOption,
    wait: WaitOption = False,
) -> None:
    """Make the set that follows this one, without these policies; this one stays as it is."""
    with _set_named(set_) as (session, found):
        params = ChangeParams(set=found.pk, policies=tuple(split_words(policy)))
        start_and_wait("backup_set.remove_policies", session, params=params, wait=wait)


def rename(set_: SetArgument, name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """Call a set otherwise."""
    with _set_named(set_) as (session, found):
        services.rename_set(found, name=name, actor=session.user)
        print_object(_facts(found, session.tenant), text=f"The set is called {found.name}.")


def keep(
    set_: SetArgument,
    *,
    release: Annotated[bool, typer.Option("--release", help="Let it be deleted again.")] = False,
) -> None:
    """Protect a set from deletion, by people and by retention."""
    with _set_named(set_) as (session, found):
        change = services.release_set if release else services.keep_set
        change(found, actor=session.user)
        print_object(
            _facts(found, session.tenant),
            text=f"{found.name} is {'no longer kept' if release else 'kept'}.",
        )


def delete(set_: SetArgument) -> None:
    """Delete a set and the versions that only it holds. A kept set is refused."""
    with _set_named(set_) as (session, found):
        services.delete_set(found, actor=session.user)
        print_object({"set": found.pk, "deleted": True}, text=f"{found.name} is deleted.")


def diff(
    set_a: Annotated[str, typer.Argument(metavar="SET_A", help="The set before.")],
    set_b: Annotated[str, typer.Argument(metavar="SET_B|live", help="The set after, or the live tenant.")],
    *,
    wait: Annotated[bool, typer.Option(help="With live: wait for the end.")] = True,
) -> None:
    """Say how two sets differ; with `live`, how the tenant differs from the set (a run)."""
    with _set_named(set_a) as (session, before):
        if set_b == _LIVE:
            start_and_wait(
                "drift.generate", session, params=DriftParams(set=before.pk), wait=wait, extra=found_by
            )
            return
        with _set_named(set_b) as (other, after):
            if other.tenant != session.tenant:
                raise InputError(
                    f"Set {set_a} is of {session.tenant.slug} and set {set_b} of {other.tenant.slug}.",
                    hint="Compare sets of one tenant.",
                )
            print_rows(
                (_difference(one) for one in compare_sets(before, after)),
                columns=("kind", "type", "name", "changes", "id"),
                empty="The two sets hold the same.",
            )


def _facts(found: BackupSet, tenant: Tenant) -> dict[str, Json]:
    return queries.set_facts(found, tenant=tenant.slug)


def _entry(entry: SetEntry) -> dict[str, Json]:
    version = entry.version
    return {
        "id": version.graph_id,
        "type": version.type_key,
        "name": version.name,
        "version": version.pk,
        "state": entry.state,
        "digest": version.digest,
        "captured": version.captured_at.isoformat(timespec="seconds"),
        "secrets": version.secrets,
        "backup_only": version.backup_only,
    }


def _difference(one: SetDifference) -> dict[str, Json]:
    shown = shown_differences(one.differences)
    return {
        "kind": one.kind,
        "type": one.type_key,
        "id": one.graph_id,
        "name": one.name,
        "detail": one.detail,
        "changes": [each["path"] for each in shown],
        "differences": storable(shown),
    }
