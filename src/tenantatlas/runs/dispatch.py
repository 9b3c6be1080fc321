"""The seam to the engine: hand a queued run over, ask after it, work it right here.

Another engine fits behind these functions. The engine is imported only where a run is handed over.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from tenantatlas.core import ids
from tenantatlas.core.errors import DispatchFailed

from . import endings, executor, journal
from .context import Hand
from .lifecycle import Trigger
from .models import OperationRun, Worker

if TYPE_CHECKING:
    from .engine import JobState

log = logging.getLogger(__name__)

_prepared: set[str] = set()
_preparing = threading.Lock()


def hand_over_new(run: OperationRun) -> None:
    """Hand over a run within the transaction that makes it.

    On PostgreSQL the job is part of that transaction. On SQLite it follows the commit, and only if
    somebody works
    there: a worker that starts later finds the run by itself.
    """
    if journal.queue_behind(run):
        return
    if connection.vendor == "sqlite":
        transaction.on_commit(lambda: _hand_over_after_commit(run))
    else:
        hand_over(run)


def _hand_over_after_commit(run: OperationRun) -> None:
    if alive():
        hand_over(run)


def hand_over(run: OperationRun) -> bool:
    """Hand the queued run over; one that cannot be is completed at once as failed, and False returned."""
    from .engine import hand_over as give

    try:
        prepare()
        with transaction.atomic():
            give(run.pk, run.dispatch, bulk=run.trigger == Trigger.SCHEDULE)
    except Exception as error:
        log.exception("dispatch_failed", extra={"run": run.pk})
        failed = DispatchFailed(
            "The work could not be handed to the engine, so nothing was started.",
            hint=f"Start it again; if that fails too, look into the log ({type(error).__name__}).",
        )
        endings.end_unstarted(run.pk, dispatch=run.dispatch, error=failed)
        run.refresh_from_db(from_queryset=OperationRun.all_tenants.all())
        return False
    return True


def prepare() -> None:
    """See to it that the engine's store exists, once per process and database.

    Call outside of a transaction: on PostgreSQL the building of the store waits for all others to end, and
    those that wait for a lock of this one never would.
    """
    from . import engine

    name = str(connection.settings_dict["NAME"])
    if name in _prepared:
        return
    with _preparing:
        if not engine.store_is_prepared():
            engine.prepare_store()
        _prepared.add(name)


def job_states(handed: Iterable[tuple[int, int]]) -> dict[tuple[int, int], JobState]:
    """What the engine knows of these (run id, dispatch) pairs."""
    from . import engine

    return engine.job_states(handed)


def drop_job(run_id: int, dispatch: int) -> None:
    """Take a hand-over back in the engine, as far as it knows of it."""
    from . import engine

    try:
        engine.drop_job(run_id, dispatch)
    except Exception:
        log.exception("job_not_dropped", extra={"run": run_id})


def forget_finished(before: datetime) -> int:
    """Delete the engine's history of jobs that ended before the moment."""
    from . import engine

    return engine.forget_finished(before)


def launch(*, worker: str, keepers: Mapping[str, Callable[[], None]]) -> None:
    """Make this process a worker of that name, with these keepers by its side."""
    from . import engine

    engine.launch(worker=worker, keepers=keepers)


def stop() -> bool:
    """Stop being a worker; False when a run did not reach a boundary in time."""
    from . import engine

    return engine.stop()


def end_sessions_of(worker: str) -> None:
    """End what a lost worker still has open in the database, with its locks."""
    from . import engine

    engine.end_sessions_of(worker)


def own_worker() -> str:
    """This process's name as a worker; empty when it is none."""
    from . import engine

    return engine.worker_id()


def refused_for(seconds: float) -> Exception | None:
    """How our database has refused this worker for so long (seconds of the clock); None where it has not."""
    from . import engine

    return engine.refused_for(seconds)


def alive() -> bool:
    """Whether any process works runs now: who holds the home's lock, or has a fresh heartbeat."""
    if connection.vendor == "sqlite":
        from . import engine

        return engine.home_lock().held_by_anyone()
    silent = Now() - timedelta(seconds=settings.ATLAS_LEASE_SECONDS)
    return Worker.objects.filter(stopped_at=None, heartbeat_at__gte=silent).exists()


def run_inline(run: OperationRun) -> OperationRun:
    """Work the run in the calling thread, without the engine, and return it as it then is.

    Tests use it; it also works inside a transaction.
    """
    executor.execute(run.pk, dispatch=run.dispatch, hand=Hand.alone(f"inline-{ids.fresh_id()[:8]}"))
    worked: OperationRun = OperationRun.all_tenants.select_related("tenant").get(pk=run.pk)
    return worked
