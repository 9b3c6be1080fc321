"""The runs of a schedule: of a slot, asked for now, or a slot's work again.

Each carries the operation that is scheduled: that operation plans, processes and finishes, under the
schedule's name in the list. So there is one run for each slot, and it is the one that does the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import BackupSet
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.registry import Operation, get_operation, label_of, operation, params_from_json
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.scope import tenant_scope

from .models import Schedule, ScheduledSet, ScheduleSlot
from .queries import RETRY, RUN, RUN_NOW, find_schedule, people_told
from .retention import surplus_of

if TYPE_CHECKING:
    from tenantatlas.runs.models import OperationRun
    from tenantatlas.tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class ScheduleRunParams:
    """The schedule, the slot if there is one, and the work as it was decided when the run was made."""

    schedule: int
    slot: str = ""
    name: str = ""
    operation: str = ""
    params: dict[str, Any] = field(default_factory=dict)


class _OfASchedule(Operation[ScheduleRunParams]):
    """What the runs of a schedule have in common."""

    params_type = ScheduleRunParams
    carries = True
    unique_by = ("schedule", "slot")

    def target(self, params: ScheduleRunParams) -> str:
        """The schedule."""
        return str(params.schedule)

    def subject(self, params: ScheduleRunParams, tenant: Tenant) -> str:  # noqa: ARG002 - the name says enough
        """The schedule's name, and the time of the slot."""
        due = params.slot.replace("T", " ", 1)
        return f"{params.name}, due {due}" if due else params.name

    def check(self, params: ScheduleRunParams, tenant: Tenant) -> None:
        """Refuse other work than the schedule's own."""
        with tenant_scope(tenant):
            schedule = find_schedule(params.schedule)
        if (params.operation, params.params) != (schedule.operation, schedule.params):
            raise InputError(
                f"This is not the work of the schedule {schedule.name}.",
                hint=f"Start it with `tenantatlas schedules run {schedule.pk}`.",
                details={"field": "operation"},
            )

    def carried(self, params: ScheduleRunParams) -> tuple[Operation[Any], Any]:
        """The operation that is scheduled."""
        work = get_operation(params.operation)
        if not work.schedulable:
            raise InputError(f"{work.label} cannot be put on a schedule.", details={"field": "operation"})
        return work, params_from_json(work, params.params)

    def ended(self, run: OperationRun) -> None:
        """Count the backup set among the schedule's, and let those go that are too many."""
        schedule = Schedule.objects.filter(pk=run.params["schedule"]).first()
        made = BackupSet.objects.filter(pk=run.context.get("set"), run=run).first()
        if schedule is None or made is None:
            return
        ScheduledSet.objects.get_or_create(backup_set=made, defaults={"schedule": schedule})
        if run.outcome == Outcome.SUCCEEDED and surplus_of(schedule):
            start_run("retention.apply", tenant=run.tenant, params={}, actor=None, trigger=Trigger.SYSTEM)


@operation(RUN, label="Scheduled run", needs=Capability.SCHEDULE_RUN)
class RunSlot(_OfASchedule):
    """Does the work of one slot, with the rights of the schedule's owner."""

    def check(self, params: ScheduleRunParams, tenant: Tenant) -> None:
        """Refuse a slot that has been dealt with: a slot has one run, and the clock starts it."""
        super().check(params, tenant)
        if ScheduleSlot.all_tenants.filter(schedule=params.schedule, key=params.slot).exists():
            raise Conflict(
                f"The slot {params.slot} of {params.name} has been dealt with already.",
                hint="Retry it on the schedule's page, or with `tenantatlas schedules retry`.",
            )

    def told(self, run: OperationRun) -> Iterable[int]:
        """The owner and the followers, each on the outcomes they chose."""
        schedule = Schedule.all_tenants.filter(pk=run.params["schedule"]).first()
        if schedule is None:
            return super().told(run)
        return people_told(schedule, problem=run.outcome not in ("", Outcome.SUCCEEDED))


@operation(RUN_NOW, label="Scheduled run, asked for now", needs=Capability.SCHEDULE_RUN)
class RunNow(_OfASchedule):
    """Does the work of a schedule once more, with the rights of who asks. Each request is another run."""

    def subject(self, params: ScheduleRunParams, tenant: Tenant) -> str:  # noqa: ARG002 - the name says enough
        """The schedule's name, what it does, and that somebody asked."""
        work = label_of(params.operation)
        return f"{params.name} ({work[:1].lower()}{work[1:]}), asked for now"


@operation(RETRY, label="Scheduled run, again", needs=Capability.SCHEDULE_RUN)
class RetrySlot(_OfASchedule):
    """Does the work of a slot again, whole, with the rights of who asks. Each request is another run."""
