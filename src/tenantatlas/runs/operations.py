"""The operations of the platform itself. `tenants` lies below `runs` and cannot declare its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import ConsentMissing
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.permissions import Need, check_sign_in, missing_in, take_report
from tenantatlas.tenants.queries import latest_report

from .lifecycle import ItemState
from .models import RunItem
from .registry import ItemResult, ItemSpec, Operation, RunContext, operation
from .retention import all_steps, find_step

_SIGN_IN, _READ, _RESTORE = "sign_in", Need.READ.value, Need.RESTORE.value
#: What each item looks for: what a restore looks up, only restoring lacks.
_NEEDS = {_READ: (Need.READ,), _RESTORE: (Need.RESTORE, Need.LOOK_UP)}
_LANE = "connection"
_RETENTION_LANE = "retention"


@dataclass(frozen=True, kw_only=True)
class CheckConnectionParams:
    """Nothing to choose: every app of the tenant is checked."""


@operation("connection.check", label="Check permissions", needs=Capability.CONNECTION_CHECK, schedulable=True)
class CheckConnection(Operation[CheckConnectionParams]):
    """Signs in, and compares what the tenant's apps are allowed with what is needed. Changes nothing."""

    params_type = CheckConnectionParams

    def subject(self, params: CheckConnectionParams, tenant: Tenant) -> str:  # noqa: ARG002 - nothing to choose
        """Always the tenant's connection."""
        return f"Connection of {tenant.name}"

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:  # noqa: ARG002 - nothing to choose
        """Sign in, then what reading needs, then what restoring needs."""
        yield ItemSpec(key=_SIGN_IN, label="Sign in", lane=_LANE)
        yield ItemSpec(key=_READ, label="Permissions to read", lane=_LANE)
        yield ItemSpec(key=_RESTORE, label="Permissions to restore", lane=_LANE)

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """A permission that reading lacks is a failure; one that only restoring lacks is said and skipped."""
        if item.key == _SIGN_IN:
            check_sign_in(ctx.tenant)
            return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="signed in")
        report = latest_report(ctx.tenant)
        if report is None or report.run_id != ctx.run.pk:
            report = take_report(ctx.tenant, run_id=ctx.run.pk)
        missing = missing_in(report, *_NEEDS[item.key])
        if not missing:
            return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="complete")
        if item.key == _READ:
            return ItemResult(
                key=item.key,
                state=ItemState.FAILED,
                reason=ConsentMissing.code,
                message=f"Missing: {', '.join(missing)}."[:600],
                hint="Add them to the app registration and grant admin consent, then check again.",
            )
        return ItemResult(
            key=item.key,
            state=ItemState.SKIPPED,
            reason=ConsentMissing.code,
            message=f"Restore is not possible for everything yet. Missing: {', '.join(missing)}."[:600],
            hint="Connect a writer's app that has them, or grant them to the app that writes; "
            "then check again.",
        )


@dataclass(frozen=True, kw_only=True)
class ApplyRetentionParams:
    """Nothing to choose: every kind of thing has its own rule."""


@operation("retention.apply", label="Apply retention", needs=Capability.BACKUP_DELETE, schedulable=True)
class ApplyRetention(Operation[ApplyRetentionParams]):
    """Removes what the rules no longer keep, one item a kind. Touches nothing in the tenant."""

    params_type = ApplyRetentionParams

    def subject(self, params: ApplyRetentionParams, tenant: Tenant) -> str:  # noqa: ARG002 - nothing to choose
        """Always what is old in the tenant."""
        return f"What is old in {tenant.name}"

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:  # noqa: ARG002 - nothing to choose
        """Every registered step, one after the other."""
        for step in all_steps():
            yield ItemSpec(key=step.name, label=step.label, lane=_RETENTION_LANE)

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """One kind of thing; a step of another version of the product is skipped."""
        step = find_step(item.key)
        if step is None:
            return ItemResult(
                key=item.key,
                state=ItemState.SKIPPED,
                reason="unknown_step",
                message="This version does not know this rule.",
            )
        number = step.remove(ctx)
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="removed" if number else "unchanged",
            message=f"{number} removed." if number else "Nothing was too old.",
            details={"removed": number},
        )
