"""The run that hands policies out as an archive: a set, some of it, or the newest versions of policies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.archive import Contents, contents_of_policies, contents_of_set, store_archive
from tenantatlas.core.errors import InputError, KeyMissing, StorageFailed
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, failed_item, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .sets import captured_set


@dataclass(frozen=True, kw_only=True)
class ExportParams:
    """The backup set, of which only `policies` where any are named; without a set their newest versions."""

    set: int = 0
    policies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(set(self.policies))))
        if not self.set and not self.policies:
            raise InputError("Name a backup set, or policies to export.", details={"field": "set"})


@operation("backup_set.export", label="Export a backup set", needs=Capability.BACKUP_EXPORT)
class ExportBackup(Operation[ExportParams]):
    """Makes an archive of open JSON with a manifest of hashes. Secrets are never in it."""

    params_type = ExportParams

    def target(self, params: ExportParams) -> str:
        """The set, if it is one."""
        return str(params.set or "")

    def subject(self, params: ExportParams, tenant: Tenant) -> str:
        """The set's name, or how many policies."""
        many = f"{len(params.policies)} polic{'y' if len(params.policies) == 1 else 'ies'}"
        if not params.set:
            return f"{many} of {tenant.name}"
        with tenant_scope(tenant):
            name = captured_set(params.set).name
        return f"{many} of {name}" if params.policies else name

    def check(self, params: ExportParams, tenant: Tenant) -> None:
        """Refuse a set that is not there or not captured, and policies without a version."""
        with tenant_scope(tenant):
            _contents(params)

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item: the archive."""
        contents = _contents(ctx.params)
        if contents.backup_set is not None:
            ctx.set_context(set=contents.backup_set.pk)
        yield ItemSpec(key="archive", label=f"Archive of {contents.name}"[:400])

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Write the archive; a damaged payload fails it by name."""
        try:
            export = store_archive(ctx.tenant, _contents(ctx.params), run_id=ctx.run.pk, beat=ctx.beat)
        except KeyMissing:
            raise
        except StorageFailed as error:
            return failed_item(item.key, error)
        ctx.set_context(export=export.pk)
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="exported",
            after_digest=export.sha256,
            details={"bytes": export.size, "policies": export.policies},
        )


def _contents(params: ExportParams) -> Contents:
    if params.set:
        return contents_of_set(captured_set(params.set), policies=params.policies)
    return contents_of_policies(params.policies)
