"""The only writer of runs (their items: `items`).

Every change is a guarded update: it names what it believes (status, dispatch number, item state), and the
number of rows changed is checked. A worker whose dispatch number is no longer the run's changes nothing
and learns that it is `Fenced`. A change, its timeline line, its audit entry and its notification are one
transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Conflict
from tenantatlas.core.json import Json
from tenantatlas.core.log import redact_text
from tenantatlas.tenants.models import Tenant

from . import registry
from .chronicle import audit_run, notify_people, tell_timeline, tell_timeline_of, tell_wait
from .items import INSERT_AT_ONCE, beat, items_of, store_counts
from .lifecycle import (
    OPEN_STATUSES,
    RETRIED_ITEM_STATES,
    EventKind,
    RunStatus,
    Trigger,
    WaitReason,
)
from .models import OPEN, OperationRun, RunItem

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

#: How many runs of one tenant the engine is given at a time.
RUNS_PER_TENANT = 3
_ATTEMPTS_TO_OPEN = 50
_COPIED = ("key", "label", "type_key", "lane", "payload", "finds_items")

_OPEN = [status.value for status in OPEN_STATUSES]


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """Everything that is decided before a run exists."""

    tenant: Tenant
    operation: str
    subject: str
    params: dict[str, Json]
    identity_hash: str
    trigger: Trigger
    actor: User | None
    nonce: str = ""
    parent: OperationRun | None = None
    context: Mapping[str, Json] = field(default_factory=dict)


def _runs() -> Any:
    return OperationRun.all_tenants


def describe_error(error: AtlasError) -> dict[str, str]:
    """An error as a run keeps it: stable code, short sanitised message, hint."""
    return {
        "code": error.code,
        "message": redact_text(error.message)[:300],
        "hint": redact_text(error.hint)[:300],
    }


# ── A run begins ──────────────────────────────────────────────────────────────────────────────────────────


def insert_run(new: NewRun) -> OperationRun:
    """Insert the run with its first timeline line, audit entry and notification. Raises `IntegrityError`.

    Call within a transaction; `find_winner` says who was first.
    """
    run = OperationRun(
        tenant=new.tenant,
        operation=new.operation,
        subject=new.subject[:200],
        initiator=new.actor,
        initiator_name=(new.actor.display_name if new.actor else "TenantAtlas")[:200],
        trigger=new.trigger.value,
        identity_hash=new.identity_hash,
        nonce=new.nonce,
        params=new.params,
        parent=new.parent,
        context={**(new.parent.context if new.parent else {}), **new.context},
    )
    run.save(force_insert=True)
    tell_timeline(run, EventKind.QUEUED, f"Started by {run.initiator_name}")
    audit_run(run, "started", actor=new.actor, details={"trigger": run.trigger, "params": run.params})
    notify_people(run, title=f"{registry.label_of(run.operation)}: {run.subject}", body="Queued", tone="info")
    return run


def find_winner(new: NewRun) -> OperationRun | None:
    """The run that is this one already: submitted before under this nonce, or open with this identity."""
    same = Q(OPEN, identity_hash=new.identity_hash)
    if new.nonce:
        same |= Q(operation=new.operation, nonce=new.nonce)
    found: OperationRun | None = _runs().filter(same, tenant=new.tenant).order_by("id").first()
    return found


def open_run(new: NewRun, *, and_then: Any) -> tuple[OperationRun, bool]:
    """Insert the run and call `and_then(run)` in one transaction, or hand back the run that was first."""
    failed: IntegrityError | None = None
    for _ in range(_ATTEMPTS_TO_OPEN):
        try:
            with transaction.atomic():
                run = insert_run(new)
                and_then(run)
        except IntegrityError as error:
            failed = error
            winner = find_winner(new)
            if winner is not None:
                return winner, False
        else:
            return run, True
    raise Conflict("The run could not be started, although nothing like it is open.") from failed


def copy_failed_items(source: OperationRun, child: OperationRun) -> int:
    """Give the child the source's items that went wrong or were not started; the child needs no plan then."""
    wanted = [state.value for state in RETRIED_ITEM_STATES]
    rows = [
        RunItem(
            tenant_id=child.tenant_id,
            run=child,
            position=position,
            **{name: getattr(item, name) for name in _COPIED},
        )
        for position, item in enumerate(items_of(source.pk).filter(state__in=wanted).order_by("position"))
    ]
    RunItem.all_tenants.bulk_create(rows, batch_size=INSERT_AT_ONCE)
    _runs().filter(pk=child.pk).update(planned_at=clock.now())
    child.counts = store_counts(child.pk)
    return len(rows)


def queue_behind(run: OperationRun) -> bool:
    """Let the new run wait until the tenant has room for it; False when it has room now.

    At most a few runs of one tenant are with the engine at a time, so that nobody fills the queue of others.
    """
    if _runs_with_engine(run.tenant_id).exclude(pk=run.pk).count() < RUNS_PER_TENANT:
        return False
    run.waiting_reason = WaitReason.FAIR_SHARE.value
    _runs().filter(pk=run.pk, status=RunStatus.QUEUED).update(waiting_reason=run.waiting_reason)
    tell_wait(run.pk, reason=run.waiting_reason, until=None)
    return True


def admit_next(tenant_id: int) -> None:
    """End the wait of the tenant's oldest runs that have room now."""
    room = RUNS_PER_TENANT - _runs_with_engine(tenant_id).count()
    if room <= 0:
        return
    behind = _runs().filter(
        OPEN,
        tenant_id=tenant_id,
        status=RunStatus.QUEUED,
        waiting_reason=WaitReason.FAIR_SHARE,
        waiting_until=None,
    )
    wake(behind, limit=room)


def wake(waiting: Any, *, limit: int) -> None:
    """End the wait of the oldest of these runs; locked in order, so that two who wake never deadlock."""
    with transaction.atomic():
        oldest = list(waiting.select_for_update().order_by("id").values_list("pk", flat=True)[:limit])
        if oldest:
            _runs().filter(pk__in=oldest, status=RunStatus.QUEUED).update(waiting_until=clock.now())


def _runs_with_engine(tenant_id: int) -> Any:
    rows = _runs().filter(OPEN, tenant_id=tenant_id, imported_from="")
    return rows.filter(Q(status=RunStatus.RUNNING) | Q(waiting_reason="") | Q(waiting_until__lte=clock.now()))


# ── A worker takes it, keeps it, gives it back ────────────────────────────────────────────────────────────


def claim_run(run_id: int, *, dispatch: int, worker: str) -> bool:
    """Take the queued run for this worker, or one of the same dispatch from a worker that is gone."""
    now = clock.now()
    mine = {"status": RunStatus.RUNNING, "worker": worker, "heartbeat_at": now, "attempts": F("attempts") + 1}
    with transaction.atomic():
        queued = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.QUEUED)
        if queued.update(
            **mine, waiting_reason="", waiting_until=None, started_at=Coalesce(F("started_at"), now)
        ):
            tell_timeline_of(run_id, EventKind.CLAIMED, f"Worker {worker}")
            return True
        left = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.RUNNING).exclude(worker=worker)
        if left.update(**mine, stalls=F("stalls") + 1):
            tell_timeline_of(run_id, EventKind.RESCUED, f"Picked up again by worker {worker}")
            return True
    return bool(
        _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.RUNNING, worker=worker).exists()
    )


def claim_writer(run: OperationRun) -> bool:
    """Make the run the only writer of its Microsoft tenant; False while another one is.

    The claim stands in the oldest row of that tenant: two slugs may name the same one.
    """
    if Tenant.objects.filter(pk=run.tenant_id, writes_held=True).exists():
        return False
    place = _writer_place(run)
    if place.filter(Q(writer_run=None) | Q(writer_run=run.pk)).update(writer_run=run.pk):
        return True
    holder = place.values_list("writer_run", flat=True).first()
    if holder is None or _runs().filter(pk=holder, status__in=_OPEN).exists():
        return False
    return bool(place.filter(writer_run=holder).update(writer_run=run.pk))


def _writer_place(run: OperationRun) -> QuerySet[Tenant]:
    same = Tenant.objects.filter(tenant_guid=run.tenant.tenant_guid).order_by("pk")
    return Tenant.objects.filter(pk=same.values_list("pk", flat=True)[:1].get())


def put_aside(run_id: int, *, dispatch: int, reason: str, until: datetime | None) -> bool:
    """Back to queued under the next dispatch number, with the reason; False when it is no longer ours.

    Items in hand stay so: whoever takes the run next settles them first.
    """
    with transaction.atomic():
        ours = _runs().filter(pk=run_id, dispatch=dispatch, status__in=_OPEN)
        if not ours.update(
            **_queued_anew(reason=reason, until=until),
            **_throttled_since(reason),
        ):
            return False
        tell_wait(run_id, reason=reason, until=until)
        admit_next(_runs().filter(pk=run_id).values_list("tenant_id", flat=True).get())
    return True


def _queued_anew(*, reason: str = "", until: datetime | None = None) -> dict[str, Any]:
    """What a run becomes that its worker does not have any more: whoever still works it is fenced."""
    return {
        "status": RunStatus.QUEUED,
        "dispatch": F("dispatch") + 1,
        "worker": "",
        "waiting_reason": reason,
        "waiting_until": until,
        "dispatched_at": clock.now(),
    }


def _throttled_since(reason: str) -> dict[str, Any]:
    if reason != WaitReason.THROTTLED:
        return {}
    return {"throttled_since": Coalesce(F("throttled_since"), clock.now())}


def throttled_since(run_id: int) -> datetime | None:
    """Since when the run has been throttled without an item recorded in between."""
    return _runs().filter(pk=run_id).values_list("throttled_since", flat=True).first()  # type: ignore[no-any-return]  # a column


def note_breakdown(run_id: int, *, dispatch: int, why: str) -> int:
    """Queue the open run again because keeping its records broke; returns how often by now, 0 if not ours."""
    with transaction.atomic():
        ours = _runs().filter(pk=run_id, dispatch=dispatch, status__in=_OPEN)
        if not ours.update(
            **_queued_anew(),
            breakdowns=F("breakdowns") + 1,
        ):
            return 0
        number: int = _runs().filter(pk=run_id).values_list("breakdowns", flat=True).get()
        tell_timeline_of(run_id, EventKind.RESCUED, f"Attempt {number} broke: {why}")
    return number


def rescue_run(run_id: int, *, dispatch: int, why: str) -> bool:
    """Take the running run from the worker that lost it: queued again under the next dispatch number."""
    with transaction.atomic():
        lost = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.RUNNING)
        if not lost.update(
            **_queued_anew(),
            stalls=F("stalls") + 1,
        ):
            return False
        tell_timeline_of(run_id, EventKind.RESCUED, why)
    return True


def queue_again(run_id: int, *, dispatch: int, why: str) -> bool:
    """The queued run stays queued under the next dispatch number; True for one of several callers."""
    with transaction.atomic():
        queued = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.QUEUED)
        if not queued.update(dispatch=F("dispatch") + 1, dispatched_at=clock.now()):
            return False
        tell_timeline_of(run_id, EventKind.RESCUED, why)
    return True


def end_wait(run_id: int, *, dispatch: int) -> bool:
    """The queued run waits no longer; True for exactly one caller, who hands it over."""
    waiting = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.QUEUED).exclude(waiting_reason="")
    return bool(waiting.update(waiting_reason="", waiting_until=None, dispatched_at=clock.now()))


def mark_dispatched(run_id: int, *, dispatch: int) -> bool:
    """The queued run was handed over again; True for exactly one of several callers is not promised."""
    queued = _runs().filter(pk=run_id, dispatch=dispatch, status=RunStatus.QUEUED)
    return bool(queued.update(dispatched_at=clock.now()))


def set_waiting(run_id: int, *, dispatch: int, reason: str, until: datetime | None) -> None:
    """Tell watchers what the run in hand waits for; an empty reason says it goes on."""
    with transaction.atomic():
        before = _runs().filter(pk=run_id).values_list("waiting_reason", flat=True).first()
        beat(run_id, dispatch=dispatch, waiting_reason=reason, waiting_until=until)
        if reason != before:
            tell_wait(run_id, reason=reason, until=until)


def set_context(run_id: int, *, dispatch: int, related: dict[str, Json]) -> dict[str, Json]:
    """Add related ids to the run and return them all."""
    with transaction.atomic():
        beat(run_id, dispatch=dispatch)
        context = {**_runs().filter(pk=run_id).values_list("context", flat=True).get(), **related}
        _runs().filter(pk=run_id).update(context=context)
    return context


def note_error(run_id: int, *, dispatch: int, error: AtlasError) -> None:
    """Keep what stopped the run, until it is completed."""
    beat(run_id, dispatch=dispatch, error=describe_error(error))


def note_incomplete(run_id: int, *, dispatch: int, code: str, message: str) -> None:
    """Keep why the result is not complete."""
    said = {"code": code, "message": redact_text(message)[:300], "hint": ""}
    beat(run_id, dispatch=dispatch, incomplete=said)


def ask_cancel(run_id: int, *, actor: User | None) -> bool:
    """Note that the run shall stop; True the first time. A wait ends: stopping does not wait for it."""
    name = actor.display_name if actor else "TenantAtlas"
    with transaction.atomic():
        running = _runs().filter(pk=run_id, status__in=_OPEN, cancel_asked_at=None, imported_from="")
        if not running.update(cancel_asked_at=clock.now(), cancel_asked_by=name[:200]):
            return False
        run = _runs().select_related("tenant").get(pk=run_id)
        tell_timeline(run, EventKind.CANCEL_ASKED, f"By {name}")
        audit_run(run, "cancel_asked", actor=actor, details={})
        waiting = _runs().filter(pk=run_id, status=RunStatus.QUEUED).exclude(waiting_reason="")
        waiting.update(waiting_until=clock.now())
    return True
