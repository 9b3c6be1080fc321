"""The clock's part: start what is due, once, and record what was not started and why.

Any number of schedulers may look at the same moment. One takes the schedule's row, and the slot's row is
unique and written in the transaction that makes its run. Between processes the database's time counts.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q, QuerySet

from tenantatlas.notifications.services import notify_user
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.services import start_run
from tenantatlas.runs.upkeep import database_now
from tenantatlas.tenants.scope import tenant_scope

from .due import Slot, next_slots, slots_between
from .models import Missed, Schedule, ScheduleSlot, SkipReason, SlotState, Tell
from .queries import RUN, open_run_of
from .services import run_params

if TYPE_CHECKING:
    from tenantatlas.runs.models import OperationRun

log = logging.getLogger(__name__)

#: A schedule is looked at again after so long at the latest, whatever its rule said the last time.
LOOK_AGAIN = timedelta(hours=1)
#: A slot found later than this was missed.
GRACE = timedelta(minutes=5)
#: When a country changes its rules, a slot moves by hours: so far back slots without a row are looked for.
_LOOK_BACK = timedelta(days=1)
#: After a longer silence than this, what was due before is not listed slot by slot.
_LONGEST_SILENCE = timedelta(days=90)
_AT_ONCE = 500
_ROWS_AT_ONCE = 1000


def start_due_slots(*, at: datetime | None = None) -> int:
    """Look at every schedule whose turn it is, and start what is due; how many runs were started."""
    moment = at or database_now()
    turns = _to_look_at(moment).order_by("look_at", "pk").values_list("pk", flat=True)
    return sum(_looked_at(pk, moment) for pk in turns[:_AT_ONCE])


def _to_look_at(at: datetime) -> QuerySet[Schedule]:
    """Those whose turn it is. One that is to wait for longer than may be saw a clock that was ahead."""
    turn = Q(look_at__lte=at) | Q(look_at__gt=at + LOOK_AGAIN)
    found: QuerySet[Schedule] = Schedule.all_tenants.filter(
        turn, paused_at=None, archived_at=None, tenant__removed_at=None
    )
    return found


def _looked_at(pk: int, at: datetime) -> bool:
    """One schedule that fails holds up no other."""
    try:
        return look_at(pk, at=at) is not None
    except IntegrityError:
        log.info("slot_taken", extra={"schedule": pk})  # another scheduler was first, and has done it
    except DatabaseError:
        raise
    except Exception:
        log.exception("schedule_failed", extra={"schedule": pk})
    return False


def look_at(pk: int, *, at: datetime) -> OperationRun | None:
    """Start the newest slot that is due, and record the others; the run, if one was started."""
    with transaction.atomic():
        turn = _to_look_at(at).select_for_update(of=("self",), skip_locked=True)
        schedule = turn.select_related("tenant", "owner").filter(pk=pk).first()
        if schedule is None:
            return None
        with tenant_scope(schedule.tenant):
            due = _due(schedule, at)
            run = _handle(schedule, due, at) if due else None
            following = next_slots(schedule.cadence, after=at, number=1)
            look = min([at + LOOK_AGAIN, *(slot.at for slot in following)])
            changes = {"handled_until": at, "look_at": look, **({"last_run": run} if run else {})}
            Schedule.objects.filter(pk=pk).update(**changes)
    return run


def _due(schedule: Schedule, at: datetime) -> list[Slot]:
    """The slots up to now that count and have no row yet, in order."""
    cadence = schedule.cadence
    back = timedelta() if cadence.counts_elapsed_time else _LOOK_BACK
    after = max(schedule.counts_from, schedule.handled_until - back, at - _LONGEST_SILENCE)
    found = slots_between(cadence, after=after, until=at)
    if not found:
        return []
    near = ScheduleSlot.objects.filter(
        schedule=schedule, due_at__gte=after - _LOOK_BACK, due_at__lte=at + _LOOK_BACK
    )
    known = set(near.values_list("key", flat=True))
    return [slot for slot in found if slot.key not in known]


def _handle(schedule: Schedule, due: Sequence[Slot], at: datetime) -> OperationRun | None:
    *earlier, newest = due
    missed = list(earlier)
    run = None
    if at - newest.at > GRACE and schedule.missed == Missed.SKIP:
        missed.append(newest)
    elif (busy := open_run_of(schedule)) is not None:
        _skip(schedule, [newest], SkipReason.OVERLAP)
        _tell_overlap(schedule, newest, busy)
    else:
        run = _start(schedule, newest)
    if missed:
        _skip(schedule, missed, SkipReason.MISSED)
        _tell_missed(schedule, missed, run)
    return run


def _start(schedule: Schedule, slot: Slot) -> OperationRun:
    run, _ = start_run(
        RUN,
        tenant=schedule.tenant,
        params=run_params(schedule, slot=slot.key),
        actor=schedule.owner,
        trigger=Trigger.SCHEDULE,
        nonce=f"slot-{schedule.pk}-{slot.key}"[:80],
        context={"schedule": schedule.pk},
    )
    ScheduleSlot.objects.create(
        schedule=schedule, key=slot.key, due_at=slot.at, state=SlotState.STARTED, run=run
    )
    log.info("slot_started", extra={"schedule": schedule.pk, "slot": slot.key, "run": run.pk})
    return run


def _skip(schedule: Schedule, skipped: Sequence[Slot], reason: SkipReason) -> None:
    ScheduleSlot.objects.bulk_create(
        [
            ScheduleSlot(
                schedule=schedule, key=slot.key, due_at=slot.at, state=SlotState.SKIPPED, reason=reason
            )
            for slot in skipped
        ],
        batch_size=_ROWS_AT_ONCE,
    )
    log.info("slots_skipped", extra={"schedule": schedule.pk, "reason": reason, "number": len(skipped)})


# ── The owner is told ─────────────────────────────────────────────────────────────────────────────────────


def _tell_overlap(schedule: Schedule, slot: Slot, busy: OperationRun) -> None:
    _tell_owner(
        schedule,
        title=f"Skipped: {schedule.name}",
        body=f"{slot.wall:%d %b %Y, %H:%M} {schedule.zone} came while run #{busy.pk} was still at work.",
    )


def _tell_missed(schedule: Schedule, missed: Sequence[Slot], run: OperationRun | None) -> None:
    times = "1 time was" if len(missed) == 1 else f"{len(missed)} times were"
    then = f"It runs once now, as run #{run.pk}." if run else "None was made up for."
    last = f"{missed[-1].wall:%d %b %Y, %H:%M} {schedule.zone}"
    _tell_owner(
        schedule,
        title=f"Missed: {schedule.name}",
        body=f"{times} due while no scheduler was running, the last one {last}. {then}",
    )


def _tell_owner(schedule: Schedule, *, title: str, body: str) -> None:
    if schedule.owner_told == Tell.NEVER:
        return
    notify_user(
        user_id=schedule.owner_id,
        subject=f"schedule/{schedule.pk}/skipped",
        tenant_id=schedule.tenant_id,
        title=title,
        body=body,
        tone="warning",
        url=f"/t/{schedule.tenant.slug}/schedules/{schedule.pk}/",
    )
