"""What others may ask of runs. Every function authorises, and answers at once: the work is done elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock, ids
from tenantatlas.core.errors import Conflict, NotAllowed, WritesHeld
from tenantatlas.tenants.queries import require_capability

from . import dispatch, endings, journal, registry, rescue
from .dedupe import identity_hash
from .journal import NewRun
from .lifecycle import RunStatus, Trigger
from .models import OperationRun
from .upkeep import Upkeep

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User
    from tenantatlas.core.json import Json
    from tenantatlas.tenants.models import Tenant

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_REFUSED_SECONDS = 60.0


def start_run(
    key: str,
    *,
    tenant: Tenant,
    params: Any | Mapping[str, Json],
    actor: User | None,
    trigger: Trigger,
    nonce: str = "",
    parent: OperationRun | None = None,
    context: Mapping[str, Json] | None = None,
) -> tuple[OperationRun, bool]:
    """Start the operation, or hand back the open run that is already doing exactly this.

    Params are the operation's dataclass or its JSON. `actor` None means the product itself (trigger
    system). A `nonce` makes the request a work of its own, started once however often it is submitted.
    `context` holds related ids.
    When the engine does not take it, the run comes back completed as failed, with `queue.dispatch_failed`.

    The clock (trigger schedule) is not refused: nobody is there to be told. Its run begins, and ends as
    blocked or failed where the schedule's owner may not, or the work cannot, be done any more.
    """
    op = registry.get_operation(key)
    _authorise(op, tenant=tenant, actor=actor, trigger=trigger)
    given = registry.params_from_json(op, params)
    op.check(given, tenant)
    if op.carries and trigger is not Trigger.SCHEDULE:
        work, its_params = op.carried(given)
        _authorise(work, tenant=tenant, actor=actor, trigger=trigger)
        work.check(its_params, tenant)
    plain = registry.params_to_json(given)
    what = plain if op.unique_by is None else {name: plain[name] for name in op.unique_by}
    new = NewRun(
        tenant=tenant,
        operation=op.key,
        subject=op.subject(given, tenant),
        params=plain,
        identity_hash=identity_hash(
            tenant_id=tenant.pk, operation=op.key, target=op.target(given), params=what, nonce=nonce
        ),
        trigger=trigger,
        actor=actor,
        nonce=nonce,
        parent=parent,
        context=context or {},
    )
    return _open(new, and_then=dispatch.hand_over_new)


def _authorise(op: registry.Operation[Any], *, tenant: Tenant, actor: User | None, trigger: Trigger) -> None:
    if actor is None:
        if trigger is not Trigger.SYSTEM:
            raise NotAllowed("A run needs somebody who started it.")
    elif trigger is not Trigger.SCHEDULE:
        require_capability(actor, tenant, op.needs)
    if op.writes_tenant and tenant.writes_held:
        raise WritesHeld(
            f"Nothing is written to {tenant.slug} until a person confirms it.",
            hint="A person holds its writes, or our own store was restored from a backup: look at what "
            f"changed since, then let it go on with `tenantatlas tenants set {tenant.slug} --writes yes`.",
        )


def cancel_run(run: OperationRun, *, actor: User | None) -> OperationRun:
    """Ask the run to stop at the next item boundary; one that never started is cancelled at once.

    Asking twice, or asking a completed run, changes nothing.
    """
    if actor is not None:
        require_capability(actor, run.tenant, Capability.RUN_CANCEL)
    _refuse_history(run)
    journal.ask_cancel(run.pk, actor=actor)
    fresh = _fresh(run)
    if fresh.status == RunStatus.QUEUED and fresh.started_at is None:
        endings.end_unstarted(fresh.pk, dispatch=fresh.dispatch, error=None)
        fresh = _fresh(run)
    return fresh


def _refuse_history(run: OperationRun) -> None:
    if run.imported_from:
        raise Conflict("It was done elsewhere: only its history is here.")


def retry_failed_items(
    run: OperationRun, *, actor: User | None, trigger: Trigger
) -> tuple[OperationRun, bool]:
    """A child run that does again only the items that went wrong or were not started.

    A run is retried once: asked again, the child is handed back, which can be retried in its turn.
    """
    _refuse_history(run)
    op = registry.get_operation(run.operation)
    _authorise(op, tenant=run.tenant, actor=actor, trigger=trigger)
    work, _ = registry.work_of(run)
    _authorise(work, tenant=run.tenant, actor=actor, trigger=trigger)
    if run.is_open:
        raise Conflict("The run has not ended yet.", hint="Wait until it has, or cancel it.")
    if not work.retryable:
        raise Conflict(
            f"“{work.label}” is not done again item by item.",
            hint="Start it again as a whole; a restore with `tenantatlas restore rerun RESTORE`.",
        )
    if not run.may_retry and run.started_at is None:
        raise Conflict("It ended before it began, so it has no items to do again.", hint="Start it anew.")
    if not run.may_retry:
        raise Conflict("Nothing went wrong in this run, so there is nothing to do again.")
    nonce = f"retry-{run.pk}"
    new = NewRun(
        tenant=run.tenant,
        operation=op.key,
        subject=f"Again: {run.subject.removeprefix('Again: ')}",
        params=run.params,
        identity_hash=identity_hash(
            tenant_id=run.tenant_id, operation=op.key, target="", params={}, nonce=nonce
        ),
        trigger=trigger,
        actor=actor,
        nonce=nonce,
        parent=run,
    )

    def complete(child: OperationRun) -> None:
        journal.copy_failed_items(run, child)
        dispatch.hand_over_new(child)

    return _open(new, and_then=complete)


def _open(new: NewRun, *, and_then: Callable[[OperationRun], None]) -> tuple[OperationRun, bool]:
    """The run, made and handed over in one transaction, before which the engine is made ready."""
    try:
        dispatch.prepare()
    except Exception:
        log.exception("engine_not_prepared")  # the hand-over tries again, and ends the run with the reason
    return journal.open_run(new, and_then=and_then)


def check_may_run_again(run: OperationRun) -> None:
    """Refuse, with an AtlasError, what cannot be started once more by itself."""
    _refuse_history(run)
    op = registry.get_operation(run.operation)
    if run.is_open:
        raise Conflict("It has not ended yet.")
    if op.writes_tenant:
        raise Conflict("What writes to the tenant begins with a new preview.")


def run_again(run: OperationRun, *, actor: User | None, trigger: Trigger) -> tuple[OperationRun, bool]:
    """The same work once more: same operation, same parameters, by whoever asks now."""
    check_may_run_again(run)
    return start_run(run.operation, tenant=run.tenant, params=run.params, actor=actor, trigger=trigger)


def work_until_done(run: OperationRun, *, timeout: float | None = None) -> OperationRun:
    """Return the run once it is completed (or the timeout in real seconds has passed, as it then is).

    When no worker is alive, this process becomes one until then. Raises where our database has refused it for
    a minute, as it does while the disk is full: the run goes on with the next worker.
    """
    until = None if timeout is None else clock.monotonic() + timeout * clock.scale()
    with contextlib.ExitStack() as stack:
        while (fresh := _fresh(run)).is_open and (until is None or clock.monotonic() < until):
            if not worker_alive():
                stack.enter_context(_worker_here())
            refused = dispatch.refused_for(_REFUSED_SECONDS * clock.scale())
            if refused is not None:
                raise refused
            clock.sleep(_POLL_SECONDS * clock.scale())
    return fresh


@contextlib.contextmanager
def _worker_here() -> Iterator[None]:
    try:
        launch_worker(embedded=True)
    except Conflict:  # another process was quicker: it works the run
        yield
        return
    try:
        yield
    finally:
        stop_worker()


def launch_worker(*, embedded: bool) -> None:
    """Make this process a worker. On SQLite it takes the lock of ATLAS_HOME, or raises `Conflict`."""
    if dispatch.own_worker():
        return
    worker = ids.fresh_id()
    dispatch.launch(worker=worker, keepers={"keeper": rescue.Keeper(worker=worker), "upkeep": Upkeep()})
    rescue.register_worker(worker, embedded=embedded)
    rescue.dispatch_orphans(older_than=0)


def stop_worker() -> bool:
    """Stop claiming, park what is in hand at the next boundary, and give up the lock; within 35 seconds.

    False when something in hand did not come to a boundary: the process should end now, and the next worker
    takes it from there as after a crash.
    """
    worker = dispatch.own_worker()
    if not worker:
        return True
    parked = dispatch.stop()
    rescue.retire_worker(worker)
    return parked


def end_now() -> NoReturn:
    """End this process without waiting for threads that did not stop; what they had is taken over."""
    logging.shutdown()
    os._exit(0)


def worker_alive() -> bool:
    """Whether any process works runs now."""
    return dispatch.alive()


def prepare_engine() -> None:
    """Create the engine's own tables where they are not there yet; part of setting up and of migrating."""
    dispatch.prepare()


def _fresh(run: OperationRun) -> OperationRun:
    found: OperationRun = OperationRun.all_tenants.select_related("tenant", "initiator").get(pk=run.pk)
    return found
