"""The runs that make versions: a whole set, or one policy."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.completeness import SECRET_MISSING, TypeSummary
from tenantatlas.backups.models import BackupSet, EntryState, SetEntry, SetStatus, SetType
from tenantatlas.backups.reading import PolicyReading, Scope, Taken
from tenantatlas.backups.services import (
    LONGEST_NAME,
    Captured,
    Stored,
    capture_document,
    fingerprint_of,
    store_captured,
    store_document,
)
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, InputError
from tenantatlas.core.json import Json
from tenantatlas.graph.policies import read_policy
from tenantatlas.inventory.listing import choose_types
from tenantatlas.inventory.operations import describe_types
from tenantatlas.inventory.queries import find_policies
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, failed_item, operation
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

P = TypeVar("P")


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
        if len(self.name) > LONGEST_NAME:
            raise InputError(
                f"The name of a set has at most {LONGEST_NAME} characters.", details={"field": "name"}
            )


class IntoSet(PolicyReading[P]):
    """Captures policies into the one set that its run makes."""

    @abstractmethod
    def set_of(self, ctx: RunContext) -> BackupSet:
        """The set of this run; made the first time it is asked for."""

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The set first, then one item per collection."""
        self.set_of(ctx)
        yield from super().plan(ctx)

    def take(self, ctx: RunContext, taken: Sequence[Taken]) -> Iterable[ItemResult]:
        """Store versions and enter them into the set, in one transaction."""
        backup_set = self.set_of(ctx)
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

    def ended(self, run: OperationRun) -> None:
        """A set whose run could not finish it is incomplete."""
        super().ended(run)
        BackupSet.objects.filter(run=run, status=SetStatus.CAPTURING).update(
            status=SetStatus.INCOMPLETE, captured_at=clock.now()
        )


@operation("backup_set.capture", label="Back up policies", needs=Capability.BACKUP_RUN, schedulable=True)
class CaptureBackup(IntoSet[CaptureParams]):
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

    def set_of(self, ctx: RunContext) -> BackupSet:
        """Named as asked for, else by the time."""
        run, params = ctx.run, ctx.params
        return make_set(
            ctx,
            name=params.name or f"Backup of {run.created_at:%Y-%m-%d %H:%M}",
            scope={"types": list(params.types), "policies": list(params.policies)},
        )

    def finish(self, ctx: RunContext) -> None:
        """Complete the set: how far each type got, counts, fingerprint."""
        complete_set(self.set_of(ctx), self.summaries(ctx))
        super().finish(ctx)


def make_set(
    ctx: RunContext,
    *,
    name: str,
    scope: dict[str, Json],
    source: str = "",
    supersedes: BackupSet | None = None,
) -> BackupSet:
    """The set of this run; made, with the entries of the set that it supersedes, the first time."""
    run = ctx.run
    made = BackupSet.objects.filter(run=run).first()
    if made is None:
        with transaction.atomic():
            made = BackupSet.objects.create(
                run=run,
                name=name,
                source=source or run.trigger,
                scope=scope,
                created_at=clock.now(),
                supersedes=supersedes,
            )
            if supersedes is not None:
                _copy_entries(supersedes, made)
    if run.context.get("set") != made.pk:
        ctx.set_context(set=made.pk)
    return made


def _copy_entries(source: BackupSet, made: BackupSet) -> None:
    entries = SetEntry.objects.filter(backup_set=source).values("policy_id", "version_id", "type_key")
    SetEntry.objects.bulk_create(
        [SetEntry(backup_set=made, state=EntryState.SEEN_AGAIN, **entry) for entry in entries],
        batch_size=500,
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
            f"The policy {other[0].name} is of the type {other[0].type_key}, which was not named.",
            hint="Choose this type as well, or choose none.",
            details={"field": "policies"},
        )
    held = {policy.type_key for policy in found}
    return Scope(
        types=tuple(policy_type for policy_type in types if policy_type.key in held),
        policies={(policy.type_key, policy.graph_id): policy.name for policy in found},
    )


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


def complete_set(
    backup_set: BackupSet, summaries: Sequence[TypeSummary], *, whole: Container[str] | None = None
) -> None:
    """Say of a captured set how complete it is. Repeatable; a set that has been completed stays as it is.

    `whole` are the types of which every policy was asked for; not given, the set's scope says it.
    """
    everything = not backup_set.scope.get("policies")
    with transaction.atomic():
        rows = SetEntry.objects.filter(backup_set=backup_set).values_list(
            "type_key",
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
                whole=everything if whole is None else summary.type_key in whole,
            )
            for summary in summaries
        )
        complete = bool(summaries) and not any(summary.spoils for summary in summaries)
        BackupSet.objects.filter(pk=backup_set.pk, status=SetStatus.CAPTURING).update(
            status=SetStatus.COMPLETE if complete else SetStatus.INCOMPLETE,
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
