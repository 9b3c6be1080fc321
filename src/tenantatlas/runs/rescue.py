"""The keeper: queued runs without a job, waits that are over, runs whose worker is gone, what is old.

Called again and again in every worker process. Each find is handled by a guarded update first, so that of
several keepers one acts; all of them go back through the same door, `dispatch.hand_over`.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q
from django.db.models.functions import Now

from tenantatlas.core import clock

from . import dispatch, endings, journal, quarantine
from .lifecycle import RunStatus, WaitReason
from .models import OPEN, OperationRun, Worker
from .upkeep import Rounds

log = logging.getLogger(__name__)

#: A run queued for longer than this should have a job by now.
ORPHAN_SECONDS = 5.0
_ORPHANS_EVERY = 2.0
_RETENTION_EVERY = 3600.0
#: Lost workers are looked for more often than ours says that it lives: a lease that is over is seen at once.
_LOOKS_PER_HEARTBEAT = 3
_AT_ONCE = 200
_WORKERS_KEPT_DAYS = 7
_ENGINE_HISTORY_DAYS = 1


@dataclass
class Keeper:
    """One worker process's keeper: does what is due each time it is called."""

    worker: str
    rounds: Rounds = field(default_factory=Rounds)

    def __call__(self) -> None:
        """One round."""
        end_waits()
        self._every(_ORPHANS_EVERY, dispatch_orphans)
        self._every(_ORPHANS_EVERY, admit_waiting)
        self._every(settings.ATLAS_HEARTBEAT_SECONDS, self._beat)
        self._every(settings.ATLAS_HEARTBEAT_SECONDS / _LOOKS_PER_HEARTBEAT, self._rescue)
        self._every(_RETENTION_EVERY, apply_retention)

    def _beat(self) -> None:
        beat_worker(self.worker)

    def _rescue(self) -> None:
        rescue_lost_runs(self.worker)

    def _every(self, seconds: float, act: Callable[[], object]) -> None:
        self.rounds.every(seconds, getattr(act, "__name__", repr(act)), act)


# ── Workers ───────────────────────────────────────────────────────────────────────────────────────────────


def register_worker(worker: str, *, embedded: bool) -> None:
    """Make the worker known. On SQLite all others are gone: this process holds the lock."""
    if connection.vendor == "sqlite":
        Worker.objects.filter(stopped_at=None).exclude(pk=worker).update(stopped_at=Now())
    Worker.objects.update_or_create(
        pk=worker,
        defaults={
            "host": socket.gethostname()[:200],
            "pid": os.getpid(),
            "embedded": embedded,
            "heartbeat_at": Now(),
            "stopped_at": None,
        },
    )


def beat_worker(worker: str) -> None:
    """Say that the worker is alive."""
    Worker.objects.filter(pk=worker).update(heartbeat_at=Now(), stopped_at=None)


def retire_worker(worker: str) -> None:
    """Say that the worker has stopped: others may take over at once what it left."""
    Worker.objects.filter(pk=worker).update(stopped_at=Now())


# ── Runs ──────────────────────────────────────────────────────────────────────────────────────────────────


def end_waits() -> int:
    """Hand over the runs whose time has come; returns how many."""
    over = (
        OperationRun.all_tenants.filter(OPEN, status=RunStatus.QUEUED, waiting_until__lte=clock.now())
        .exclude(waiting_reason="")
        .order_by("waiting_until", "id")
    )
    return _each(over[:_AT_ONCE], _end_wait)


def _end_wait(run: OperationRun) -> bool:
    return journal.end_wait(run.pk, dispatch=run.dispatch) and dispatch.hand_over(run)


def _each(runs: Iterable[OperationRun], act: Callable[[OperationRun], bool]) -> int:
    """Do it for each, so that a run whose records are broken holds up no other; returns how often it did."""
    number = 0
    for run in runs:
        try:
            number += act(run)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("run_not_kept", extra={"run": run.pk})
    return number


def admit_waiting() -> None:
    """Second line of `journal.admit_next`: no tenant's runs wait for room that is there."""
    behind = OperationRun.all_tenants.filter(
        OPEN, status=RunStatus.QUEUED, waiting_reason=WaitReason.FAIR_SHARE, waiting_until=None
    )
    for tenant_id in behind.order_by().values_list("tenant_id", flat=True).distinct():
        journal.admit_next(tenant_id)


def dispatch_orphans(*, older_than: float = ORPHAN_SECONDS) -> int:
    """Hand over queued runs that nobody waits for and that have no job; returns how many."""
    orphans = list(
        OperationRun.all_tenants.filter(
            OPEN,
            status=RunStatus.QUEUED,
            imported_from="",
            waiting_reason="",
            dispatched_at__lte=clock.now() - timedelta(seconds=older_than),
        ).order_by("id")[:_AT_ONCE]
    )
    if not orphans:
        return 0
    states = dispatch.job_states((run.pk, run.dispatch) for run in orphans)
    return _each(orphans, lambda run: _dispatch_again(run, str(states[run.pk, run.dispatch])))


def _dispatch_again(run: OperationRun, job: str) -> bool:
    if job in ("waiting", "working"):
        return False
    if job == "over":
        return _after_breakdown(run)
    if job == "lost":
        return _after_loss(run)
    if not journal.mark_dispatched(run.pk, dispatch=run.dispatch):
        return False
    log.info("run_dispatched_again", extra={"run": run.pk, "dispatch": run.dispatch})
    return dispatch.hand_over(run)


def _after_breakdown(run: OperationRun) -> bool:
    """The engine is done with the run, but the run is not: it goes on under the next dispatch number."""
    if not quarantine.note(run.pk, dispatch=run.dispatch, why="the engine ended it early"):
        return False
    run.dispatch += 1
    log.warning("run_dispatched_again", extra={"run": run.pk, "dispatch": run.dispatch})
    return dispatch.hand_over(run)


def _after_loss(run: OperationRun) -> bool:
    """A worker took the job and was lost before it claimed the run: the next number is for others."""
    if not journal.queue_again(run.pk, dispatch=run.dispatch, why="The worker that was to take it was lost"):
        return False
    dispatch.drop_job(run.pk, run.dispatch)
    run.dispatch += 1
    log.warning("run_dispatched_again", extra={"run": run.pk, "dispatch": run.dispatch})
    return dispatch.hand_over(run)


def rescue_lost_runs(me: str) -> int:
    """Take over the runs of workers that are gone; returns how many."""
    _declare_lost_workers()
    alive = Worker.objects.filter(stopped_at=None).values("pk")
    lease = timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    silent = Q(heartbeat_at__lt=clock.now() - lease) | Q(heartbeat_at=None)
    lost = ~Q(worker__in=alive) if connection.vendor != "sqlite" else ~Q(worker=me)
    running = OperationRun.all_tenants.filter(OPEN, status=RunStatus.RUNNING, imported_from="")
    candidates = list(running.filter(lost | silent).order_by("id")[:_AT_ONCE])
    if not candidates:
        return 0
    states = dispatch.job_states((run.pk, run.dispatch) for run in candidates)
    living = set(alive.values_list("pk", flat=True))
    return _each(
        candidates,
        lambda run: _rescue(run, job=str(states[run.pk, run.dispatch]), worker_lives=run.worker in living),
    )


def _rescue(run: OperationRun, *, job: str, worker_lives: bool) -> bool:
    """On SQLite the engine itself brings back a job that it still has; that is awaited for one lease."""
    if job == "over":
        return _after_breakdown(run)
    has_job = job in ("waiting", "working")
    to_drop = has_job or job == "lost"
    since = (clock.now() - run.heartbeat_at).total_seconds() if run.heartbeat_at else float("inf")
    fresh = since < settings.ATLAS_LEASE_SECONDS
    if has_job and (worker_lives or (connection.vendor == "sqlite" and fresh)):
        return False
    if not journal.rescue_run(run.pk, dispatch=run.dispatch, why=f"Worker {run.worker or '?'} was lost"):
        return False
    if to_drop:
        dispatch.drop_job(run.pk, run.dispatch)
    run.dispatch += 1
    log.warning("run_rescued", extra={"run": run.pk, "dispatch": run.dispatch})
    return dispatch.hand_over(run)


def _declare_lost_workers() -> None:
    since = Now() - timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    silent = Worker.objects.filter(stopped_at=None, heartbeat_at__lt=since)
    for worker in silent.values_list("pk", flat=True):
        dispatch.end_sessions_of(worker)
    silent.update(stopped_at=Now())


# ── What is old ───────────────────────────────────────────────────────────────────────────────────────────


def apply_retention() -> int:
    """Delete completed runs beyond their days, and what the engine and stopped workers leave behind."""
    now = clock.now()
    number, deleted = 0, _AT_ONCE
    while deleted == _AT_ONCE:
        deleted = endings.delete_ended_before(
            now - timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS), limit=_AT_ONCE
        )
        number += deleted
    Worker.objects.filter(stopped_at__lt=now - timedelta(days=_WORKERS_KEPT_DAYS)).delete()
    while dispatch.forget_finished(now - timedelta(days=_ENGINE_HISTORY_DAYS)):
        pass
    return number
