"""What the processes of an install do in these tests. Module-level functions: they are sent by name."""

from __future__ import annotations

import base64
import io
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import sqlalchemy as sa
from dbos import _sys_db, _sys_db_sqlite
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Snoozed
from tenantatlas.runs import engine, registry, rescue, services
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem, Worker
from tenantatlas.tenants.models import Tenant

from . import toys


def prepare_process() -> None:
    """Toys are operations here."""
    toys.register()


def begin(operation: str = "toy.play", params: dict | None = None, nonce: str = "") -> tuple[int, bool]:
    """Ana starts the toy in Contoso; the run's id and whether it is new."""
    run, created = services.start_run(
        operation,
        tenant=Tenant.objects.get(slug="contoso"),
        params=params or {"names": ["a", "b", "c", "d"]},
        actor=User.objects.get(email="ana@contoso.example"),
        trigger=Trigger.CLI,
        nonce=nonce,
    )
    return run.pk, created


def work(run_id: int, timeout: float = 60.0) -> dict:
    """Be a worker until the run is completed, and tell what became of it."""
    os.environ["ATLAS_TEST_TOYS"] = str(Path(settings.ATLAS_HOME) / "told")
    services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=timeout)
    return tell(run_id)


def work_and_crash(run_id: int, point: str, nth: int) -> None:
    """Be a worker, and die by SIGKILL at the nth passing of the crash point."""
    left = [nth]
    guard = threading.Lock()

    def die(name: str) -> None:
        with guard:
            if name == point:
                left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    registry.install_crash_hook(die)
    work(run_id)


def tell(run_id: int) -> dict:
    """The run as our tables have it."""
    run = OperationRun.all_tenants.get(pk=run_id)
    told = Path(settings.ATLAS_HOME) / "told"
    return {
        "status": run.status,
        "outcome": run.outcome,
        "counts": run.counts,
        "dispatch": run.dispatch,
        "attempts": run.attempts,
        "error": run.error,
        "failures": run.failures,
        "items": {item.key: item.state for item in RunItem.all_tenants.filter(run=run).order_by("position")},
        "events": [event.kind for event in RunEvent.all_tenants.filter(run=run).order_by("id")],
        "told": told.read_text().splitlines() if told.exists() else [],
        "runs": OperationRun.all_tenants.count(),
        "workers": Worker.objects.count(),
    }


def storm(threads: int, rounds: int, together, between) -> list[list[tuple[int, bool]]]:
    """In each round, start the same work from many threads at the moment the barrier opens."""
    tenant = Tenant.objects.get(slug="contoso")
    ana = User.objects.get(email="ana@contoso.example")

    def start(number: int, name: str) -> tuple[int, bool]:
        together.wait(60)
        try:
            run, created = services.start_run(
                "toy.play",
                tenant=tenant,
                params={"names": [name], "note": f"thread {number}"},
                actor=ana,
                trigger=Trigger.PERSON,
            )
            return run.pk, created
        finally:
            connections.close_all()

    results = []
    for number in range(rounds):
        with ThreadPoolExecutor(threads) as pool:
            results.append(list(pool.map(start, range(threads), [f"round {number}"] * threads)))
        between.wait(60)
    return results


def start_before_any_worker(threads: int) -> list[dict]:
    """So many people start work at once, half of them the same, where the engine has no store yet."""
    with connections["default"].cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {engine.SCHEMA} CASCADE")
    together = threading.Barrier(threads)

    def start(number: int) -> int:
        together.wait(60)
        try:
            return begin(params={"names": [f"number {max(number, threads // 2)}"]})[0]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return [tell(run_id) for run_id in set(pool.map(start, range(threads)))]


def serve(run_id: int, *, operation_waits: bool = True) -> dict:
    """Be a server: a worker that drains at SIGTERM, tells with a file when it is up, and then what became."""
    home = Path(settings.ATLAS_HOME)
    os.environ["ATLAS_TEST_TOYS"] = str(home / "told")
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    if operation_waits:
        toys.script["b"] = _wait_for_file
    services.launch_worker(embedded=True)
    (home / "up").write_text(engine.worker_id())
    while not over.wait(0.1):  # a signal may reach another thread: the main one has to look by itself
        pass
    began = time.monotonic()
    services.stop_worker()
    return {**tell(run_id), "seconds": time.monotonic() - began, "in_hand": sorted(engine._process.in_hand)}


def hang() -> None:
    """A server whose work in hand never comes to a boundary, and which is told to stop at once."""
    home = Path(settings.ATLAS_HOME)
    os.environ["ATLAS_TEST_TOYS"] = str(home / "told")
    engine._DRAIN_SECONDS = 0.5

    def never(_ctx, _item) -> None:
        (home / "in_hand").touch()
        threading.Event().wait()

    toys.script["b"] = never
    services.launch_worker(embedded=True)
    while not (home / "in_hand").exists():
        time.sleep(0.02)
    if not services.stop_worker():
        services.end_now()


def connections_in_use() -> int:
    """How many connections this install's database has."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def work_many(run_ids: list[int]) -> tuple[int, int]:
    """Be a worker for all of them; how many connections were open in the middle and at the end."""
    services.launch_worker(embedded=True)
    seen = []
    for run_id in run_ids:
        services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=60)
        seen.append(connections_in_use())
    services.stop_worker()
    return max(seen), connections_in_use()


def _wait_for_file(ctx, _item) -> None:
    """Stay in hand until the file `go` is there, or the run shall stop."""
    (Path(settings.ATLAS_HOME) / "in_hand").touch()
    pause = threading.Event()
    while not (Path(settings.ATLAS_HOME) / "go").exists() and not ctx.hand.stopping.is_set():
        pause.wait(0.02)


def begin_and_wait(run_id: int) -> dict:
    """What a command with --wait does beside a running server."""
    services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=60)
    return {
        **tell(run_id),
        "was_worker": (Path(settings.ATLAS_HOME) / "up").read_text() != _worker_of(run_id),
    }


def _worker_of(run_id: int) -> str:
    return OperationRun.all_tenants.get(pk=run_id).worker


def launch_or_say() -> str:
    """Become a worker, or say why not."""
    try:
        services.launch_worker(embedded=True)
    except AtlasError as error:
        return f"{error.code}: {error.message}"
    services.stop_worker()
    return "worked"


def check_and_migrate() -> tuple[int, bool, bool]:
    """What the commands of every day start: threads, an engine, its store."""
    for command in ("check", "migrate"):
        call_command(command, verbosity=0, stdout=io.StringIO())
    return threading.active_count(), engine.launched(), (Path(settings.ATLAS_HOME) / "engine.db").exists()


def work_as_newer_python(run_id: int) -> dict:
    """Work with the statements that the engine uses on Python 3.12 and later."""
    old, new = "(strftime('%s','now') * 1000)", "(unixepoch('subsec') * 1000)"
    _sys_db_sqlite.sqlite_migrations = [
        statement.replace(old, new) for statement in _sys_db_sqlite.sqlite_migrations
    ]
    _sys_db.sys = SimpleNamespace(version_info=(3, 12), maxsize=sys.maxsize)
    return work(run_id)


def wait_a_little(run_id: int) -> dict:
    """The first item asks for a second's wait, once."""
    waited = []

    def snooze(_ctx, _item) -> None:
        if not waited:
            waited.append(1)
            raise Snoozed(clock.now() + timedelta(seconds=1), reason="approval")

    toys.script["a"] = snooze
    return work(run_id)


def poison(broken_id: int, others: list[int]) -> tuple[dict, list[dict]]:
    """Be a worker while our own bookkeeping of one run breaks whenever that run ends."""

    def breaks(run: OperationRun) -> None:
        if run.pk == broken_id:
            raise ValueError("client_secret=canary9876543 is not a word")

    toys.script["ended"] = breaks
    rescue.ORPHAN_SECONDS = 0.1
    rescue.dispatch_orphans.__kwdefaults__["older_than"] = 0.1
    services.launch_worker(embedded=True)
    for run_id in [*others, broken_id]:
        services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=60)
    services.stop_worker()
    return tell(broken_id), [tell(run_id) for run_id in others]


def work_all(run_ids: list[int]) -> list[dict]:
    """Be a worker until all of them are completed."""
    os.environ["ATLAS_TEST_TOYS"] = str(Path(settings.ATLAS_HOME) / "told")
    services.launch_worker(embedded=True)
    for run_id in run_ids:
        services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=60)
    services.stop_worker()
    return [tell(run_id) for run_id in run_ids]


def steps_of(run_id: int, dispatch: int) -> tuple[str, str, list[str]]:
    """What the engine recorded about a hand-over: its status, its function, its steps."""
    with engine._client() as client:
        (job,) = client.list_workflows(workflow_ids=[engine.job_id(run_id, dispatch)])
        steps = client.list_workflow_steps(job.workflow_id)
        return job.status, f"{job.name} {job.app_version}", [step["function_name"] for step in steps]


class Boom:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def plant_pickle() -> str:
    """Put a job into the engine's store whose arguments are a pickle, as somebody with its file could."""
    services.prepare_engine()
    home = Path(settings.ATLAS_HOME)
    with engine._client() as client:
        client._sys_db.run_migrations()
        evil = base64.b64encode(pickle.dumps({"args": (Boom(str(home / "boom")),), "kwargs": {}})).decode()
        client.enqueue(
            {
                "workflow_name": engine.WORKFLOW,
                "queue_name": engine.INTERACTIVE_QUEUE,
                "workflow_id": "planted",
                "app_version": engine.APPLICATION_VERSION,
            },
            1,
            1,
        )
        schema = f"{engine.SCHEMA}." if connections["default"].vendor == "postgresql" else ""
        with client._sys_db.engine.begin() as store:
            for table, column in (("workflow_input", "inputs"), ("workflow_status", "inputs")):
                store.execute(
                    sa.text(f"UPDATE {schema}{table} SET {column} = :evil WHERE workflow_uuid = 'planted'"),  # noqa: S608 - names are ours
                    {"evil": evil},
                )
            store.execute(sa.text(f"UPDATE {schema}workflow_status SET serialization = 'py_pickle'"))  # noqa: S608 - names are ours
    return "planted"


def status_of_planted() -> tuple[str, bool]:
    """What became of the planted job, and whether it ran."""
    with engine._client() as client:
        (job,) = client.list_workflows(workflow_ids=["planted"], load_input=False, load_output=False)
    return job.status, (Path(settings.ATLAS_HOME) / "boom").exists()


def forget_engine_history() -> tuple[int, int]:
    """Delete the history of the engine twice."""
    later = clock.now() + timedelta(days=1)
    return engine.forget_finished(later), engine.forget_finished(later)
