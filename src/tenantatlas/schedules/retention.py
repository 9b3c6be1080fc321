"""Which backup sets of a schedule go: those older than its last N complete ones.

    newest ─────────────────────────────────────────▶ oldest          keep the last 2
    incomplete   COMPLETE   incomplete   COMPLETE │ incomplete  complete  kept
    stays        stays 1    stays        stays 2  │ goes        goes      stays

With fewer than N complete ones nothing goes. N is at least 1, so the last good one never goes.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from tenantatlas.backups.models import BackupSet, SetStatus
from tenantatlas.backups.services import collect_deleted, mark_deleted
from tenantatlas.core import clock
from tenantatlas.runs.registry import RunContext
from tenantatlas.runs.retention import retention_step

from .models import Schedule, ScheduledSet, ScheduleSlot

#: A slot's row says that it was dealt with, for as long as slots without one are looked for, and longer.
_SLOTS_STAY = timedelta(days=7)
_AT_ONCE = 1000

_FINISHED = (SetStatus.COMPLETE, SetStatus.INCOMPLETE)


def surplus_of(schedule: Schedule) -> list[BackupSet]:
    """The schedule's sets that are too many, newest first."""
    if schedule.keep_last is None:
        return []
    made = list(_sets_of(schedule))
    complete = [place for place, each in enumerate(made) if each.status == SetStatus.COMPLETE]
    if len(complete) < schedule.keep_last:
        return []
    last_kept = complete[schedule.keep_last - 1]
    return [each for each in made[last_kept + 1 :] if not each.kept]


def _sets_of(schedule: Schedule) -> QuerySet[BackupSet]:
    mine = ScheduledSet.objects.filter(schedule=schedule).values("backup_set")
    return BackupSet.objects.filter(pk__in=mine, status__in=_FINISHED).order_by("-created_at", "-pk")


@retention_step("backup_sets", label="Backup sets of schedules")
def remove_surplus_sets(ctx: RunContext) -> int:
    """Delete, schedule by schedule, the sets beyond the number to keep, and what only they held."""
    number = 0
    for schedule in Schedule.objects.exclude(keep_last=None).order_by("pk"):
        if ctx.cancelled():
            break
        number += _trim(schedule)
        ctx.beat()
    collect_deleted(ctx.tenant)
    return number


def _trim(schedule: Schedule) -> int:
    """The sets are locked meanwhile: nobody deletes a newer one while an older one goes for its sake."""
    with transaction.atomic():
        list(_sets_of(schedule).select_for_update(of=("self",)).values_list("pk"))
        going = surplus_of(schedule)
        for each in going:
            mark_deleted(each, actor=None)
    return len(going)


@retention_step("schedule_slots", label="History of schedules")
def remove_old_slots(ctx: RunContext) -> int:
    """Delete the slots that are as old as the runs which are forgotten."""
    days = max(timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS), _SLOTS_STAY)
    old = ScheduleSlot.objects.filter(due_at__lt=clock.now() - days).order_by("due_at")
    number = 0
    while not ctx.cancelled() and (going := list(old.values_list("pk", flat=True)[:_AT_ONCE])):
        number += ScheduleSlot.objects.filter(pk__in=going).delete()[0]
        ctx.beat()
    return number
