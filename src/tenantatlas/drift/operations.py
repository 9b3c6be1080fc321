"""The run that compares a backup set with the live tenant. It writes nothing to the tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetType
from tenantatlas.backups.operations import SetParams, captured_set
from tenantatlas.backups.payloads import stage_rows
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.reading import PolicyReading, Scope, Taken, graph_id_of, is_gone, policy_item
from tenantatlas.backups.services import load_document
from tenantatlas.core.errors import AtlasError
from tenantatlas.inventory.listing import CollectionRead
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.inventory.operations import facts_of
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.diff import differences
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, RunContext, failed_item, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .models import FindingKind
from .services import Found, record_findings
from .severity import severity_of_change, severity_of_presence

_READ_WHOLE = (ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)


@operation("drift.generate", label="Compare with live", needs=Capability.DRIFT_RUN, schedulable=True)
class GenerateDrift(PolicyReading[SetParams]):
    """Reads what the set covers, whole, and records what was added, removed, changed, or is not known."""

    params_type = SetParams
    checks_again = False

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

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The collections that the set covers."""
        ctx.set_context(set=_set_of(ctx).pk)
        yield from super().plan(ctx)

    def scope(self, ctx: RunContext) -> Scope:
        """The types that the set tried to read; of a set of single policies, those."""
        backup_set = _set_of(ctx)
        keys = SetType.objects.filter(backup_set=backup_set).values_list("type_key", flat=True)
        types = tuple(sorted((get_type(key) for key in keys), key=lambda policy_type: policy_type.key))
        chosen = set(backup_set.scope.get("policies") or ())
        if not chosen:
            return Scope(types=types)
        found = _versions(backup_set).filter(graph_id__in=chosen)
        return Scope(
            types=types, policies={(version.type_key, version.graph_id): version.name for version in found}
        )

    def items_of(self, ctx: RunContext, scope: Scope, read: CollectionRead) -> Iterable[ItemSpec]:
        """Policies on both sides are read; those on one side only need no further read."""
        held = {policy_type.key: policy_type for policy_type in read.types}
        ours = {
            (version.type_key, version.graph_id): version
            for version in _versions(_set_of(ctx)).filter(type_key__in=held)
        }
        chosen = [one for one in read.policies if scope.covers(one.policy_type.key, one.graph_id)]
        addresses = stage_rows(ctx.tenant, run_id=ctx.run.pk, rows=[one.row.raw for one in chosen])
        for listed, address in zip(chosen, addresses, strict=True):
            spec = policy_item(listed, address)
            if ours.pop((listed.policy_type.key, listed.graph_id), None) is None:
                spec = _one_sided(spec.label, listed.policy_type, listed.graph_id, FindingKind.ADDED)
            yield spec
        kind = FindingKind.REMOVED if read.status in _READ_WHOLE else FindingKind.UNKNOWN
        for (type_key, graph_id), version in sorted(ours.items()):
            yield _one_sided(version.name, held[type_key], graph_id, kind)

    def take(self, ctx: RunContext, taken: Sequence[Taken]) -> Iterable[ItemResult]:
        """Compare each document with the version in the set."""
        backup_set = _set_of(ctx)
        versions = {
            (version.type_key, version.graph_id): version
            for version in _versions(backup_set)
            .filter(graph_id__in=[one.graph_id for one in taken])
            .select_related("blob", "tenant")
        }
        results: list[ItemResult] = []
        found: list[Found] = []
        for one in taken:
            try:
                result, finding = _compare(one, versions[one.policy_type.key, one.graph_id])
            except AtlasError as error:
                results.append(failed_item(one.item.key, error))
                continue
            results.append(result)
            found += [finding] if finding else []
        record_findings(backup_set, found, run_id=ctx.run.pk)
        return results

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """A collection, or a policy that is on one side only."""
        kind = facts_of(item).get("finding")
        if kind is None:
            return super().process(ctx, item)
        return self._record_one_sided(ctx, item, FindingKind(kind))

    def lost(self, ctx: RunContext, item: RunItem, error: AtlasError) -> ItemResult:
        """Gone between the list and the read is removed; anything else is not known."""
        if is_gone(error):
            return self._record_one_sided(ctx, item, FindingKind.REMOVED)
        self._record_one_sided(ctx, item, FindingKind.UNKNOWN, why=error.message)
        return failed_item(item.key, error)

    def _record_one_sided(
        self, ctx: RunContext, item: RunItem, kind: FindingKind, *, why: str = ""
    ) -> ItemResult:
        backup_set, policy_type = _set_of(ctx), get_type(item.type_key)
        kind, summary = _told(backup_set, policy_type, kind)
        finding = Found(
            kind=kind,
            type_key=item.type_key,
            graph_id=graph_id_of(item.key),
            name=item.label,
            severity=severity_of_presence(policy_type, kind),
            summary=why or summary,
        )
        record_findings(backup_set, [finding], run_id=ctx.run.pk)
        state = ItemState.SKIPPED if kind == FindingKind.UNKNOWN else ItemState.SUCCEEDED
        return ItemResult(
            key=item.key,
            state=state,
            action=kind.value,
            reason="not_known" if kind == FindingKind.UNKNOWN else "",
            message=finding.summary[:600],
        )


def _told(backup_set: BackupSet, policy_type: PolicyType, kind: FindingKind) -> tuple[FindingKind, str]:
    """Added means that the set would have it: where the set did not read the type whole, nobody knows."""
    if kind == FindingKind.UNKNOWN:
        return kind, "The live tenant could not be read completely."
    if kind != FindingKind.ADDED:
        return kind, "It is no longer in the tenant."
    whole = SetType.objects.filter(
        backup_set=backup_set, type_key=policy_type.key, status__in=_READ_WHOLE
    ).exists()
    if whole:
        return kind, "It is in the tenant and not in the set."
    return FindingKind.UNKNOWN, "The set did not hold this type completely."


def _compare(taken: Taken, version: PolicyVersion) -> tuple[ItemResult, Found | None]:
    policy_type = taken.policy_type
    live = compose(policy_type, taken.document)
    after = digest(policy_type, live)
    before, found = version.digest, None
    if after != before:
        ours = compose(policy_type, load_document(version))
        changes = tuple(differences(policy_type, ours, live))
        if changes:
            severity, summary = severity_of_change(policy_type, ours, live, changes)
            found = Found(
                kind=FindingKind.CHANGED,
                type_key=policy_type.key,
                graph_id=taken.graph_id,
                name=taken.item.label,
                severity=severity,
                summary=summary or f"{len(changes)} difference{'' if len(changes) == 1 else 's'}.",
                differences=changes,
                before_digest=before,
                after_digest=after,
            )
    result = ItemResult(
        key=taken.item.key,
        state=ItemState.SUCCEEDED,
        action="changed" if found else "unchanged",
        before_digest=before,
        after_digest=after,
    )
    return result, found


def _one_sided(label: str, policy_type: PolicyType, graph_id: str, kind: FindingKind) -> ItemSpec:
    return ItemSpec(
        key=f"{policy_type.key}/{graph_id}",
        label=label[:400],
        type_key=policy_type.key,
        lane=policy_type.family,
        payload={"finding": kind.value},
    )


def _set_of(ctx: RunContext) -> BackupSet:
    return find_set(ctx.params.set)


def _versions(backup_set: BackupSet) -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(entries__backup_set=backup_set)
