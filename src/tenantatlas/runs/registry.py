"""What can be run: one class per operation, found by name in every app's `operations.py`.

    @operation("backup_set.capture", label="Back up policies", needs=Capability.BACKUP_RUN)
    class CaptureBackup(Operation[CaptureParams]):
        params_type = CaptureParams
        def plan(self, ctx): ...           # yields ItemSpec; repeating it adds nothing twice
        def process(self, ctx, item): ...  # one item, one ItemResult; may raise an AtlasError

The executor calls, in this order: `plan` once or more; `process_chunk` for every chunk of every lane;
`settle` for items that a dead worker left in hand; `finish` once or more; and, in the transaction that
completes the run, `ended`.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar, cast

import msgspec
from django.utils.module_loading import autodiscover_modules

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import AtlasError, InputError, Snoozed, Throttled
from tenantatlas.core.json import Json

from .lifecycle import ItemState

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenantatlas.tenants.models import Tenant

    from .models import OperationRun, RunItem

P = TypeVar("P")
_O = TypeVar("_O", bound="type[Operation[Any]]")

#: A throttle longer than this puts the run aside; a shorter one is waited out where it occurs.
LONGEST_WAIT_IN_HAND = 60.0


@dataclass(frozen=True, kw_only=True)
class ItemSpec:
    """One item of a plan. `key` is its natural key: unique within the run, the same when planned again.

    Items of one `lane` are worked in the order planned, one chunk at a time; lanes run side by side.
    `payload` holds ids and small facts only. `finds_items`: working it may add items, as reading a list does.
    """

    key: str
    label: str
    type_key: str = ""
    lane: str = ""
    payload: Json = None
    finds_items: bool = False


@dataclass(frozen=True, kw_only=True)
class ItemResult:
    """How one item ended. `reason` is a stable code, `message` one sanitised sentence, `details` small."""

    key: str
    state: ItemState
    action: str = ""
    reason: str = ""
    message: str = ""
    hint: str = ""
    before_digest: str = ""
    after_digest: str = ""
    request_id: str = ""
    details: Json = None


class Fenced(Exception):
    """The run is no longer this worker's: another one has it, or it has ended. Let it pass."""


class RunContext(Protocol):
    """What an operation may ask of, and tell, the run that it works for. Safe to use from several threads."""

    @property
    def run(self) -> OperationRun: ...
    @property
    def tenant(self) -> Tenant: ...
    @property
    def params(self) -> Any:
        """The frozen parameters, as the operation's `params_type`."""

    @property
    def dispatch(self) -> int:
        """The number of this hand-over; a worker with an older number may change nothing."""

    def cancelled(self) -> bool:
        """Whether a person asked to stop, or this process is asked to: end at the next item boundary."""

    def beat(self) -> None:
        """Say that the work goes on; raises `Fenced` when the run is no longer ours."""

    def add_items(self, specs: Iterable[ItemSpec]) -> int:
        """Add the items that are not there yet; returns how many were new."""

    def record(self, result: ItemResult) -> None:
        """Store how an item ended, durably, before returning."""

    def set_context(self, **ids: Json) -> None:
        """Add related ids (`set=…`, `restore=…`) to the run."""

    def set_waiting(self, reason: str, until: datetime | None) -> None:
        """Tell watchers what the run waits for while it stays in hand; an empty reason says it goes on."""

    def mark_incomplete(self, code: str, message: str) -> None:
        """The result is not complete though no item failed: the run ends partly succeeded at best."""

    def items(self, *states: ItemState) -> QuerySet[RunItem]:
        """The run's items in the planned order; with states, only those."""

    def crash_point(self, name: str) -> None:
        """A boundary at which tests kill the process."""


class Operation(Generic[P]):
    """One kind of work. Instances are shared by all threads and hold no state."""

    key: ClassVar[str]
    label: ClassVar[str]
    needs: ClassVar[Capability]
    aliases: ClassVar[tuple[str, ...]] = ()
    schedulable: ClassVar[bool] = False
    #: True: another operation does the work in this one's name; `carried` says which.
    carries: ClassVar[bool] = False
    #: False: failed items cannot be done again by a child run.
    retryable: ClassVar[bool] = True
    #: True: takes the tenant's single-writer claim before it starts.
    writes_tenant: ClassVar[bool] = False

    #: The actions of items that ended well and are worth reading all the same: something changed, or would.
    telling: ClassVar[frozenset[str]] = frozenset()

    params_type: ClassVar[type[Any]]
    #: The parameters that make two requests the same work; None means all of them.
    unique_by: ClassVar[tuple[str, ...] | None] = None
    #: How many items a lane takes in hand at once, and how many lanes run side by side.
    chunk_size: ClassVar[int] = 20
    parallel_lanes: ClassVar[int] = 8

    def target(self, params: P) -> str:  # noqa: ARG002 - the default has no target
        """What the work is aimed at, as part of its identity; empty when the tenant itself is."""
        return ""

    def subject(self, params: P, tenant: Tenant) -> str:  # noqa: ARG002 - the default says who, not what
        """What people read beside the label: "12 policies from Nightly"."""
        return tenant.name

    def carried(self, params: P) -> tuple[Operation[Any], Any]:
        """The operation that does the work, and its params. An unknown one is an `InputError`."""
        return self, params

    def told(self, run: OperationRun) -> Iterable[int]:
        """The ids of the people whose bell tells of the run; asked when it is queued and when it ends."""
        return () if run.initiator_id is None else (run.initiator_id,)

    def check(self, params: P, tenant: Tenant) -> None:
        """Refuse, with an AtlasError, what could never work. Database only: this runs inside the request."""

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The items. May be called again after a crash: natural keys make repetition harmless."""
        raise NotImplementedError

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Do one item. An AtlasError becomes the item's failure, unless it stops the run."""
        raise NotImplementedError

    def process_chunk(self, ctx: RunContext, items: list[RunItem]) -> Iterable[ItemResult]:
        """Do the items in hand, yielding each result as it is known (or storing it with `ctx.record`).

        Return early when `ctx.cancelled()`: what has no result then was not begun. Before raising an error
        that stops the run, yield a result for every item that was begun.
        """
        for item in items:
            if ctx.cancelled():
                return
            try:
                result = self.process(ctx, item)
            except AtlasError as error:
                if puts_aside(error):
                    raise
                yield failed_item(item.key, error)
                if error.stops_run:
                    raise
            else:
                yield result

    def settle(self, ctx: RunContext, item: RunItem) -> ItemResult | None:  # noqa: ARG002 - see the docstring
        """The item was left in hand by a lost worker or a wait: how did it end? None means: not done yet.

        Asked also when the run was told to stop, so that nothing stays unknown that can be known.
        """
        return None

    def finish(self, ctx: RunContext) -> None:
        """All items have ended. Complete the domain record; repeatable. Called however the run ends."""

    def ended(self, run: OperationRun) -> None:
        """The run is being completed, perhaps without having started. Database only, same transaction."""


def puts_aside(error: AtlasError) -> bool:
    """Whether the error asks for the run to be put aside until a time."""
    if isinstance(error, Throttled):
        return (error.retry_after or 0) > LONGEST_WAIT_IN_HAND
    return isinstance(error, Snoozed)


def failed_item(key: str, error: AtlasError, *, state: ItemState = ItemState.FAILED) -> ItemResult:
    """The result of an item that this error ended."""
    details = {name: value for name, value in error.details.items() if isinstance(value, str | int | bool)}
    return ItemResult(
        key=key,
        state=state,
        reason=error.code,
        message=error.message,
        hint=error.hint,
        request_id=str(error.details.get("request_id", "")),
        details=details or None,
    )


_operations: dict[str, Operation[Any]] = {}
_aliases: dict[str, str] = {}
_discovery = threading.Lock()
_discovered = threading.Event()


def operation(
    key: str,
    *,
    label: str,
    needs: Capability,
    writes_tenant: bool = False,
    schedulable: bool = False,
    aliases: tuple[str, ...] = (),
) -> Callable[[_O], _O]:
    """Register the class under a dotted key. `aliases` are the keys it had before."""

    def register(cls: _O) -> _O:
        for name in (key, *aliases):
            taken = _operations.get(_aliases.get(name, name))
            if taken is not None and type(taken).__qualname__ != cls.__qualname__:
                raise ValueError(f"two operations are called {name}")
        if schedulable and writes_tenant:
            raise ValueError(f"{key} writes to the tenant: a person starts that, never a schedule")
        cls.key, cls.label, cls.needs = key, label, needs
        cls.writes_tenant, cls.schedulable, cls.aliases = writes_tenant, schedulable, aliases
        _operations[key] = cls()
        _aliases.update(dict.fromkeys(aliases, key))
        return cls

    return register


def _discover() -> None:
    if _discovered.is_set():
        return
    with _discovery:
        if not _discovered.is_set():
            autodiscover_modules("operations")
            _discovered.set()


def all_operations() -> tuple[Operation[Any], ...]:
    """Every operation, by key."""
    _discover()
    return tuple(found for _, found in sorted(_operations.items()))


def get_operation(key: str) -> Operation[Any]:
    """The operation of that key, also under a key that it had before. An unknown one names its neighbours."""
    _discover()
    found = _operations.get(_aliases.get(key, key))
    if found is None:
        near = get_close_matches(key, [*_operations, *_aliases], n=3, cutoff=0.4)
        raise InputError(
            f"There is no operation called {key!r}.",
            hint=f"Did you mean {' or '.join(near)}?" if near else "See `tenantatlas run --help`.",
        )
    return found


def work_of(run: OperationRun) -> tuple[Operation[Any], Any]:
    """The operation that does the run's work, and its params; not always the one it is listed under."""
    op = get_operation(run.operation)
    return op.carried(params_from_json(op, run.params))


def carries(key: str) -> bool:
    """Whether runs of that name do another operation's work; no for what no installed app has any more."""
    _discover()
    found = _operations.get(_aliases.get(key, key))
    return found is not None and found.carries


def telling_actions(key: str) -> frozenset[str]:
    """The operation's telling actions; none of what no installed app has any more."""
    _discover()
    found = _operations.get(_aliases.get(key, key))
    return found.telling if found else frozenset()


def label_of(key: str) -> str:
    """The operation's label; its key when no installed app has it any more."""
    _discover()
    found = _operations.get(_aliases.get(key, key))
    return found.label if found else key


def params_to_json(params: Any) -> dict[str, Json]:
    """A params dataclass as plain JSON, defaults included."""
    given = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    return cast("dict[str, Json]", msgspec.json.decode(msgspec.json.encode(given)))


def params_from_json(op: Operation[P], given: Mapping[str, Json] | P) -> P:
    """The operation's params from JSON (or as they are), checked; an `InputError` names the field."""
    if isinstance(given, op.params_type):
        return cast("P", given)
    if not isinstance(given, Mapping):
        raise InputError(f"The parameters of {op.key} must be an object.")
    return _convert(op, given, strict=True)


def params_from_text(op: Operation[P], given: Mapping[str, str]) -> P:
    """The operation's params from `name=value` texts: numbers and yes/no are read, lists split at commas."""
    fields = {field.name: field for field in dataclasses.fields(op.params_type)}
    values: dict[str, Json] = {}
    for name, text in given.items():
        kind = str(fields[name].type) if name in fields else ""
        if kind.startswith(("tuple", "list", "frozenset")):
            values[name] = [part.strip() for part in text.split(",") if part.strip()]
        elif kind.startswith("bool"):
            values[name] = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower(), text)
        else:
            values[name] = text
    return _convert(op, values, strict=False)


def _convert(op: Operation[P], given: Mapping[str, Json], *, strict: bool) -> P:
    known = {field.name for field in dataclasses.fields(op.params_type)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise InputError(
            f"{op.key} has no parameter {unknown[0]!r}.",
            hint=f"It takes {', '.join(sorted(known))}." if known else "It takes no parameters.",
            details={"field": unknown[0]},
        )
    try:
        return cast("P", msgspec.convert(dict(given), type=op.params_type, strict=strict))
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`") or what.rpartition("field `")[2].rstrip("`")
        raise InputError(
            f"The parameter {field!r} cannot be used: {what}.", details={"field": field}
        ) from error
    except AtlasError:
        raise
    except (TypeError, ValueError) as error:
        raise InputError(f"The parameters of {op.key} cannot be used: {error}.") from error


_crash_hooks: list[Callable[[str], None]] = []


def install_crash_hook(hook: Callable[[str], None] | None) -> None:
    """Call this at every crash point; None removes it. Only tests install one, to end the process there."""
    _crash_hooks[:] = [] if hook is None else [hook]


def crash_point(name: str) -> None:
    """A boundary between two durable steps."""
    for hook in _crash_hooks:
        hook(name)
