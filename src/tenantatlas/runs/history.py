"""The history of runs in an earlier system, read from JSON lines. It can be seen here, and nothing else.

    {"source": "bulk_operation_run" | "restore_run", "id", "tenant", "operation", "status",
     "started_at", "ended_at", "total", "succeeded", "failed", "initiator"}

What a status means is decided by `lifecycle.read_foreign_status` alone; a word it does not know refuses the
line. A line is known by its source and id within its tenant: read again it adds nothing, but a run that had
not ended before may have ended since. The engine and the keeper never touch what was imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock, ids
from tenantatlas.core.errors import AtlasError
from tenantatlas.core.log import redact_text
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability, tenant_for

from .lifecycle import ItemState, Outcome, RunStatus, Trigger, read_foreign_status
from .models import OperationRun

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

SOURCES = ("bulk_operation_run", "restore_run")
_AT_ONCE = 500
_MOST_REFUSED = 1000
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A line that could not be read as a run."""

    line: int
    why: str


@dataclass(kw_only=True)
class ImportReport:
    """What became of the lines. At most a thousand refusals are kept."""

    imported: int = 0
    known: int = 0
    updated: int = 0
    refused: list[Refused] = field(default_factory=list)


class _Line(msgspec.Struct, kw_only=True):
    """One line as it is given."""

    source: str
    id: str | int
    tenant: str
    operation: str
    status: str
    started_at: str | None = None
    ended_at: str | None = None
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    initiator: str | None = None


class _Unreadable(ValueError):
    """The line is not a run; the text says why."""


def import_runs(lines: Iterable[bytes], *, actor: User) -> ImportReport:
    """Add the runs that are not here yet, in each tenant that the actor may manage. Repeatable."""
    report = ImportReport()
    tenants: dict[str, Tenant | AtlasError] = {}
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    while chunk := list(islice(numbered, _AT_ONCE)):
        by_tenant: dict[int, list[OperationRun]] = {}
        for number, text in chunk:
            try:
                run = _read(text, _tenant_of(text, tenants, actor))
            except (_Unreadable, AtlasError) as error:
                if len(report.refused) < _MOST_REFUSED:
                    report.refused.append(Refused(line=number, why=redact_text(str(error))[:300]))
            else:
                by_tenant.setdefault(run.tenant_id, []).append(run)
        for runs in by_tenant.values():
            _store(runs, actor=actor, report=report)
    return report


def _store(runs: list[OperationRun], *, actor: User, report: ImportReport) -> None:
    tenant_id = runs[0].tenant_id
    given = {run.imported_from: run for run in runs}
    with transaction.atomic():
        rows = OperationRun.all_tenants.filter(tenant_id=tenant_id, imported_from__in=list(given))
        known = {row.imported_from: row for row in rows}
        new = [run for name, run in given.items() if name not in known]
        OperationRun.all_tenants.bulk_create(new, ignore_conflicts=True)
        updated = sum(_has_ended_since(row, given[name]) for name, row in known.items())
        if new or updated:
            record_event(
                tenant_id=tenant_id,
                actor_id=actor.pk,
                actor_name=actor.display_name,
                action="runs.imported",
                subject="runs",
                details={"imported": len(new), "updated": updated},
            )
    report.imported += len(new)
    report.updated += updated
    report.known += len(runs) - len(new)


def _has_ended_since(known: OperationRun, given: OperationRun) -> bool:
    if known.status == RunStatus.COMPLETED or given.status != RunStatus.COMPLETED:
        return False
    names = ("status", "outcome", "started_at", "ended_at", "counts")
    changes = {name: getattr(given, name) for name in names}
    rows = OperationRun.all_tenants.filter(pk=known.pk, status=known.status)
    return bool(rows.update(**changes))


def _tenant_of(text: bytes, known: dict[str, Tenant | AtlasError], actor: User) -> Tenant:
    slug = _parse(text).tenant
    if slug not in known:
        try:
            tenant = tenant_for(actor, slug)
            require_capability(actor, tenant, Capability.TENANT_MANAGE)
            known[slug] = tenant
        except AtlasError as error:
            known[slug] = error
    found = known[slug]
    if isinstance(found, AtlasError):
        raise found
    return found


def _parse(text: bytes) -> _Line:
    if len(text) > _LONGEST_LINE:
        raise _Unreadable("The line is too long to be a run.")
    try:
        return msgspec.json.decode(text, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Unreadable(f"This is not a run: {error}.") from error


def _read(text: bytes, tenant: Tenant) -> OperationRun:
    line = _parse(text)
    if line.source not in SOURCES:
        raise _Unreadable(f"The source {line.source[:60]!r} is not known; it is {' or '.join(SOURCES)}.")
    status, outcome = _state_of(line)
    started, ended = _moment(line.started_at, "started_at"), _moment(line.ended_at, "ended_at")
    ended = (ended or started) if status is RunStatus.COMPLETED else None
    created = started or ended
    if created is None:
        raise _Unreadable("It does not say when it was.")
    if ended is not None and ended < created:
        raise _Unreadable("It ended before it started.")
    name = f"{line.source}/{line.id}"[:100]
    return OperationRun(
        tenant=tenant,
        operation=line.operation[:60],
        status=status.value,
        outcome=outcome.value if outcome else "",
        subject=f"{line.source.replace('_', ' ').capitalize()} {line.id}"[:200],
        initiator=None,
        initiator_name=redact_text(line.initiator or "Not known")[:200],
        trigger=Trigger.SYSTEM.value,
        identity_hash=ids.sha256_hex(f"{tenant.pk} {name}".encode()),
        imported_from=name,
        params={"source": line.source, "id": line.id},
        counts=_counts(line),
        created_at=created,
        started_at=started if status is not RunStatus.QUEUED else None,
        ended_at=ended,
        dispatched_at=clock.now(),
    )


def _state_of(line: _Line) -> tuple[RunStatus, Outcome | None]:
    try:
        return read_foreign_status(line.status)
    except KeyError:
        raise _Unreadable(f"The status {line.status[:60]!r} is not known.") from None


def _counts(line: _Line) -> dict[str, int]:
    if min(line.total, line.succeeded, line.failed) < 0:
        raise _Unreadable("A count is negative.")
    processed = line.succeeded + line.failed
    counts = {"total": max(line.total, processed), "processed": processed}
    states = {ItemState.SUCCEEDED.value: line.succeeded, ItemState.FAILED.value: line.failed}
    return {**counts, **{state: number for state, number in states.items() if number}}


def _moment(text: str | None, name: str) -> datetime | None:
    """ISO 8601; without a zone it is UTC, as both systems wrote it."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _Unreadable(f"{name} is {text[:40]!r}, which is no time.") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
