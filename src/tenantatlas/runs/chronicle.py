"""What is told about a run: its timeline, the log, the audit trail, the bell of who started it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tenantatlas.audit.services import record_event
from tenantatlas.core.errors import InputError
from tenantatlas.notifications.services import notify_user

from . import registry
from .lifecycle import EventKind, WaitReason
from .models import OperationRun, RunEvent

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User

log = logging.getLogger(__name__)


def tell_timeline(run: OperationRun, kind: EventKind, message: str) -> None:
    """A line in the run's timeline, and one in the log."""
    log.info("run_%s", kind.value, extra={"run": run.pk, "said": message})
    RunEvent.all_tenants.bulk_create(
        [RunEvent(tenant_id=run.tenant_id, run_id=run.pk, kind=kind.value, message=message[:300])]
    )


def tell_timeline_of(run_id: int, kind: EventKind, message: str) -> None:
    """A line in the timeline of the run with that id."""
    tell_timeline(OperationRun.all_tenants.only("pk", "tenant_id").get(pk=run_id), kind, message)


def tell_wait(run_id: int, *, reason: str, until: datetime | None) -> None:
    """A line for the wait; waiting again for the same queue of writers adds none."""
    if not reason:
        return
    kind = EventKind.THROTTLED if reason == WaitReason.THROTTLED else EventKind.WAITING
    words = f"Waiting: {reason.replace('_', ' ')}"
    if reason == WaitReason.TENANT_BUSY:
        last = RunEvent.all_tenants.filter(run_id=run_id).order_by("-id").first()
        if last is not None and last.message == words:
            return
    elif until is not None:
        words += f", until {until:%Y-%m-%d %H:%M:%S} UTC"
    tell_timeline_of(run_id, kind, words)


def audit_run(run: OperationRun, what: str, *, actor: User | None, details: dict[str, Any]) -> None:
    """An entry in the tenant's audit trail."""
    record_event(
        tenant_id=run.tenant_id,
        actor_id=actor.pk if actor else None,
        actor_name=actor.display_name if actor else "TenantAtlas",
        action=f"run.{what}:{run.operation}",
        subject=f"run/{run.pk}",
        details=details,
    )


def notify_people(run: OperationRun, *, title: str, body: str, tone: str) -> None:
    """The run's notification, one row for each person whom its operation tells: who started it."""
    for user_id in _told(run):
        notify_user(
            user_id=user_id,
            subject=f"run/{run.pk}",
            tenant_id=run.tenant_id,
            title=title,
            body=body,
            tone=tone,
            url=f"/t/{run.tenant.slug}/runs/{run.pk}/",
        )


def _told(run: OperationRun) -> Iterable[int]:
    try:
        op = registry.get_operation(run.operation)
    except InputError:
        return () if run.initiator_id is None else (run.initiator_id,)
    return op.told(run)
