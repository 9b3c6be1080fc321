"""The runs of a restore: the preview that reads, and the execution that writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from django.conf import settings

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.queries import find_set
from tenantatlas.core import clock
from tenantatlas.core.errors import Cancelled, Conflict
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, operation
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.tenants.writer import writer_client_for

from .approval import check_approved
from .execute import Execution
from .facts import plan_facts
from .params import ExecuteParams, PreviewParams
from .plan import build_plan
from .planned import NOT_READ, WRITING, Action, PlannedItem
from .preview import TargetReader, choose
from .queries import find_restore
from .services import (
    begin_preview,
    check_deletes,
    check_executable,
    check_fresh,
    check_plan,
    mark_executed,
    mark_executing,
    operation_of,
)
from .stored import load_plan, store_plan
from .world import RestoreKind

_ALL = 100_000


@operation("restore.preview", label="Preview a restore", needs=Capability.RESTORE_PREVIEW)
class PreviewRestore(Operation[PreviewParams]):
    """Computes the plan of a restore and writes nothing. One item per policy; together they make the plan."""

    params_type = PreviewParams
    telling = frozenset(action.value for action in WRITING)
    chunk_size = _ALL
    parallel_lanes = 1
    retryable = False

    def subject(self, params: PreviewParams, tenant: Tenant) -> str:
        """How much, and from which set."""
        with tenant_scope(tenant):
            what = _count(len(choose(params)))
            if params.takes_back:
                return f"{what} of restore {params.parent}"
            return f"{what} from {find_set(params.set).name}"

    def check(self, params: PreviewParams, tenant: Tenant) -> None:
        """Refuse sets, versions and policies that are not there."""
        with tenant_scope(tenant):
            choose(params)

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The restore first, then one item per policy."""
        restore = begin_preview(ctx.run, ctx.params)
        ctx.set_context(restore=restore.pk, set=restore.backup_set_id)
        for chosen in choose(ctx.params):
            yield ItemSpec(
                key=chosen.key,
                label=chosen.version.name[:400],
                type_key=chosen.version.type_key,
                lane="preview",
                payload={"version": chosen.version.pk},
            )

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterator[ItemResult]:
        """Read the target, make the plan, keep it; then say of each policy what the plan does with it."""

        def look() -> None:
            ctx.beat()
            if ctx.cancelled():
                raise Cancelled

        client = client_for(ctx.tenant)
        reader = TargetReader(tenant=ctx.tenant, client=client, look=look, stop=lambda: False)
        try:
            given = reader.read(ctx.params, choose(ctx.params))
        except Cancelled:
            return
        plan = build_plan(given)
        look()
        restore = begin_preview(ctx.run, ctx.params)
        store_plan(restore, plan, plan_facts(plan, given, share=settings.ATLAS_GRAPH_SHARE))
        planned = {item.key: item for item in plan.items}
        for item in items:
            yield _previewed(planned[item.key])


def _previewed(item: PlannedItem) -> ItemResult:
    reason = item.reasons[0] if item.reasons else None
    return ItemResult(
        key=item.key,
        state=_previewed_state(item),
        action=item.action.value,
        reason=reason.code if reason else "",
        message=" ".join(each.message for each in item.reasons)[:600],
        before_digest=item.expects if len(item.expects) > len("absent") else "",
    )


def _previewed_state(item: PlannedItem) -> ItemState:
    """A policy that could not be looked at is a failure of the preview; what it leaves out is not."""
    if any(reason.code == NOT_READ for reason in item.reasons):
        return ItemState.FAILED
    left_out = item.action in (Action.SKIP, Action.CANNOT, Action.UNDECIDED)
    return ItemState.SKIPPED if left_out else ItemState.SUCCEEDED


@operation("restore.execute", label="Restore policies", needs=Capability.RESTORE_EXECUTE, writes_tenant=True)
class ExecuteRestore(Operation[ExecuteParams]):
    """Writes exactly the confirmed plan, each create once, and reads everything back."""

    params_type = ExecuteParams
    telling = frozenset(action.value for action in WRITING)
    unique_by = ("restore",)
    chunk_size = _ALL
    parallel_lanes = 1
    retryable = False

    #: the kinds of restore that it executes
    kinds: ClassVar[frozenset[RestoreKind]] = frozenset(RestoreKind) - {RestoreKind.UNDO}

    def target(self, params: ExecuteParams) -> str:
        """The restore."""
        return f"restore/{params.restore}"

    def subject(self, params: ExecuteParams, tenant: Tenant) -> str:
        """How much, and from which set."""
        with tenant_scope(tenant):
            restore = find_restore(params.restore)
            number = sum(restore.counts.get(action.value, 0) for action in Action)
            if restore.kind in (RestoreKind.UNDO, RestoreKind.TWINS):
                return f"{_count(number)} of restore {restore.parent_id}"
            return f"{_count(number)} from {restore.backup_set.name}"

    def check(self, params: ExecuteParams, tenant: Tenant) -> None:
        """Refuse another plan than the confirmed one, another tenant, a stale preview, held writes."""
        with tenant_scope(tenant):
            restore = find_restore(params.restore)
            if restore.kind not in self.kinds:
                key = operation_of(restore)
                raise Conflict(f"Restore {restore.pk} is executed by {key}.", hint=f"Start {key}.")
            check_executable(restore, params)
            check_approved(restore, at=clock.now())

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item per policy of the plan."""
        restore = find_restore(ctx.params.restore)
        check_plan(restore, ctx.params.plan)
        check_fresh(restore, at=ctx.run.started_at or ctx.run.created_at)
        check_deletes(restore)
        began = ctx.run.started_at or ctx.run.created_at
        check_approved(restore, at=began, executor_id=ctx.run.initiator_id)
        load_plan(restore)
        mark_executing(restore, ctx.run)
        ctx.set_context(restore=restore.pk, set=restore.backup_set_id)
        for row in restore.items.defer("sealed").order_by("position"):
            yield ItemSpec(
                key=row.key,
                label=row.name[:400],
                type_key=row.type_key,
                lane="writes",
                payload={"action": row.action, "version": row.version_id},
            )

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterator[ItemResult]:
        """Send the plan's writes for these policies, in its order."""
        restore = find_restore(ctx.params.restore)
        check_plan(restore, ctx.params.plan)
        plan = load_plan(restore)
        execution = Execution(
            ctx,
            restore=restore,
            plan=plan,
            keys=[item.key for item in items],
            client=writer_client_for(ctx.tenant),
        )
        yield from execution.results()

    def ended(self, run: OperationRun) -> None:
        """The restore has the run's end."""
        mark_executed(run)


@operation("restore.undo", label="Undo a restore", needs=Capability.RESTORE_EXECUTE, writes_tenant=True)
class UndoRestore(ExecuteRestore):
    """Takes back what another restore wrote: executes the plan of an undo, like any other plan."""

    kinds = frozenset({RestoreKind.UNDO})


def _count(number: int) -> str:
    return "1 policy" if number == 1 else f"{number} policies"
