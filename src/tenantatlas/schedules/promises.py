"""The dead man's check: who promised backups and has had no good one for too long is told of.

What is late is computed from the database whenever it is asked for, so pages and `tenantatlas schedules
check` show it also while no worker is alive. Here people are told, once for each time it becomes late.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.notifications.services import notify_user
from tenantatlas.runs.upkeep import database_now
from tenantatlas.tenants.models import Membership
from tenantatlas.tenants.queries import has_capability

from .models import Schedule
from .queries import Late, late_everywhere, people_told

if TYPE_CHECKING:
    from collections.abc import Iterable


def tell_of_late_backups(*, at: datetime | None = None) -> list[Late]:
    """Tell of what has become late, and of what is well again; returns everything that is late now."""
    moment = at or database_now()
    late = late_everywhere(at=moment)
    for one in late:
        if one.schedule.late_told_at is None:
            _tell_late(one, moment)
    told = Schedule.all_tenants.exclude(late_told_at=None).exclude(pk__in=[one.schedule.pk for one in late])
    for schedule in told.select_related("tenant"):
        _tell_well(schedule)
    return late


def _tell_late(late: Late, at: datetime) -> None:
    with transaction.atomic():
        mine = Schedule.all_tenants.filter(pk=late.schedule.pk, late_told_at=None).update(late_told_at=at)
        if mine:
            _notify(
                late.schedule,
                people_told(late.schedule, problem=True) or _managers(late.schedule),
                title=f"Backup overdue: {late.schedule.name}",
                body=late.sentence,
                tone="danger",
            )


def _tell_well(schedule: Schedule) -> None:
    with transaction.atomic():
        mine = (
            Schedule.all_tenants.filter(pk=schedule.pk).exclude(late_told_at=None).update(late_told_at=None)
        )
        if mine and schedule.archived_at is None:
            _notify(
                schedule,
                people_told(schedule, problem=True),
                title=f"Backed up again: {schedule.name}",
                body="Its newest backup is as recent as it should be.",
                tone="success",
            )


def _managers(schedule: Schedule) -> list[int]:
    """Who may change it, where nobody is left who wants to be told: overdue backups concern somebody."""
    members = Membership.objects.filter(tenant=schedule.tenant, user__is_active=True).select_related("user")
    return [
        member.user_id
        for member in members
        if has_capability(member.user, schedule.tenant, Capability.SCHEDULE_MANAGE)
    ]


def _notify(schedule: Schedule, people: Iterable[int], *, title: str, body: str, tone: str) -> None:
    for user_id in people:
        notify_user(
            user_id=user_id,
            subject=f"schedule/{schedule.pk}/late",
            tenant_id=schedule.tenant_id,
            title=title,
            body=body,
            tone=tone,
            url=f"/t/{schedule.tenant.slug}/schedules/{schedule.pk}/",
        )
