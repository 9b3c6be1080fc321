"""What people ask of schedules: make, change, pause, archive, run now. The clock's part is in `slots`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.registry import all_operations, get_operation, params_from_json, params_to_json
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.queries import has_capability, require_capability
from tenantatlas.tenants.scope import tenant_scope

from .due import Cadence, CadenceKind, promise_of
from .models import Follower, Missed, Schedule, ScheduleSlot, Tell
from .queries import CAPTURE, RETRY, RUN_NOW

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User
    from tenantatlas.runs.models import OperationRun
    from tenantatlas.tenants.models import Tenant

_LONGEST_NAME = 120
_MOST_KEPT = 1000


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Everything that a person decides of a schedule."""

    name: str
    operation: str
    cadence: Cadence
    params: Mapping[str, Json] = field(default_factory=dict)
    missed: Missed = Missed.RUN_ONCE
    owner_told: Tell = Tell.ALWAYS
    keep_last: int | None = None


def schedulable_operations() -> list[tuple[str, str]]:
    """The key and label of what may be put on a schedule, by label."""
    found = [(op.key, op.label) for op in all_operations() if op.schedulable]
    return sorted(found, key=lambda each: each[1])


def wanted_of(schedule: Schedule) -> Wanted:
    """What was decided of the schedule, to be changed with `dataclasses.replace`."""
    return Wanted(
        name=schedule.name,
        operation=schedule.operation,
        cadence=schedule.cadence,
        params=schedule.params,
        missed=Missed(schedule.missed),
        owner_told=Tell(schedule.owner_told),
        keep_last=schedule.keep_last,
    )


def read_cadence(
    *, kind: CadenceKind | str, zone: str, at: str = "", weekdays: tuple[int, ...] = (), cron: str = ""
) -> Cadence:
    """A cadence from what a person gave; an `InputError` names the field."""
    chosen = CadenceKind(kind)
    if chosen is CadenceKind.CRON:
        return Cadence(kind=chosen, zone=zone, cron=" ".join(cron.split()))
    days = tuple(sorted(set(weekdays))) if chosen is CadenceKind.WEEKLY else ()
    return Cadence(kind=chosen, zone=zone, at=_time_of_day(at), weekdays=days)


def _time_of_day(text: str) -> time:
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise InputError(
            f"{text[:20]!r} is not a time of day.",
            hint="Write hours and minutes, such as 02:00.",
            details={"field": "at"},
        ) from None


# ── Making and changing ───────────────────────────────────────────────────────────────────────────────────


def add_schedule(tenant: Tenant, wanted: Wanted, *, actor: User) -> Schedule:
    """A new schedule, owned by who makes it: its runs have that person's rights."""
    checked = _checked(tenant, wanted, actor=actor)
    now = clock.now()
    schedule = Schedule(tenant=tenant, owner=actor, created_at=now)
    _decide(schedule, checked)
    _count_from(schedule, now)
    with tenant_scope(tenant):
        _save(schedule, force_insert=True, actor=actor, action="schedule.add")
    return schedule


def change_schedule(schedule: Schedule, wanted: Wanted, *, actor: User) -> Schedule:
    """Decide anew. Another cadence counts from now: nothing that was due before is made up for."""
    if wanted.operation != schedule.operation:
        raise InputError(
            "A schedule keeps its operation.", hint="Make another one.", details={"field": "operation"}
        )
    checked = _checked(schedule.tenant, wanted, actor=actor)
    with tenant_scope(schedule.tenant), transaction.atomic():
        locked = _locked(schedule)
        _require_not_archived(locked)
        moved = checked.cadence != locked.cadence
        _decide(locked, checked)
        if moved:
            _count_from(locked, clock.now())
        _save(locked, actor=actor, action="schedule.change")
    return locked


def take_over(schedule: Schedule, *, actor: User) -> Schedule:
    """Make the person the owner: from now on its runs have their rights, and they are told."""
    _checked(schedule.tenant, wanted_of(schedule), actor=actor)
    with tenant_scope(schedule.tenant), transaction.atomic():
        locked = _locked(schedule)
        locked.owner = actor
        _save(locked, actor=actor, action="schedule.take_over")
    return locked


def duplicate_schedule(schedule: Schedule, *, actor: User, name: str = "") -> Schedule:
    """A paused copy, owned by who makes it."""
    wanted = replace(wanted_of(schedule), name=name or _free_name(schedule))
    with transaction.atomic():
        copy = add_schedule(schedule.tenant, wanted, actor=actor)
        return pause_schedule(copy, actor=actor)


def _free_name(schedule: Schedule) -> str:
    with tenant_scope(schedule.tenant):
        taken = {name.lower() for name in Schedule.objects.values_list("name", flat=True)}
    stem = schedule.name[: _LONGEST_NAME - 12]
    names = [f"Copy of {stem}", *(f"Copy {number} of {stem}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.lower() not in taken)


def _checked(tenant: Tenant, wanted: Wanted, *, actor: User) -> Wanted:
    """The same with its params frozen whole; refuses what may not, or cannot, be scheduled by this person."""
    require_capability(actor, tenant, Capability.SCHEDULE_MANAGE)
    op = get_operation(wanted.operation)
    if not op.schedulable:
        raise InputError(
            f"{op.label} cannot be put on a schedule.",
            hint=f"These can: {', '.join(key for key, _ in schedulable_operations())}.",
            details={"field": "operation"},
        )
    require_capability(actor, tenant, op.needs)
    params = params_from_json(op, wanted.params)
    op.check(params, tenant)
    name = " ".join(wanted.name.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        raise InputError(
            f"A schedule needs a name of at most {_LONGEST_NAME} characters.", details={"field": "name"}
        )
    _check_retention(wanted)
    return replace(wanted, name=name, operation=op.key, params=params_to_json(params))


def _check_retention(wanted: Wanted) -> None:
    if wanted.keep_last is None:
        return
    if wanted.operation != CAPTURE:
        raise InputError("Only backups are kept by number.", details={"field": "keep_last"})
    if not 1 <= wanted.keep_last <= _MOST_KEPT:
        raise InputError(f"Keep 1 to {_MOST_KEPT} complete sets, or all.", details={"field": "keep_last"})


def _decide(schedule: Schedule, wanted: Wanted) -> None:
    cadence = wanted.cadence
    promise = promise_of(cadence, after=clock.now())
    if not promise:
        raise InputError("This cadence never comes.", details={"field": "cron"})
    schedule.name, schedule.operation, schedule.params = wanted.name, wanted.operation, dict(wanted.params)
    schedule.cadence_kind, schedule.at = cadence.kind.value, cadence.at
    schedule.weekdays, schedule.cron, schedule.zone = list(cadence.weekdays), cadence.cron, cadence.zone
    schedule.missed, schedule.owner_told = wanted.missed.value, wanted.owner_told.value
    schedule.keep_last, schedule.promise_seconds = wanted.keep_last, int(promise.total_seconds())


def _count_from(schedule: Schedule, moment: datetime) -> None:
    schedule.counts_from = schedule.handled_until = schedule.look_at = moment


def _save(schedule: Schedule, *, actor: User, action: str, force_insert: bool = False) -> None:
    schedule.changed_at = clock.now()
    try:
        with transaction.atomic():
            schedule.save(force_insert=force_insert)
            audit_schedule(schedule, actor, action)
    except IntegrityError as error:
        raise Conflict(
            f"There is a schedule called {schedule.name} already.",
            hint="Give it another name.",
            details={"field": "name"},
        ) from error


# ── On, off, away ─────────────────────────────────────────────────────────────────────────────────────────


def pause_schedule(schedule: Schedule, *, actor: User) -> Schedule:
    """Start nothing until it is resumed. Doing it twice changes nothing."""
    return _switch(schedule, actor=actor, action="schedule.pause")


def resume_schedule(schedule: Schedule, *, actor: User) -> Schedule:
    """Go on from now: what was due meanwhile was not wanted, and is not made up for."""
    return _switch(schedule, actor=actor, action="schedule.resume")


def archive_schedule(schedule: Schedule, *, actor: User) -> Schedule:
    """Put it away: it starts nothing and leaves the list; its history stays."""
    return _switch(schedule, actor=actor, action="schedule.archive")


def restore_schedule(schedule: Schedule, *, actor: User) -> Schedule:
    """Take it back from the archive, as it was: on, or paused. It counts from now."""
    return _switch(schedule, actor=actor, action="schedule.restore")


def _switch(schedule: Schedule, *, actor: User, action: str) -> Schedule:
    require_capability(actor, schedule.tenant, Capability.SCHEDULE_MANAGE)
    now = clock.now()
    with tenant_scope(schedule.tenant), transaction.atomic():
        locked = _locked(schedule)
        before = (locked.paused_at, locked.archived_at)
        if action in ("schedule.pause", "schedule.resume"):
            _require_not_archived(locked)
            locked.paused_at = (locked.paused_at or now) if action == "schedule.pause" else None
        else:
            locked.archived_at = (locked.archived_at or now) if action == "schedule.archive" else None
        if (locked.paused_at, locked.archived_at) != before:
            if locked.is_on:
                _count_from(locked, now)
            _save(locked, actor=actor, action=action)
    return locked


def delete_schedule(schedule: Schedule, *, actor: User) -> None:
    """Delete it with its history. Its runs and backup sets stay; retention leaves those sets alone."""
    require_capability(actor, schedule.tenant, Capability.SCHEDULE_MANAGE)
    with tenant_scope(schedule.tenant), transaction.atomic():
        locked = _locked(schedule)
        audit_schedule(locked, actor, "schedule.delete")
        locked.delete()


def _locked(schedule: Schedule) -> Schedule:
    found: Schedule = (
        Schedule.all_tenants.select_for_update(of=("self",))
        .select_related("tenant", "owner")
        .get(pk=schedule.pk)
    )
    return found


def _require_not_archived(schedule: Schedule) -> None:
    if schedule.archived_at is not None:
        raise Conflict(f"{schedule.name} is archived.", hint="Restore it first.")


# ── Who is told ───────────────────────────────────────────────────────────────────────────────────────────


def follow_schedule(schedule: Schedule, *, user: User, told: Tell, actor: User) -> None:
    """Have a member told of its runs. One follows for oneself; for others it needs `schedule.manage`."""
    if not has_capability(user, schedule.tenant, Capability.TENANT_VIEW):
        raise InputError(f"{user.email} is not a member of {schedule.tenant.slug}.")
    _require_own(schedule, user, actor)
    with tenant_scope(schedule.tenant), transaction.atomic():
        Follower.objects.update_or_create(schedule=schedule, user=user, defaults={"told": told.value})
        audit_schedule(schedule, actor, "schedule.follow", person=user.email, told=told.value)


def unfollow_schedule(schedule: Schedule, *, user: User, actor: User) -> None:
    """Tell the person no longer."""
    _require_own(schedule, user, actor)
    with tenant_scope(schedule.tenant), transaction.atomic():
        gone, _ = Follower.objects.filter(schedule=schedule, user=user).delete()
        if gone:
            audit_schedule(schedule, actor, "schedule.unfollow", person=user.email)


def _require_own(schedule: Schedule, user: User, actor: User) -> None:
    own = user.pk == actor.pk
    require_capability(actor, schedule.tenant, Capability.TENANT_VIEW if own else Capability.SCHEDULE_MANAGE)


def audit_schedule(schedule: Schedule, actor: User | None, action: str, **more: Json) -> None:
    """An entry in the tenant's audit trail."""
    record_event(
        tenant_id=schedule.tenant_id,
        actor_id=actor.pk if actor else None,
        actor_name=actor.display_name if actor else "TenantAtlas",
        action=action,
        subject=f"schedule/{schedule.pk}",
        details={"name": schedule.name, "operation": schedule.operation, **more},
    )


# ── Runs that a person asks for ───────────────────────────────────────────────────────────────────────────


def run_now(schedule: Schedule, *, actor: User, trigger: Trigger, nonce: str) -> tuple[OperationRun, bool]:
    """Do its work once, now, with the person's own rights. The same request twice is one run."""
    _require_not_archived(schedule)
    return _start(RUN_NOW, schedule, actor=actor, trigger=trigger, nonce=f"now-{schedule.pk}-{nonce}")


def retry_slot(slot: ScheduleSlot, *, actor: User, trigger: Trigger, nonce: str) -> tuple[OperationRun, bool]:
    """Do the work of a slot again, whole, as the schedule now says. Refused while, or where, it went well."""
    run = slot.run
    if run is not None and run.is_open:
        raise Conflict(
            f"Run {run.pk} of this slot has not ended yet.", hint="Wait until it has, or cancel it."
        )
    if run is not None and run.outcome == Outcome.SUCCEEDED:
        raise Conflict("This slot succeeded, so there is nothing to do again.", hint="Run the schedule now.")
    _require_not_archived(slot.schedule)
    again = f"retry-{slot.pk}-{nonce}"
    return _start(RETRY, slot.schedule, actor=actor, trigger=trigger, nonce=again, slot=slot)


def _start(
    key: str,
    schedule: Schedule,
    *,
    actor: User,
    trigger: Trigger,
    nonce: str,
    slot: ScheduleSlot | None = None,
) -> tuple[OperationRun, bool]:
    with transaction.atomic():
        run, created = start_run(
            key,
            tenant=schedule.tenant,
            params=run_params(schedule, slot=slot.key if slot else ""),
            actor=actor,
            trigger=trigger,
            nonce=nonce[:80],
            parent=slot.run if slot else None,
            context={"schedule": schedule.pk},
        )
        if created:
            Schedule.all_tenants.filter(pk=schedule.pk).update(last_run=run)
    return run, created


def run_params(schedule: Schedule, *, slot: str = "") -> dict[str, Json]:
    """What a run of the schedule is given, frozen: a later change of the schedule does not reach it."""
    return {
        "schedule": schedule.pk,
        "slot": slot,
        "name": schedule.name,
        "operation": schedule.operation,
        "params": schedule.params,
    }
