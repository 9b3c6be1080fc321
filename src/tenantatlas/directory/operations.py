"""The run that reads which groups there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import json
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, operation
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.models import Tenant

from .services import forget_old_groups, forget_unseen_groups, record_groups

_FAMILY = "identityAndAccess"
_PATH = "/v1.0/groups?$select=id,displayName,groupTypes,securityEnabled,mailEnabled&$top=999"


@dataclass(frozen=True, kw_only=True)
class SyncGroupsParams:
    """Nothing to choose: names of all groups, no members."""


@operation(
    "directory_groups.sync", label="Synchronise groups", needs=Capability.DIRECTORY_SYNC, schedulable=True
)
class SyncGroups(Operation[SyncGroupsParams]):
    """Caches id, name and kind of every group."""

    params_type = SyncGroupsParams

    def subject(self, params: SyncGroupsParams, tenant: Tenant) -> str:  # noqa: ARG002 - nothing to choose
        """Always the whole directory."""
        return f"Groups of {tenant.name}"

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:  # noqa: ARG002 - nothing to choose
        """One item: the list of groups."""
        yield ItemSpec(key="groups", label="Groups", lane=_FAMILY)

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Store page by page; groups count as gone only when the last page was read."""
        listed = pages = 0
        for page in client_for(ctx.tenant).pages(_PATH, family=_FAMILY):
            ctx.beat()
            listed += record_groups((json.loads(raw) for raw in page.rows), run_id=ctx.run.pk)
            pages += 1
            ctx.crash_point("groups_stored")
        gone = forget_unseen_groups(run_id=ctx.run.pk)
        forgotten = forget_old_groups()
        return ItemResult(
            key=item.key,
            state=ItemState.SUCCEEDED,
            action="listed",
            details={"listed": listed, "pages": pages, "gone": gone, "forgotten": forgotten},
        )
