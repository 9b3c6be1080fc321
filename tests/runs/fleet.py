"""What the workers of a fleet do in these tests, and the world outside that they change.

The world is a table of its own, without any rule against doubles: whatever is applied twice stands there
twice. A change is applied only for who holds the run, as a precondition on a request would have it, and
whoever was replaced is written down as refused.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.runs import engine, registry, services
from tenantatlas.runs.lifecycle import ItemState, Trigger
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.registry import Fenced, ItemResult, ItemSpec, Operation, operation
from tenantatlas.tenants.models import Tenant

LEASE_SECONDS, HEARTBEAT_SECONDS = 3.0, 0.75
_ITEM_SECONDS = 0.04
_LANES = 2
_TENANTS = ("contoso", "fabrikam")


@dataclass(frozen=True, kw_only=True)
class MakeParams:
    """Which batch, and how many things."""

    batch: int
    things: int


class Make(Operation[MakeParams]):
    """Makes things outside, each once; what a lost worker left is looked for before it is made again."""

    params_type = MakeParams
    chunk_size = 3

    def plan(self, ctx: Any) -> Iterable[ItemSpec]:
        """So many things in two lanes."""
        for number in range(ctx.params.things):
            yield ItemSpec(key=f"thing{number}", label=f"Thing {number}", lane=f"lane{number % _LANES}")

    def process(self, ctx: Any, item: RunItem) -> ItemResult:
        """Make the thing, unless the run is somebody else's by now."""
        threading.Event().wait(_ITEM_SECONDS)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO outside (run, thing) SELECT id, %s FROM runs_operationrun "
                "WHERE id = %s AND dispatch = %s AND status = 'running'",
                [item.key, ctx.run.pk, ctx.dispatch],
            )
            if not cursor.rowcount:
                raise Fenced(f"run {ctx.run.pk} is somebody else's")
        return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="made")

    def settle(self, ctx: Any, item: RunItem) -> ItemResult | None:
        """It is there already, or has to be made."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM outside WHERE run = %s AND thing = %s", [ctx.run.pk, item.key])
            found = cursor.fetchone()
        return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="found") if found else None


def prepare_process() -> None:
    """The lease of these tests; making things is an operation here; what the fence refuses is counted."""
    settings.ATLAS_LEASE_SECONDS = LEASE_SECONDS
    settings.ATLAS_HEARTBEAT_SECONDS = HEARTBEAT_SECONDS
    registry.all_operations()
    operation("fleet.make", label="Make things", needs=Capability.INVENTORY_SYNC)(Make)
    refused = Fenced.__init__

    def count(error: Fenced, *words: object) -> None:
        refused(error, *words)
        with (Path(settings.ATLAS_HOME) / f"refused-{os.getpid()}").open("a") as file:
            file.write(f"{words[0]}\n")

    Fenced.__init__ = count  # type: ignore[method-assign]


def make_world() -> None:
    """The table of what was made."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE outside (run bigint, thing text, at timestamptz DEFAULT now())")


def begin(batches: list[int], things: int) -> list[int]:
    """Start so many runs, in both tenants in turn."""
    owner = User.objects.get(email="otto@contoso.example")
    begun = []
    for batch in batches:
        run, created = services.start_run(
            "fleet.make",
            tenant=Tenant.objects.get(slug=_TENANTS[batch % len(_TENANTS)]),
            params={"batch": batch, "things": things},
            actor=owner,
            trigger=Trigger.PERSON,
        )
        assert created
        begun.append(run.pk)
    return begun


def serve() -> float:
    """Be a worker until SIGTERM; the seconds that draining took."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    services.launch_worker(embedded=False)
    (Path(settings.ATLAS_HOME) / f"worker-{os.getpid()}").write_text(engine.worker_id())
    while not over.wait(0.05):  # a signal may reach another thread: the main one has to look by itself
        pass
    began = time.monotonic()
    if not services.stop_worker():
        services.end_now()
    return time.monotonic() - began
