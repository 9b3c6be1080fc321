"""What pages, commands and the clock read of schedules. The database only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import OuterRef, QuerySet, Subquery

from tenantatlas.backups.models import SetStatus
from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound
from tenantatlas.runs.models import OPEN, OperationRun
from tenantatlas.runs.registry import label_of
from tenantatlas.tenants.models import Membership

from .due import Slot, describe, next_slots
from .models import Follower, Schedule, ScheduledSet, ScheduleSlot, Tell

if TYPE_CHECKING:
    pass

#: The operations under which a schedule's runs are listed.
RUN, RUN_NOW, RETRY = "backup_schedule.run", "backup_schedule.run_now", "backup_schedule.retry"
OPERATIONS = (RUN, RUN_NOW, RETRY)
CAPTURE = "backup_set.capture"
#: No good backup for so many times the promise is late.
LATE_AFTER = 1.5
_SLOTS_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Late:
    """A schedule whose newest good backup is older than it may be."""

    schedule: Schedule
    last_good: datetime | None
    since: datetime

    @property
    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        promise = hours_in_words(self.schedule.promise_seconds)
        why = " It is paused." if self.schedule.paused_at else ""
        if self.last_good is None:
            return f"No good backup yet, though one is due every {promise}.{why}"
        when = f"{self.last_good:%d %b %Y, %H:%M} UTC"
        return f"No good backup since {when}, though one is due every {promise}.{why}"


@dataclass(frozen=True, kw_only=True)
class ScheduleRow:
    """One line of the list. `following` is the next slot, None while it is off."""

    schedule: Schedule
    label: str
    cadence: str
    following: Slot | None
    last_slot: ScheduleSlot | None
    last_run: OperationRun | None
    late: Late | None


def hours_in_words(seconds: float) -> str:
    """A promise as people say it: 24 hours, 7 days, 15 minutes."""
    minutes = round(seconds / 60)
    hours, days = minutes // 60, minutes // 1440
    if days > 1 and not minutes % 1440:
        return f"{days} days"
    if hours and not minutes % 60:
        return f"{hours} hour" if hours == 1 else f"{hours} hours"
    return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"


# ── One tenant's schedules ────────────────────────────────────────────────────────────────────────────────


def schedule_list(*, archived: bool = False, text: str = "", operation: str = "") -> QuerySet[Schedule]:
    """The schedules of the tenant in scope, by name: those in use, or those put away."""
    rows = Schedule.objects.filter(archived_at__isnull=not archived).select_related(
        "owner", "tenant", "last_run"
    )
    if text:
        rows = rows.filter(name__icontains=text)
    if operation:
        rows = rows.filter(operation=operation)
    return rows.order_by("name", "pk")


def find_schedule(number: int) -> Schedule:
    """A schedule of the tenant in scope."""
    found = Schedule.objects.select_related("owner", "tenant", "last_run").filter(pk=number).first()
    if found is None:
        raise NotFound(
            f"There is no schedule {number} here.", hint="See them with `tenantatlas schedules list`."
        )
    return found


def schedule_rows(schedules: Iterable[Schedule], *, at: datetime | None = None) -> list[ScheduleRow]:
    """The lines of these schedules of the tenant in scope. Two queries however many there are."""
    shown, moment = list(schedules), at or clock.now()
    slots = _newest_slots(shown)
    late = {one.schedule.pk: one for one in late_schedules(at=moment)}
    return [
        ScheduleRow(
            schedule=each,
            label=label_of(each.operation),
            cadence=describe(each.cadence),
            following=following_slot(each, at=moment),
            last_slot=slots.get(each.pk),
            last_run=each.last_run,
            late=late.get(each.pk),
        )
        for each in shown
    ]


def following_slot(schedule: Schedule, *, at: datetime) -> Slot | None:
    """The next slot of a schedule that is on."""
    if not schedule.is_on:
        return None
    return next(iter(next_slots(schedule.cadence, after=at, number=1)), None)


def backups_are_scheduled() -> bool:
    """Whether a schedule of the tenant in scope takes backups, on or paused."""
    return Schedule.objects.filter(operation=CAPTURE, archived_at=None).exists()


def next_due(*, number: int, at: datetime | None = None) -> list[tuple[Schedule, Slot]]:
    """What comes next in the tenant in scope, soonest first."""
    moment = at or clock.now()
    rows = schedule_list().filter(paused_at=None)
    found = [(each, slot) for each in rows if (slot := following_slot(each, at=moment))]
    return sorted(found, key=lambda each: each[1].at)[:number]


def slot_list(schedule: Schedule, *, state: str = "") -> QuerySet[ScheduleSlot]:
    """The slots of a schedule, newest first."""
    rows = ScheduleSlot.objects.filter(schedule=schedule).select_related("run")
    if state:
        rows = rows.filter(state=state)
    return rows.order_by("-due_at", "-pk")


def runs_asked_for(schedule: Schedule) -> QuerySet[OperationRun]:
    """The runs of a schedule that people asked for, outside its times: newest first."""
    rows = OperationRun.objects.filter(operation=RUN_NOW, params__schedule=schedule.pk)
    return rows.order_by("-pk")


def find_slot(schedule: Schedule, number: int) -> ScheduleSlot:
    """A slot of the schedule."""
    found = slot_list(schedule).filter(pk=number).select_related("run", "schedule", "tenant").first()
    if found is None:
        raise NotFound(f"There is no slot {number} of this schedule.")
    return found


def newest_slot(schedule: Schedule) -> ScheduleSlot | None:
    """The slot that was due last."""
    return slot_list(schedule).select_related("run", "schedule", "tenant").first()


def open_run_of(schedule: Schedule) -> OperationRun | None:
    """The schedule's newest run that has not ended: of a slot, or one that a person asked for."""
    busy = OperationRun.objects.filter(OPEN, operation__in=OPERATIONS, params__schedule=schedule.pk)
    return busy.order_by("-pk").first()


def _newest_slots(schedules: Sequence[Schedule]) -> dict[int, ScheduleSlot]:
    newest = ScheduleSlot.objects.filter(schedule=OuterRef("pk")).order_by("-due_at", "-pk").values("pk")[:1]
    ids = Schedule.objects.filter(pk__in=[each.pk for each in schedules]).values_list(
        Subquery(newest), flat=True
    )
    return {slot.schedule_id: slot for slot in ScheduleSlot.objects.filter(pk__in=ids).select_related("run")}


# ── Who is told ───────────────────────────────────────────────────────────────────────────────────────────


def people_told(schedule: Schedule, *, problem: bool) -> list[int]:
    """The members who are told: the owner and the followers, each as they chose."""
    chosen = {schedule.owner_id: schedule.owner_told}
    for user_id, told in Follower.all_tenants.filter(schedule=schedule).values_list("user_id", "told"):
        chosen.setdefault(user_id, told)
    enough = (Tell.ALWAYS, Tell.PROBLEMS) if problem else (Tell.ALWAYS,)
    wanted = [user_id for user_id, told in chosen.items() if told in enough]
    members = Membership.objects.filter(
        tenant=schedule.tenant_id, user_id__in=wanted, user__is_active=True
    ).values_list("user_id", flat=True)
    return sorted(members)


# ── Late ──────────────────────────────────────────────────────────────────────────────────────────────────


def late_schedules(*, at: datetime | None = None) -> list[Late]:
    """The schedules of the tenant in scope that promised a backup and have had none for too long."""
    return _late(Schedule.objects.all(), at or clock.now())


def late_everywhere(*, at: datetime | None = None) -> list[Late]:
    """The same over all tenants."""
    return _late(Schedule.all_tenants.filter(tenant__removed_at=None), at or clock.now())


def _late(schedules: QuerySet[Schedule], at: datetime) -> list[Late]:
    """Paused ones too: a backup that was switched off and forgotten is what this is for."""
    good = (
        ScheduledSet.all_tenants.filter(schedule=OuterRef("pk"), backup_set__status=SetStatus.COMPLETE)
        .order_by("-backup_set__captured_at")
        .values("backup_set__captured_at")[:1]
    )
    rows = (
        schedules.filter(archived_at=None, operation=CAPTURE)
        .select_related("tenant", "owner")
        .annotate(last_good=Subquery(good))
        .order_by("pk")
    )
    found = []
    for each in rows:
        last_good: datetime | None = each.last_good
        since = (last_good or each.created_at) + timedelta(seconds=LATE_AFTER * each.promise_seconds)
        if since < at:
            found.append(Late(schedule=each, last_good=last_good, since=since))
    return found
