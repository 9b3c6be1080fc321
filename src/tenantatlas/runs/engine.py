"""DBOS carries runs and brings them back after a crash. The only module that knows it.

One durable function works a run: `work_run(run_id, dispatch)`, workflow id `<install>:<run>:<dispatch>`.
Its steps are the parts of `executor`; they keep their state in our rows, so a step that is done twice does
nothing twice, and what the engine forgets the keeper hands over again. Nothing here is started by
importing it, or by `check` and `migrate`: only `launch` starts threads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, WorkflowStatus
from dbos import _serialization as dbos_serialization
from dbos._dbos import _get_dbos_instance
from django.conf import settings
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from tenantatlas.core import clock
from tenantatlas.core.errors import StorageFailed

from . import executor, quarantine
from .context import Hand, Word
from .lock import HomeLock
from .models import Installation, Worker

log = logging.getLogger(__name__)

#: Part of every job's address. A constant: a hash of the source would strand what is in flight at each
#: upgrade.
APPLICATION_VERSION = "1"
APPLICATION_NAME = "tenantatlas"
SCHEMA = "dbos"
WORKFLOW = "work_run"
#: The executor of an embedded install; there is one at a time, so the next one takes over its jobs at launch.
EMBEDDED_EXECUTOR = "embedded"
INTERACTIVE_QUEUE, BULK_QUEUE = "interactive", "bulk"
#: How many runs one process works at once, per queue.
RUNS_AT_ONCE = {INTERACTIVE_QUEUE: 4, BULK_QUEUE: 2}
_POLLING_SECONDS = {INTERACTIVE_QUEUE: 0.1, BULK_QUEUE: 0.25}
_THREADS = sum(RUNS_AT_ONCE.values()) + 4
_POOL = 10
_DRAIN_SECONDS = 25.0
_KEEPER_DRAIN_SECONDS = 3.0
_KEEPER_SECONDS = 0.25
_MOST_RECOVERIES = 1000
_HISTORY_AT_ONCE = 500
_NEWEST_SQLITE_LACKING_SUBSEC = (3, 42)


class JobState(StrEnum):
    """What the engine knows of one hand-over."""

    NONE = "none"
    WAITING = "waiting"
    WORKING = "working"
    LOST = "lost"  # taken by a worker that is gone: nobody works it
    OVER = "over"


_JOB_STATES = {"ENQUEUED": JobState.WAITING, "DELAYED": JobState.WAITING, "PENDING": JobState.WORKING}


#: What the driver raises while our database cannot be used.
_AWAY = (OperationalError, InterfaceError)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What our database refuses a keeper with: the first time and the last (monotonic)."""

    since: float
    last: float
    error: Exception


@dataclass
class _Process:
    """What this process has running."""

    store: sa.Engine | None = None
    client: DBOSClient | None = None
    worker: str = ""
    home: HomeLock | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    keepers: list[threading.Thread] = field(default_factory=list)
    in_hand: set[int] = field(default_factory=set)
    guard: threading.RLock = field(default_factory=threading.RLock)
    #: keeper → how our database refuses it
    refused: dict[str, Refused] = field(default_factory=dict)


_process = _Process()


# ── The store ─────────────────────────────────────────────────────────────────────────────────────────────


class PickleRefused(ValueError):
    """The engine's store holds a pickle: it was not written by us, and is not read."""


def _refuse_pickle(_serializer: Any, _text: str) -> Any:
    raise PickleRefused("pickles are not read from the engine's store")


def _write_type(_serializer: Any, value: Any) -> str:
    return dbos_serialization.DBOSPortableJSON.serialize(type(value).__name__)


# Choosing a JSON serializer leaves rows readable that say they are pickles; reading one would run its code.
# For such a row the engine writes how it ended in the same format: the kind of error in words is enough.
for _name, _guard in (("deserialize", _refuse_pickle), ("serialize", _write_type)):
    setattr(dbos_serialization.DefaultSerializer, _name, _guard)


def _store_path() -> Path:
    return Path(settings.ATLAS_HOME) / "engine.db"


def _is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def _unixepoch(*modifiers: str) -> float | int:
    """SQLite's `unixepoch`, as its version 3.42 has it; the engine asks for no other forms."""
    seconds = datetime.now(UTC).timestamp()
    return round(seconds, 3) if "subsec" in modifiers else int(seconds)


def _prepare_sqlite(dbapi: sqlite3.Connection, _record: Any) -> None:
    dbapi.isolation_level = "IMMEDIATE"
    dbapi.execute("PRAGMA busy_timeout=30000")
    dbapi.execute("PRAGMA journal_mode=WAL")
    # Losing the last commits at power loss is enough here: our own file is the truth, and hands over again.
    dbapi.execute("PRAGMA synchronous=NORMAL")
    dbapi.execute("PRAGMA foreign_keys=ON")
    if sqlite3.sqlite_version_info < _NEWEST_SQLITE_LACKING_SUBSEC:
        dbapi.create_function("unixepoch", -1, _unixepoch)


def _make_store() -> sa.Engine:
    if _is_sqlite():
        path = _store_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        store = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), pool_size=_POOL, max_overflow=0, pool_timeout=30
        )
        sa.event.listen(store, "connect", _prepare_sqlite)
        return store
    place = connection.settings_dict
    named = {
        "dbname": place["NAME"],
        "user": place["USER"],
        "password": place["PASSWORD"],
        "host": place["HOST"],
        "port": place["PORT"],
    }
    arguments = {name: value for name, value in named.items() if value}
    arguments["options"] = f"-c idle_in_transaction_session_timeout={_longest_idle()}"
    return sa.create_engine(
        "postgresql+psycopg://",
        connect_args={**arguments, **place.get("OPTIONS", {}), "application_name": _session_name()},
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=True,
    )


def _longest_idle() -> int:
    """After how many milliseconds PostgreSQL ends the transaction of a worker that says nothing.

    One that is frozen would hold its locks otherwise, and every keeper that wants to take its runs over
    would wait for it. Half a lease, so that whoever waited has not missed a heartbeat of its own.
    """
    return int(settings.ATLAS_LEASE_SECONDS * 500)


def _session_name(worker: str = "") -> str:
    """What PostgreSQL calls the sessions of a worker, of this process without one named."""
    return f"tenantatlas-{worker or _process.worker or 'engine'}"


def _mark_session(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    if launched() and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {_longest_idle()}")
            cursor.execute("SELECT set_config('application_name', %s, false)", [_session_name()])


connection_created.connect(_mark_session, dispatch_uid="tenantatlas.runs.engine")


def end_sessions_of(worker: str) -> None:
    """End what a lost worker still has open in the database, with its locks; what is idle holds none.

    PostgreSQL ends an idle transaction by itself, but not one whose client stopped in the middle of sending
    a statement: that is active, for as long as the client is frozen.
    """
    if _is_sqlite():
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = %s AND state <> 'idle' "
                "AND pid <> pg_backend_pid()",
                [_session_name(worker)],
            )
    except ProgrammingError:
        log.exception("sessions_not_ended", extra={"worker": worker})


def _make_client(store: sa.Engine) -> DBOSClient:
    return DBOSClient(
        system_database_engine=store,
        dbos_system_schema=SCHEMA,
        serializer=dbos_serialization.DBOSPortableJSON,
        application_name=APPLICATION_NAME,
        lazy=True,
        retry_connection_errors=False,
    )


@contextlib.contextmanager
def _client() -> Iterator[DBOSClient]:
    """This process's client while it is a worker; otherwise one for the block."""
    if _process.client is not None:
        yield _process.client
        return
    store = _make_store()
    client = _make_client(store)
    try:
        yield client
    finally:
        client.destroy()
        store.dispose()


def prepare_store() -> None:
    """Create or upgrade the engine's tables and queues. Repeatable; changes nothing that is current."""
    _quieten()
    with _client() as client:
        client._sys_db.run_migrations()
        for name, number in RUNS_AT_ONCE.items():
            client.register_queue(
                name,
                worker_concurrency=number,
                polling_interval_sec=_POLLING_SECONDS[name],
                application_name=APPLICATION_NAME,
            )


def store_is_prepared() -> bool:
    """Whether the engine's tables are there."""
    if _is_sqlite():
        return _store_path().exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{SCHEMA}.queues"])
        return bool(cursor.fetchone()[0])


def _quieten() -> None:
    """Let the engine's warnings go where ours go; it would print to the terminal otherwise."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)


# ── Jobs ──────────────────────────────────────────────────────────────────────────────────────────────────


def install_key() -> str:
    """The key of this install, made when first asked for."""
    found = Installation.objects.filter(pk=1).first()
    if found is None:
        found, _ = Installation.objects.get_or_create(pk=1)
    return found.key


def job_id(run_id: int, dispatch: int) -> str:
    """The engine's name for this hand-over of the run."""
    return f"{install_key()}:{run_id}:{dispatch}"


def hand_over(run_id: int, dispatch: int, *, bulk: bool) -> None:
    """Give the run to the engine. Doing it twice under one dispatch number is harmless.

    On PostgreSQL this is part of the caller's transaction; on SQLite call it after the commit.
    """
    queue = BULK_QUEUE if bulk else INTERACTIVE_QUEUE
    if not _is_sqlite():
        _enqueue_in_transaction(run_id, dispatch, queue=queue)
        return
    with _client() as client:
        client.enqueue(
            {
                "workflow_name": WORKFLOW,
                "queue_name": queue,
                "workflow_id": job_id(run_id, dispatch),
                "app_version": APPLICATION_VERSION,
            },
            run_id,
            dispatch,
        )


def _enqueue_in_transaction(run_id: int, dispatch: int, *, queue: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SCHEMA}.enqueue_workflow("
            "workflow_name => %s, queue_name => %s, positional_args => ARRAY[%s::json, %s::json], "
            "workflow_id => %s, app_version => %s, application_name => %s)",
            [
                WORKFLOW,
                queue,
                str(run_id),
                str(dispatch),
                job_id(run_id, dispatch),
                APPLICATION_VERSION,
                APPLICATION_NAME,
            ],
        )


def job_states(handed: Iterable[tuple[int, int]]) -> dict[tuple[int, int], JobState]:
    """What the engine knows of these (run id, dispatch) pairs."""
    pairs = list(handed)
    install = install_key()
    names = {f"{install}:{run_id}:{dispatch}": (run_id, dispatch) for run_id, dispatch in pairs}
    states = dict.fromkeys(pairs, JobState.NONE)
    if not names:
        return states
    alive = set(Worker.objects.filter(stopped_at=None).values_list("pk", flat=True))
    with _client() as client:
        for job in client.list_workflows(workflow_ids=list(names), load_input=False, load_output=False):
            states[names[job.workflow_id]] = _state_of(job, alive)
    return states


def _state_of(job: WorkflowStatus, alive: set[str]) -> JobState:
    """On SQLite the next worker brings back what the last one had, by itself."""
    state = _JOB_STATES.get(job.status, JobState.OVER)
    if state is JobState.WORKING and not _is_sqlite() and job.executor_id not in alive:
        return JobState.LOST
    return state


def drop_job(run_id: int, dispatch: int) -> None:
    """Take the hand-over back: it will not start, and whoever works it is stopped at the next step."""
    with _client() as client:
        client.cancel_workflows([job_id(run_id, dispatch)])


def forget_finished(before: datetime) -> int:
    """Delete the engine's history of jobs that ended before the moment; returns how many."""
    with _client() as client:
        old = client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            completed_before=before.isoformat(),
            limit=_HISTORY_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        names = [job.workflow_id for job in old]
        if names:
            client.delete_workflows(names)
    return len(names)


# ── The durable function ──────────────────────────────────────────────────────────────────────────────────


class StoreAway(Exception):
    """Our own database could not be reached during a step; the step is tried again."""


def _hand() -> Hand:
    return Hand(worker=_process.worker, stopping=_process.stopping)


def _step(part: Callable[..., Word]) -> Callable[[int, int], str]:
    """A part of the work as a step: its word is what the engine remembers, nothing else."""
    return DBOS.step(
        name=part.__name__, retries_allowed=True, max_attempts=8, interval_seconds=0.5, backoff_rate=2.0
    )(_contained(part))


def _contained(part: Callable[..., Word]) -> Callable[[int, int], str]:
    """The part, done again while our database is away; a bug of ours in it is met three times at most."""

    def step(run_id: int, dispatch: int) -> str:
        try:
            return part(run_id, dispatch=dispatch, hand=_hand()).value
        except _AWAY as error:
            log.warning("step_interrupted", extra={"run": run_id, "part": part.__name__}, exc_info=error)
            raise StoreAway(type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - what ends a run is decided there
            return quarantine.contain(run_id, dispatch=dispatch, error=error).value
        finally:
            connections.close_all()

    return step


_begin, _plan, _work, _finish = (
    _step(part) for part in (executor.begin, executor.plan, executor.work, executor.finish)
)


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=_MOST_RECOVERIES)
def work_run(run_id: int, dispatch: int) -> str:
    """Work one run: begin, plan, work until nothing is left, finish. That order is a promise."""
    with _counted(run_id):
        word = _begin(run_id, dispatch)
        if word == Word.GO:
            word = _plan(run_id, dispatch)
        while word == Word.GO:
            word = _work(run_id, dispatch)
        if word == Word.DONE:
            word = _finish(run_id, dispatch)
        return word


@contextlib.contextmanager
def _counted(run_id: int) -> Iterator[None]:
    with _process.guard:
        _process.in_hand.add(run_id)
    try:
        yield
    finally:
        with _process.guard:
            _process.in_hand.discard(run_id)


# ── This process as a worker ──────────────────────────────────────────────────────────────────────────────


def launched() -> bool:
    """Whether this process is a worker."""
    return bool(_process.worker)


def worker_id() -> str:
    """This process's name as a worker; empty when it is none."""
    return _process.worker


def home_lock() -> HomeLock:
    """The lock of this install's home folder."""
    return _process.home or HomeLock(Path(settings.ATLAS_HOME))


def launch(*, worker: str, keepers: Mapping[str, Callable[[], None]]) -> None:
    """Start working runs in this process; each keeper is called again and again from a thread of its own.

    On SQLite the home's lock is taken first, or `Conflict` raised.
    """
    with _process.guard:
        if launched():
            return
        lock = home_lock()
        if _is_sqlite():
            lock.acquire()
        _process.home, _process.worker, _process.stopping = lock, worker, threading.Event()
    try:
        _launch_engine()
    except sa.exc.DBAPIError as error:
        _give_up()
        raise _unusable_store(error) from error
    except BaseException:
        _give_up()
        raise
    for name, keep in keepers.items():
        thread = threading.Thread(target=_keep, args=(name, keep), name=name, daemon=True)
        _process.keepers.append(thread)
        thread.start()


def _unusable_store(error: sa.exc.DBAPIError) -> StorageFailed:
    if not _is_sqlite():
        return StorageFailed(f"The engine's tables cannot be used: {type(error.orig).__name__}.")
    return StorageFailed(
        f"The engine's store {_store_path()} cannot be used: {error.orig}.",
        hint="Free disk space if it is full. If the file is damaged, move it away: it holds no work of its "
        "own, and what is open goes on without it.",
    )


def _launch_engine() -> None:
    _quieten()
    _process.store = _make_store()
    _process.client = _make_client(_process.store)
    prepare_store()
    config: DBOSConfig = {
        "name": APPLICATION_NAME,
        "system_database_engine": _process.store,
        "dbos_system_schema": SCHEMA,
        "application_version": APPLICATION_VERSION,
        "executor_id": EMBEDDED_EXECUTOR if _is_sqlite() else _process.worker,
        "serializer": dbos_serialization.DBOSPortableJSON,
        "max_executor_threads": _THREADS,
        "use_listen_notify": False,
        "notification_listener_polling_interval_sec": 0.2,
        "log_level": "WARNING",
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.listen_queues(list(RUNS_AT_ONCE))
    DBOS.launch()


def _keep(name: str, keep: Callable[[], None]) -> None:
    try:
        while not _process.stopping.wait(_KEEPER_SECONDS):
            try:
                keep()
                _forget_refused(name)
            except Exception as error:  # noqa: BLE001 - it goes on: the database may come back
                _note_refused(name, error)
                connections.close_all()
    finally:
        _process.refused.pop(name, None)
        connections.close_all()


def _note_refused(name: str, error: Exception) -> None:
    """Log it whole the first time, in short while it goes on."""
    now, before = clock.monotonic(), _process.refused.get(name)
    _process.refused[name] = Refused(since=before.since if before else now, last=now, error=error)
    if before is not None and repr(before.error) == repr(error):
        log.warning("keeper_failed", extra={"keeper": name, "again": repr(error)})
    else:
        log.error("keeper_failed", extra={"keeper": name}, exc_info=error)


def _forget_refused(name: str) -> None:
    """A keeper writes only now and then: it is well again where it has written twice since."""
    refused = _process.refused.get(name)
    if refused is not None and clock.monotonic() > refused.last + 2 * settings.ATLAS_HEARTBEAT_SECONDS:
        del _process.refused[name]


def refused_for(seconds: float) -> Exception | None:
    """How our database has refused this worker's own records for so long (of the clock); None where not."""
    limit = clock.monotonic() - seconds
    away = [each for each in list(_process.refused.values()) if isinstance(each.error, _AWAY)]
    longest = min(away, key=lambda each: each.since, default=None)
    return longest.error if longest is not None and longest.since <= limit else None


def stop() -> bool:
    """Take no more runs, let those in hand park at their next boundary, end all threads, give up the lock.

    False when a run did not reach a boundary in time: the next worker takes it from there.
    """
    with _process.guard:
        if not launched():
            return True
        _process.stopping.set()
    until = clock.monotonic() + _DRAIN_SECONDS * clock.scale()
    for keeper in _process.keepers:
        keeper.join(timeout=_KEEPER_DRAIN_SECONDS)
    _stop_claiming()
    while _process.in_hand and clock.monotonic() < until:
        clock.sleep(0.05 * clock.scale())
    left = sorted(_process.in_hand)
    if left:
        log.warning("runs_left_in_hand", extra={"runs": left})
    _give_up()
    return not left


def _stop_claiming() -> None:
    for event in _get_dbos_instance().background_thread_stop_events:
        event.set()


def _give_up() -> None:
    DBOS.destroy()
    if _process.client is not None:
        _process.client.destroy()
    if _process.store is not None:
        _process.store.dispose()
    if _process.home is not None:
        _process.home.release()
    _process.client = _process.store = _process.home = None
    _process.keepers = []
    _process.worker = ""
