"""The runs that make versions, prove them and hand them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Conflict, InputError, StorageFailed
from tenantatlas.graph.policies import read_policy
from tenantatlas.inventory.listing import choose_types
from tenantatlas.inventory.operations import describe_types, facts_of
from tenantatlas.inventory.queries import find_policies
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, failed_item, operation
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .archive import store_archive
from .completeness import SECRET_MISSING, TypeSummary
from .models import BackupSet, PolicyVersion, SetEntry, SetStatus, SetType
from .queries import find_set
from .reading import PolicyReading, Scope, Taken
from .services import (
    Captured,
    Stored,
    capture_document,
    fingerprint_of,
    load_document,
    store_captured,
    store_document,
)

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class CaptureParams:
    """What to capture: policy types (none named: all), or single policies by id. `name` is the set's."""

    types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        chosen = sorted({policy_type.key for policy_type in choose_types(self.types)}) if self.types else ()
        object.__setattr__(self, "types", tuple(chosen))
        object.__setattr__(self, "policies", tuple(sorted(set(self.policies))))
        if len(self.name) > _LONGEST_NAME:
            raise InputError(
                f"The name of a set has at most {_LONGEST_NAME} characters.", details={"field": "name"}
            )


@operation("backup_set.capture", label="Back up policies", needs=Capability.BACKUP_RUN, schedulable=True)
class CaptureBackup(PolicyReading[CaptureParams]):
    """Captures policies into a new set. Nothing is missing in silence: each type says how far it was read."""

    params_type = CaptureParams
    unique_by = ("types", "policies", "name")

    def subject(self, params: CaptureParams, tenant: Tenant) -> str:
        """How much of the tenant."""
        if params.policies:
            return f"{len(params.policies)} policies of {tenant.name}"
        return describe_types(params.types) or f"All policies of {tenant.name}"

    def check(self, params: CaptureParams, tenant: Tenant) -> None:
        """Refuse policies that were never seen, or that are of another type."""
        with tenant_scope(tenant):
            scope_of(params)

    def scope(self, ctx: RunContext) -> Scope:
        """What the params name."""
        return scope_of(ctx.params)

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The set first, then one item per collection."""
        _set_of(ctx)
        yield from super().plan(ctx)

    def take(self, ctx: RunContext, taken: Sequence[Taken]) -> Iterable[ItemResult]:
        """Store versions and enter them into the set, in one transaction."""
        backup_set = _set_of(ctx)
        results: list[ItemResult] = []
        captured: list[tuple[Taken, Captured]] = []
        for one in taken:
            try:
                captured.append((one, _capture(one)))
            except AtlasError as error:
                results.append(failed_item(one.item.key, error))
        stored = store_captured(
            ctx.tenant, [made for _, made in captured], run_id=ctx.run.pk, backup_set=backup_set
        )
        results += [_captured(one, kept) for (one, _), kept in zip(captured, stored, strict=True)]
        return results

    def finish(self, ctx: RunContext) -> None:
        """Complete the set: how far each type got, counts, fingerprint."""
        complete_set(_set_of(ctx), self.summaries(ctx))
        super().finish(ctx)

    def ended(self, run: OperationRun) -> None:
        """A set whose run could not finish it is incomplete."""
        super().ended(run)
        BackupSet.objects.filter(run=run, status=SetStatus.CAPTURING).update(
            status=SetStatus.INCOMPLETE, captured_at=clock.now()
        )


def scope_of(params: CaptureParams) -> Scope:
    """The scope that the params name, in the tenant in scope."""
    types = choose_types(params.types)
    if not params.policies:
        return Scope(types=types)
    found = find_policies(params.policies)
    chosen = {policy_type.key for policy_type in types}
    other = [policy for policy in found if policy.type_key not in chosen]
    if other:
        raise InputError(
            f"The policy {other[0].graph_id} is of the type {other[0].type_key}, which was not named.",
            hint=f"Add {other[0].type_key} to --types, or leave --types out.",
            details={"field": "policies"},
        )
    held = {policy.type_key for policy in found}
    return Scope(
        types=tuple(policy_type for policy_type in types if policy_type.key in held),
        policies={(policy.type_key, policy.graph_id): policy.name for policy in found},
    )


def _set_of(ctx: RunContext) -> BackupSet:
    """The set of this run; made the first time it is asked for."""
    run, params = ctx.run, ctx.params
    made, created = BackupSet.objects.get_or_create(
        run=run,
        defaults={
            "name": params.name or f"Backup of {run.created_at:%Y-%m-%d %H:%M}",
            "source": run.trigger,
            "scope": {"types": list(params.types), "policies": list(params.policies)},
            "created_at": clock.now(),
        },
    )
    if created or run.context.get("set") != made.pk:
        ctx.set_context(set=made.pk)
    return made


def _capture(taken: Taken) -> Captured:
    return capture_document(
        taken.policy_type, taken.document, graph_id=taken.graph_id, evidence=taken.evidence
    )


def _captured(taken: Taken, stored: Stored) -> ItemResult:
    lost = stored.captured.lost_secrets
    return ItemResult(
        key=taken.item.key,
        state=ItemState.SUCCEEDED,
        action="captured" if stored.created else "seen again",
        reason=SECRET_MISSING if lost else "",
        message=f"{len(lost)} secret value(s) not captured: {'; '.join(lost)}"[:600] if lost else "",
        before_digest=stored.before_digest,
        after_digest=stored.captured.digest,
        details={"version": stored.version.pk},
    )


def complete_set(backup_set: BackupSet, summaries: Sequence[TypeSummary]) -> None:
    """Say of a captured set how complete it is. Repeatable; a set that has been completed stays as it is."""
    with transaction.atomic():
        rows = SetEntry.objects.filter(backup_set=backup_set).values_list(
            "version__type_key",
            "version__graph_id",
            "version__digest",
            "version__blob__size",
            "state",
        )
        entries = list(rows)
        states = Counter(state for *_, state in entries)
        SetType.objects.filter(backup_set=backup_set).delete()
        SetType.objects.bulk_create(
            SetType(
                backup_set=backup_set,
                type_key=summary.type_key,
                status=summary.status,
                listed=summary.listed,
                captured=summary.captured,
                failed=summary.failed,
                detail=summary.detail,
            )
            for summary in summaries
        )
        whole = bool(summaries) and not any(summary.spoils for summary in summaries)
        BackupSet.objects.filter(pk=backup_set.pk, status=SetStatus.CAPTURING).update(
            status=SetStatus.COMPLETE if whole else SetStatus.INCOMPLETE,
            captured_at=clock.now(),
            fingerprint=fingerprint_of((type_key, graph_id, dig) for type_key, graph_id, dig, *_ in entries),
            counts={
                "types": len(summaries),
                "types_complete": sum(not summary.spoils for summary in summaries),
                "listed": sum(summary.listed for summary in summaries),
                "policies": len(entries),
                "new": states["new"],
                "seen_again": states["seen again"],
                "failed": sum(summary.failed for summary in summaries),
                "bytes": sum(size for *_, size, _ in entries),
            },
        )


# ── One policy ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SnapshotParams:
    """The policy, by its Graph id."""

    policy: str


@operation("policy.capture_snapshot", label="Back up one policy", needs=Capability.BACKUP_RUN)
class CaptureSnapshot(Operation[SnapshotParams]):
    """Captures one policy, outside every set."""

    params_type = SnapshotParams

    def target(self, params: SnapshotParams) -> str:
        """The policy."""
        return params.policy

    def subject(self, params: SnapshotParams, tenant: Tenant) -> str:
        """The policy's name."""
        with tenant_scope(tenant):
            return find_policies([params.policy])[0].name

    def check(self, params: SnapshotParams, tenant: Tenant) -> None:
        """Refuse a policy that was never seen."""
        with tenant_scope(tenant):
            find_policies([params.policy])

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item; more only where two types share an id."""
        for policy in find_policies([ctx.params.policy]):
            yield ItemSpec(
                key=f"{policy.type_key}/{policy.graph_id}",
                label=policy.name[:400],
                type_key=policy.type_key,
                lane=get_type(policy.type_key).family,
            )

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Read it whole and store it."""
        policy_type = get_type(item.type_key)
        document = read_policy(client_for(ctx.tenant), policy_type, ctx.params.policy)
        ctx.beat()
        version, created = store_document(ctx.tenant, policy_type, document, run=ctx.run)
        ctx.set_context(version=version.pk)
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="captured" if created else "seen again",
            reason=SECRET_MISSING if document.missing else "",
            after_digest=version.digest,
            details={"version": version.pk},
        )


# ── A set, proved and handed out ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SetParams:
    """The backup set, by its number."""

    set: int


class _OfOneSet(Operation[SetParams]):
    """What is done with a captured set. Reads our own store only."""

    params_type = SetParams

    def target(self, params: SetParams) -> str:
        """The set."""
        return str(params.set)

    def subject(self, params: SetParams, tenant: Tenant) -> str:
        """The set's name."""
        with tenant_scope(tenant):
            return find_set(params.set).name

    def check(self, params: SetParams, tenant: Tenant) -> None:
        """Refuse a set that is not there, or not captured yet."""
        with tenant_scope(tenant):
            captured_set(params.set)


def captured_set(number: int) -> BackupSet:
    """A set of the tenant in scope whose capture has ended."""
    found = find_set(number)
    if found.status == SetStatus.CAPTURING:
        raise Conflict(f"The set {found.name} is still being captured.", hint="Wait for its run to end.")
    return found


@operation("backup_set.verify", label="Verify a backup set", needs=Capability.BACKUP_RUN, schedulable=True)
class VerifyBackup(_OfOneSet):
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
        states = entries.values_list("version__type_key", "version__graph_id", "version__digest")
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
    except AtlasError as error:
        return failed_item(item.key, error)
    note = "" if found == version.digest else "Captured under earlier comparison rules; the payload is whole."
    return ItemResult(
        key=item.key, state=ItemState.SUCCEEDED, action="verified", message=note, after_digest=found
    )


@operation("backup_set.export", label="Export a backup set", needs=Capability.BACKUP_EXPORT)
class ExportBackup(_OfOneSet):
    """Makes an archive of open JSON with a manifest of hashes. Secrets are never in it."""

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item: the archive."""
        backup_set = captured_set(ctx.params.set)
        ctx.set_context(set=backup_set.pk)
        yield ItemSpec(key="archive", label=f"Archive of {backup_set.name}"[:400])

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Write the archive; a damaged payload fails it by name."""
        try:
            export = store_archive(captured_set(ctx.params.set), run_id=ctx.run.pk, beat=ctx.beat)
        except StorageFailed as error:
            return failed_item(item.key, error)
        ctx.set_context(export=export.pk)
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="exported",
            after_digest=export.sha256,
            details={"bytes": export.size},
        )
