"""The runs that prove a captured set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetEntry, SetStatus
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.services import fingerprint_of, load_document
from tenantatlas.core.errors import AtlasError, Conflict, KeyMissing, StorageFailed
from tenantatlas.inventory.operations import facts_of
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, failed_item, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope


@dataclass(frozen=True, kw_only=True)
class SetParams:
    """The backup set, by its number."""

    set: int


class NamesSet(Protocol):
    """Params that name a backup set."""

    @property
    def set(self) -> int: ...


P = TypeVar("P", bound=NamesSet)


class OfCapturedSet(Operation[P]):
    """What is aimed at one set whose capture has ended."""

    def target(self, params: P) -> str:
        """The set."""
        return str(params.set)

    def check(self, params: P, tenant: Tenant) -> None:
        """Refuse a set that is not there, or not captured yet."""
        with tenant_scope(tenant):
            captured_set(params.set)


class OfOneSet(OfCapturedSet[SetParams]):
    """What is done with a whole set. Reads our own store only."""

    params_type = SetParams

    def subject(self, params: SetParams, tenant: Tenant) -> str:
        """The set's name."""
        with tenant_scope(tenant):
            return find_set(params.set).name


def captured_set(number: int) -> BackupSet:
    """A set of the tenant in scope whose capture has ended."""
    found = find_set(number)
    if found.status == SetStatus.CAPTURING:
        raise Conflict(f"The set {found.name} is still being captured.", hint="Wait for its run to end.")
    return found


@operation("backup_set.verify", label="Verify a backup set", needs=Capability.BACKUP_RUN, schedulable=True)
class VerifyBackup(OfOneSet):
    """Reads every payload of a set and proves that it is what was captured."""

    chunk_size = 100

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item per version."""
        backup_set = captured_set(ctx.params.set)
        ctx.set_context(set=backup_set.pk)
        for version in PolicyVersion.objects.filter(entries__backup_set=backup_set).order_by("pk"):
            yield ItemSpec(
                key=f"{version.type_key}/{version.graph_id}",
                label=version.name[:400],
                type_key=version.type_key,
                lane="store",
                payload={"version": version.pk},
            )

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterable[ItemResult]:
        """Read many payloads at a time."""
        wanted = [facts_of(item)["version"] for item in items]
        versions = PolicyVersion.objects.select_related("blob", "tenant").in_bulk(wanted)
        for item in items:
            if ctx.cancelled():
                return
            yield _verified(item, versions.get(facts_of(item)["version"]))

    def finish(self, ctx: RunContext) -> None:
        """Compare the set with its own fingerprint: an entry that was lost or exchanged shows there."""
        backup_set = find_set(ctx.params.set)
        entries = SetEntry.objects.filter(backup_set=backup_set)
        states = entries.values_list("type_key", "version__graph_id", "version__digest")
        if backup_set.fingerprint and fingerprint_of(states) != backup_set.fingerprint:
            ctx.mark_incomplete(
                StorageFailed.code,
                f"The set {backup_set.name} does not hold the versions that were captured.",
            )


def _verified(item: RunItem, version: PolicyVersion | None) -> ItemResult:
    if version is None:
        error = StorageFailed(f"The version of {item.label} is gone.")
        return failed_item(item.key, error)
    try:
        document = load_document(version)
        policy_type = get_type(version.type_key)
        found = digest(policy_type, compose(policy_type, document))
    except KeyMissing:
        raise  # what is stored may be whole: the run ends blocked, no policy is called damaged
    except AtlasError as error:
        return failed_item(item.key, error)
    note = "" if found == version.digest else "Captured under earlier comparison rules; the payload is whole."
    return ItemResult(
        key=item.key, state=ItemState.SUCCEEDED, action="verified", message=note, after_digest=found
    )
