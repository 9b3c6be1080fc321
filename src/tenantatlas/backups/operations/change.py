"""The runs that change what a set holds. A captured set never changes: each makes the set that follows it.

backup_set.add_policies       the entries of the set, and these policies captured now
backup_set.remove_policies    the entries of the set without these
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.completeness import TypeSummary, worse_of
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetEntry, SetStatus, SetType
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.reading import Scope
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, RunContext, operation
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .capture import CaptureParams, IntoSet, complete_set, make_set, scope_of
from .sets import OfCapturedSet, captured_set


@dataclass(frozen=True, kw_only=True)
class ChangeParams:
    """The backup set, and the policies to add or remove, by Graph id."""

    set: int
    policies: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(set(self.policies))))
        if not self.policies:
            raise InputError("Name at least one policy.", details={"field": "policies"})


@operation("backup_set.add_policies", label="Add policies to a backup set", needs=Capability.BACKUP_RUN)
class AddPolicies(OfCapturedSet[ChangeParams], IntoSet[ChangeParams]):
    """Captures policies now, into the set that follows the given one. What it held already stays in it."""

    params_type = ChangeParams

    def subject(self, params: ChangeParams, tenant: Tenant) -> str:
        """How many into which set."""
        with tenant_scope(tenant):
            return f"{_policies(len(params.policies))} into {find_set(params.set).name}"

    def check(self, params: ChangeParams, tenant: Tenant) -> None:
        """Refuse a set that is not captured, and policies that were never seen."""
        super().check(params, tenant)
        with tenant_scope(tenant):
            _scope(params)

    def scope(self, ctx: RunContext) -> Scope:
        """The policies to add."""
        return _scope(ctx.params)

    def set_of(self, ctx: RunContext) -> BackupSet:
        """The set that follows; what it asked for are the set's policies and these."""
        before = _base_of(ctx)
        added = self.scope(ctx).policies or {}
        whole = _whole_types(before)
        asked = {graph_id for type_key, graph_id in added if type_key not in whole}
        return make_set(
            ctx,
            name=before.name,
            scope=_scope_json(before, asked={*_asked(before), *asked}, types={key for key, _ in added}),
            supersedes=before,
        )

    def finish(self, ctx: RunContext) -> None:
        """Complete the set: what is said of a type is the worse of before and now."""
        made = self.set_of(ctx)
        before = _base_of(ctx)
        new = {summary.type_key: summary for summary in self.summaries(ctx)}
        complete_set(made, list(_merged(before, made, new)), whole=_whole_types(before))
        super().finish(ctx)


@operation(
    "backup_set.remove_policies", label="Remove policies from a backup set", needs=Capability.BACKUP_DELETE
)
class RemovePolicies(OfCapturedSet[ChangeParams]):
    """Makes the set that follows the given one, without these policies. Reads our own store only."""

    params_type = ChangeParams
    retryable = False

    def subject(self, params: ChangeParams, tenant: Tenant) -> str:
        """How many from which set."""
        with tenant_scope(tenant):
            return f"{_policies(len(params.policies))} from {find_set(params.set).name}"

    def check(self, params: ChangeParams, tenant: Tenant) -> None:
        """Refuse policies that the set does not hold, and to remove all of them."""
        with tenant_scope(tenant):
            before = captured_set(params.set)
            held = set(_held(before).values_list("graph_id", flat=True))
            missing = [graph_id for graph_id in params.policies if graph_id not in held]
            if missing:
                raise InputError(
                    f"The set {before.name} does not hold {missing[0]}.",
                    hint="See what it holds: `tenantatlas backups show SET --policies`.",
                    details={"field": "policies"},
                )
            if held <= set(params.policies):
                raise Conflict(
                    f"Nothing would be left of the set {before.name}.",
                    hint="Delete it instead: `tenantatlas backups delete SET`.",
                )

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The set that follows first, then one item per policy to remove."""
        _without(ctx)
        before = find_set(ctx.params.set)
        for version in _held(before).filter(graph_id__in=ctx.params.policies).order_by("pk"):
            yield ItemSpec(
                key=f"{version.type_key}/{version.graph_id}",
                label=version.name[:400],
                type_key=version.type_key,
                lane="store",
                payload={"version": version.pk},
            )

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Leave one policy out of the set that follows."""
        version = (item.payload or {})["version"]
        SetEntry.objects.filter(backup_set=_without(ctx), version_id=version).delete()
        return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="removed")

    def finish(self, ctx: RunContext) -> None:
        """Complete the set. A type that lost a policy is not held whole any more."""
        before, made = find_set(ctx.params.set), _without(ctx)
        shrunk = set(
            _held(before).filter(graph_id__in=ctx.params.policies).values_list("type_key", flat=True)
        )
        complete_set(made, list(_merged(before, made, {})), whole=_whole_types(before) - shrunk)

    def ended(self, run: OperationRun) -> None:
        """A set whose run could not finish it is incomplete."""
        BackupSet.objects.filter(run=run, status=SetStatus.CAPTURING).update(
            status=SetStatus.INCOMPLETE, captured_at=clock.now()
        )


def _without(ctx: RunContext) -> BackupSet:
    before = find_set(ctx.params.set)
    going = _held(before).filter(graph_id__in=ctx.params.policies)
    shrunk = set(going.values_list("type_key", flat=True))
    rest = _held(before).filter(type_key__in=shrunk).exclude(graph_id__in=ctx.params.policies)
    asked = {*_asked(before), *rest.values_list("graph_id", flat=True)} - set(ctx.params.policies)
    return make_set(ctx, name=before.name, scope=_scope_json(before, asked=asked), supersedes=before)


def _base_of(ctx: RunContext) -> BackupSet:
    """The set to follow; for a run that does failed items again, the one that its parent made."""
    parent = ctx.run.parent
    if parent is not None and parent.operation == ctx.run.operation and "set" in parent.context:
        return find_set(parent.context["set"])
    return find_set(ctx.params.set)


def _scope(params: ChangeParams) -> Scope:
    return scope_of(CaptureParams(policies=params.policies))


def _scope_json(before: BackupSet, *, asked: set[str], types: Iterable[str] = ()) -> dict[str, list[str]]:
    named = before.scope.get("types") or []
    return {"types": sorted({*named, *types}) if named else [], "policies": sorted(asked)}


def _asked(backup_set: BackupSet) -> list[str]:
    return backup_set.scope.get("policies") or []


def _held(backup_set: BackupSet) -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(entries__backup_set=backup_set)


def _whole_types(backup_set: BackupSet) -> frozenset[str]:
    found = SetType.objects.filter(backup_set=backup_set, whole=True)
    return frozenset(found.values_list("type_key", flat=True))


def _merged(before: BackupSet, made: BackupSet, new: dict[str, TypeSummary]) -> Iterable[TypeSummary]:
    """What is said of each type: of the earlier set, of what was captured now, or of both."""
    held = dict(
        SetEntry.objects.filter(backup_set=made)
        .values_list("type_key")
        .annotate(number=Count("pk"))
        .order_by()
    )
    old = {row.type_key: row for row in SetType.objects.filter(backup_set=before)}
    for type_key in sorted(old.keys() | new.keys()):
        was, now = old.get(type_key), new.get(type_key)
        failed = (was.failed if was else 0) + (now.failed if now else 0)
        captured = held.get(type_key, 0)
        states = [ReadStatus(row.status) for row in (was, now) if row is not None]
        yield TypeSummary(
            type_key=type_key,
            status=worse_of(states),
            listed=captured + failed,
            captured=captured,
            failed=failed,
            detail=" ".join(row.detail for row in (was, now) if row is not None and row.detail),
        )


def _policies(number: int) -> str:
    return f"{number} polic{'y' if number == 1 else 'ies'}"
