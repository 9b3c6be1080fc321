"""`tenantatlas backup`: capture policies into a new backup set."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.backups.models import BackupSet
from tenantatlas.backups.operations import CaptureParams
from tenantatlas.backups.queries import set_detail
from tenantatlas.cli.output import note
from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import PolicyOption, TypesOption, split_words
from tenantatlas.core.json import Json
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.runs.models import OperationRun

_FINE = (ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="backup")(backup)


def backup(
    *,
    tenant: TenantOption,
    types: TypesOption = None,
    policy: PolicyOption = None,
    name: Annotated[str, typer.Option(help="The set's name.")] = "",
    wait: WaitOption = False,
) -> None:
    """Capture policies into a new backup set: all, or those of some types, or single ones."""
    with in_tenant(tenant) as session:
        params = CaptureParams(
            types=tuple(split_words([types])), policies=tuple(split_words(policy)), name=name.strip()
        )
        start_and_wait("backup_set.capture", session, params=params, wait=wait, extra=_made)


def _made(run: OperationRun) -> dict[str, Json]:
    made = BackupSet.objects.filter(run=run).first()
    if made is None:
        return {"set": None}
    gaps = [row for row in set_detail(made).types if row.status not in _FINE]
    for row in gaps:
        note(f"{row.label}: {row.status}. {row.detail}")
    return {
        "set": made.pk,
        "set_status": made.status,
        "not_complete": [{"type": row.type_key, "status": row.status, "detail": row.detail} for row in gaps],
    }
