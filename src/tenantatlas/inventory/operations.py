"""The run that looks what is in a tenant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.queries import does
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, failed_item, operation
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.models import Tenant

from .listing import CollectionRead, choose_collections, choose_types, read_collection
from .models import ReadStatus
from .observations import keep_inventory, keep_observations
from .selection import selected_types, selection_hash
from .services import record_collection


@dataclass(frozen=True, kw_only=True)
class SyncParams:
    """Which policy types to look at; none named means all. `foundations` adds what others refer to."""

    types: tuple[str, ...] = ()
    foundations: bool = True

    def __post_init__(self) -> None:
        chosen = sorted({policy_type.key for policy_type in choose_types(self.types)}) if self.types else ()
        object.__setattr__(self, "types", tuple(chosen))

    @property
    def selected(self) -> tuple[PolicyType, ...]:
        """The types that this selection means."""
        return selected_types(self.types, foundations=self.foundations)


@operation("inventory.sync", label="Synchronise inventory", needs=Capability.INVENTORY_SYNC, schedulable=True)
class SyncInventory(Operation[SyncParams]):
    """Reads the lists only. One item per collection; collections of one throttle family follow each other."""

    params_type = SyncParams
    unique_by = ()
    chunk_size = 1
    parallel_lanes = 12

    def target(self, params: SyncParams) -> str:
        """The selection, however it was said."""
        return selection_hash(params.selected)

    def subject(self, params: SyncParams, tenant: Tenant) -> str:
        """The types, or that it is all of them."""
        named = describe_types(params.types)
        if not params.foundations:
            return named or f"All policy types of {tenant.name} without foundations"
        return f"{named} and foundations" if named else f"All policy types of {tenant.name}"

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """One item per collection."""
        for path, types in choose_collections(ctx.params.selected).items():
            yield collection_item(path, types)

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Read one list to its end and store what it shows."""
        path = facts_of(item)["list"]
        types = choose_collections(ctx.params.selected)[path]
        read = read_collection(client_for(ctx.tenant), path, types)
        ctx.beat()
        record_collection(read, run_id=ctx.run.pk)
        keep_observations(read, run_id=ctx.run.pk)
        return collection_result(item.key, read)

    def finish(self, ctx: RunContext) -> None:
        """Keep which reads make this inventory, for comparing it with the next of the same selection."""
        keep_inventory(
            run_id=ctx.run.pk, selection=selection_hash(ctx.params.selected), completes=_first_of(ctx.run).pk
        )


def _first_of(run: OperationRun) -> OperationRun:
    """The run itself, or the one whose failed items it does again."""
    while run.parent is not None and does(run.parent, SyncInventory.key):
        run = run.parent
    return run


def facts_of(item: RunItem) -> dict[str, Json]:
    """The small facts that the item was planned with."""
    return item.payload or {}


def collection_item(path: str, types: tuple[PolicyType, ...]) -> ItemSpec:
    """The item that stands for one collection."""
    return ItemSpec(
        key=f"list:{path}",
        label=f"List of {', '.join(policy_type.label for policy_type in types)}"[:400],
        type_key=types[0].key if len(types) == 1 else "",
        lane=types[0].family,
        payload={"list": path},
    )


def collection_result(key: str, read: CollectionRead) -> ItemResult:
    """How reading a collection ended. Unavailable is skipped; denied and partial are failures by name."""
    details = {
        "status": read.status.value,
        "pages": read.pages,
        "listed": {policy_type.key: len(read.of_type(policy_type)) for policy_type in read.types},
    }
    if read.status == ReadStatus.COMPLETE:
        return ItemResult(
            key=key, state=ItemState.SUCCEEDED, action="listed", message=read.sentence, details=details
        )
    state = ItemState.SKIPPED if read.status == ReadStatus.UNAVAILABLE else ItemState.FAILED
    if read.error is None:
        return ItemResult(
            key=key, state=state, reason="unreadable_rows", message=read.sentence, details=details
        )
    result = failed_item(key, read.error, state=state)
    return ItemResult(
        key=key,
        state=state,
        reason=result.reason,
        message=read.sentence,
        hint=result.hint,
        request_id=result.request_id,
        details=details,
    )


def describe_types(keys: tuple[str, ...]) -> str:
    """The labels of these types, or how many they are."""
    labels = [policy_type.label for policy_type in choose_types(keys)] if keys else []
    return ", ".join(labels) if len(labels) <= 3 else f"{len(labels)} policy types"  # noqa: PLR2004 - fits a line
