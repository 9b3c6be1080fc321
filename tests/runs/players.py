"""What the processes of an install do in these tests. Module-level functions: they are sent by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.conf import settings
from django.db import connections

from tenantatlas.accounts.models import User
from tenantatlas.core.errors import AtlasError
from tenantatlas.runs import registry, rescue, services
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem, Worker
from tenantatlas.tenants.models import Tenant

from . import toys  # noqa: F401 - registers the operations


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


def storm(threads: int, barrier, rounds: int) -> list[list[tuple[int, bool]]]:
    """In each round, start the same work from many threads at the moment the barrier opens."""
    tenant = Tenant.objects.get(slug="contoso")
    ana = User.objects.get(email="ana@contoso.example")

    def start(number: int) -> tuple[int, bool]:
        barrier.wait(60)
        try:
            run, created = services.start_run(
                "toy.play",
                tenant=tenant,
                params={"names": ["a"], "note": f"thread {number}", "lanes": 1},
                actor=ana,
                trigger=Trigger.PERSON,
            )
            return run.pk, created
        finally:
            connections.close_all()

    results = []
    for _ in range(rounds):
        with ThreadPoolExecutor(threads) as pool:
            results.append(list(pool.map(start, range(threads))))
        barrier.wait(60)
        if barrier.wait(60) == 0:
            for run in OperationRun.all_tenants.filter(status="queued"):
                services.cancel_run(run, actor=ana)
        barrier.wait(60)
    return results


def launch_or_say() -> str:
    """Become a worker, or say why not."""
    try:
        services.launch_worker(embedded=True)
    except AtlasError as error:
        return f"{error.code}: {error.message}"
    services.stop_worker()
    return "worked"


def keep_once() -> None:
    """One round of a keeper, without the engine."""
    rescue.end_waits()


registry._discovered.set()  # TEMP
