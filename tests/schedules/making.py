"""Schedules for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.runs.models import OperationRun
from tenantatlas.schedules import services
from tenantatlas.schedules.models import Schedule, ScheduleSlot
from tenantatlas.schedules.services import Wanted, read_cadence
from tenantatlas.schedules.slots import start_due_slots
from tenantatlas.tenants.models import Tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_schedule(
    tenant: Tenant,
    actor: User,
    *,
    name: str = "Nightly",
    at: str = "02:00",
    zone: str = "UTC",
    cron: str = "",
    operation: str = "connection.check",
    **more: Any,
) -> Schedule:
    """A daily schedule, or one by cron, made by the person."""
    kind = "cron" if cron else "daily"
    cadence = read_cadence(kind=kind, zone=zone, at=at, cron=cron)
    return services.add_schedule(
        tenant, Wanted(name=name, operation=operation, cadence=cadence, **more), actor=actor
    )


def tick(at: datetime | None = None) -> int:
    """The scheduler looks once."""
    return start_due_slots(at=at or clock.now())


def newest_run() -> OperationRun:
    """The run that was made last."""
    found: OperationRun = OperationRun.all_tenants.select_related("tenant").latest("pk")
    return found


def told_of(schedule: Schedule) -> list[tuple[str, str, str]]:
    """The slots in order: when, what became of it, why not."""
    rows = ScheduleSlot.all_tenants.filter(schedule=schedule).order_by("due_at")
    return [(f"{slot.due_at:%d %H:%M}", slot.state, slot.reason) for slot in rows]
