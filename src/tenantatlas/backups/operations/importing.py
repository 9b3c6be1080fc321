"""The two runs that take in an archive: the first says what it recognises, the second stores that."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Count

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.completeness import TypeSummary, shorten
from tenantatlas.backups.imports import find_upload, store_imported, upload_as_file
from tenantatlas.backups.models import IMPORTED, BackupSet, SetEntry, SetStatus
from tenantatlas.backups.recognising import (
    MANIFEST,
    Listed,
    NotRecognised,
    Recognised,
    read_manifest,
    recognise,
)
from tenantatlas.backups.services import LONGEST_NAME
from tenantatlas.backups.unpacking import files_in, opened_archive, read_entry
from tenantatlas.core import clock, json
from tenantatlas.core.errors import InputError
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .capture import complete_set, make_set


@dataclass(frozen=True, kw_only=True)
class LookParams:
    """The upload."""

    upload: int


@dataclass(frozen=True, kw_only=True)
class ImportParams(LookParams):
    """The upload, and the set's name."""

    name: str = ""

    def __post_init__(self) -> None:
        if len(self.name) > LONGEST_NAME:
            raise InputError(
                f"The name of a set has at most {LONGEST_NAME} characters.", details={"field": "name"}
            )


_Given = TypeVar("_Given", bound=LookParams)


class _ReadsArchive(Operation[_Given]):
    """Reads an archive of exported JSON; nothing is written to the tenant, and nothing of it is trusted."""

    unique_by = ()
    chunk_size = 1000
    parallel_lanes = 1
    retryable = False

    def target(self, params: _Given) -> str:
        """The upload."""
        return str(params.upload)

    def subject(self, params: _Given, tenant: Tenant) -> str:
        """The file's name."""
        with tenant_scope(tenant):
            name: str = find_upload(params.upload).name
        return name

    def check(self, params: _Given, tenant: Tenant) -> None:
        """Refuse an upload that is not there."""
        with tenant_scope(tenant):
            find_upload(params.upload)

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item per file. An archive that could do harm is refused here, before anything is read."""
        ctx.set_context(upload=ctx.params.upload)
        with _archive(ctx) as archive:
            files = [entry.filename for entry in files_in(archive)]
        if not files:
            raise InputError("There is no file in the archive.", details={"field": "file"})
        self.begin(ctx)
        for number, path in enumerate(files):
            if path != MANIFEST:
                yield ItemSpec(
                    key=f"file:{number}", label=json.storable_text(path)[-400:], payload={"number": number}
                )

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterable[ItemResult]:
        """Read some files; the archive is opened once for them."""
        with _archive(ctx) as archive:
            files = files_in(archive)
            manifest = _manifest(archive, files)
            for item in items:
                if ctx.cancelled():
                    return
                ctx.beat()
                yield self._one(ctx, item, archive, files[(item.payload or {})["number"]], manifest)

    def _one(
        self,
        ctx: RunContext,
        item: RunItem,
        archive: zipfile.ZipFile,
        entry: zipfile.ZipInfo,
        manifest: dict[str, Listed],
    ) -> ItemResult:
        if not entry.filename.lower().endswith(".json"):
            return _passed_over(item, "It is not a JSON file.")
        listed = manifest.get(entry.filename)
        if manifest and listed is None:
            return _passed_over(item, "The manifest does not name it.")
        try:
            found = recognise(entry.filename, read_entry(archive, entry), listed=listed)
        except NotRecognised as why:
            return _passed_over(item, str(why))
        return _recognised(item, found, action=self.take(ctx, found))

    def finish(self, ctx: RunContext) -> None:
        """Where nothing was recognised, say so."""
        if ctx.items().exists() and not ctx.items(ItemState.SUCCEEDED).exists():
            ctx.mark_incomplete("input", "Nothing in the archive was recognised as a policy.")

    def begin(self, ctx: RunContext) -> None:
        """What comes before the files."""

    def take(self, ctx: RunContext, found: list[Recognised]) -> str:
        """Do with what was recognised in a file what the operation is for; the word for that."""
        raise NotImplementedError


@operation("backup_set.look_into", label="Look into an import", needs=Capability.BACKUP_RUN)
class LookIntoImport(_ReadsArchive[LookParams]):
    """Says what is recognised in an archive, file by file. Nothing is stored as a version."""

    params_type = LookParams

    def take(self, ctx: RunContext, found: list[Recognised]) -> str:  # noqa: ARG002 - it only says so
        """Nothing is stored."""
        return "recognised"


@operation("backup_set.import", label="Import policies", needs=Capability.BACKUP_RUN)
class ImportBackup(_ReadsArchive[ImportParams]):
    """Stores what is recognised in an archive as a backup set."""

    params_type = ImportParams

    def begin(self, ctx: RunContext) -> None:
        """The set is there from the start."""
        _set_of(ctx)

    def take(self, ctx: RunContext, found: list[Recognised]) -> str:
        """Store it in the set."""
        store_imported(ctx.tenant, found, run_id=ctx.run.pk, backup_set=_set_of(ctx))
        return "imported"

    def finish(self, ctx: RunContext) -> None:
        """Complete the set."""
        super().finish(ctx)
        made = _set_of(ctx)
        complete_set(made, list(_summaries(made)), whole=frozenset())

    def ended(self, run: OperationRun) -> None:
        """A set whose run could not finish it is incomplete."""
        BackupSet.objects.filter(run=run, status=SetStatus.CAPTURING).update(
            status=SetStatus.INCOMPLETE, captured_at=clock.now()
        )


@contextmanager
def _archive(ctx: RunContext) -> Iterator[zipfile.ZipFile]:
    with upload_as_file(find_upload(ctx.params.upload)) as file, opened_archive(file) as archive:
        yield archive


def _manifest(archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]) -> dict[str, Listed]:
    entry = next((one for one in files if one.filename == MANIFEST), None)
    return read_manifest(read_entry(archive, entry)) if entry else {}


def _set_of(ctx: RunContext) -> BackupSet:
    name = ctx.params.name or f"Import of {find_upload(ctx.params.upload).name}"[:LONGEST_NAME]
    return make_set(ctx, name=name, scope={"types": [], "policies": []}, source=IMPORTED)


def _passed_over(item: RunItem, why: str) -> ItemResult:
    return ItemResult(
        key=item.key,
        state=ItemState.SKIPPED,
        action="passed over",
        reason="not_recognised",
        message=json.storable_text(why)[:600],
    )


def _recognised(item: RunItem, found: list[Recognised], *, action: str) -> ItemResult:
    words = shorten([f"{one.policy_type.label}: {one.name}" for one in found])
    notes = " ".join(dict.fromkeys(note for one in found for note in one.notes))
    return ItemResult(
        key=item.key,
        state=ItemState.SUCCEEDED,
        action=action,
        message=f"{words}. {notes}".strip()[:600],
        details={
            "number": len(found),
            "policies": [[one.policy_type.key, one.graph_id, one.name[:200]] for one in found[:20]],
        },
    )


def _summaries(made: BackupSet) -> Iterable[TypeSummary]:
    held = (
        SetEntry.objects.filter(backup_set=made)
        .values_list("type_key")
        .annotate(number=Count("pk"))
        .order_by("type_key")
    )
    for type_key, number in held:
        yield TypeSummary(type_key=type_key, status=ReadStatus.COMPLETE, listed=number, captured=number)
