"""What the processes of the benchmarks do. Module-level functions: they are sent by name."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.config.databases import sqlite_database
from tenantatlas.runs import services
from tenantatlas.runs.lifecycle import ItemState, Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, RunContext, operation
from tenantatlas.tenants.models import Tenant

_PATIENCE_SECONDS = 60.0

Queue = Any


@dataclass(frozen=True, kw_only=True)
class TickParams:
    """Which tick."""

    number: int


#: Where a tick says at which moment it was in hand.
_told: list[Queue] = []


class Tick(Operation[TickParams]):
    """One item that does nothing."""

    params_type = TickParams

    def plan(self, ctx: RunContext) -> Iterable[ItemSpec]:
        """The item."""
        del ctx
        yield ItemSpec(key="tick", label="Tick")

    def process(self, ctx: RunContext, item: RunItem) -> ItemResult:
        """Say when it is in hand."""
        moment = time.monotonic()
        for told in _told:
            told.put((ctx.run.pk, moment))
        return ItemResult(key=item.key, state=ItemState.SUCCEEDED)


def prepare_process() -> None:
    """The tick is an operation here, and commits are as durable as in an install."""
    operation("bench.tick", label="Tick", needs=Capability.INVENTORY_SYNC)(Tick)
    if connections["default"].vendor == "sqlite":
        connections.close_all()
        connections.settings = connections.configure_settings(
            {"default": sqlite_database(settings.ATLAS_HOME / "atlas.db")}
        )
        del connections["default"]


def _start(number: int, trigger: Trigger) -> tuple[OperationRun, bool]:
    return services.start_run(
        "bench.tick",
        tenant=Tenant.objects.get(slug="contoso"),
        params={"number": number},
        actor=User.objects.get(email="ana@contoso.example"),
        trigger=trigger,
    )


def serve(told: Queue, ready: Any, over: Any) -> None:
    """Be the worker until it is over."""
    _told.append(told)
    services.launch_worker(embedded=True)
    ready.set()
    over.wait()
    services.stop_worker()


def dispatch(number: int, told: Queue) -> list[float]:
    """Start so many runs one after the other; the seconds from each start to its item in hand."""
    took = []
    for each in range(number):
        began = time.monotonic()
        run, _ = _start(each, Trigger.PERSON)
        in_hand, moment = told.get(timeout=_PATIENCE_SECONDS)
        assert in_hand == run.pk
        took.append(moment - began)
        services.work_until_done(run, timeout=_PATIENCE_SECONDS)
    return took


@dataclass(frozen=True)
class Started:
    """One caller's answer."""

    run: int
    created: bool
    seconds: float


def storm(threads: int, rounds: int, together: Any) -> list[list[Started]]:
    """In each round, start the same work from many threads at the moment the barrier opens."""

    def start(number: int) -> Started:
        connections["default"].ensure_connection()
        together.wait(_PATIENCE_SECONDS)
        began = time.monotonic()
        run, created = _start(number, Trigger.PERSON)
        return Started(run.pk, created, time.monotonic() - began)

    with ThreadPoolExecutor(threads) as pool:
        answers = [list(pool.map(start, [number] * threads)) for number in range(rounds)]
        list(pool.map(lambda _: connections.close_all(), range(threads)))
    return answers
