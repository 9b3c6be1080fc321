"""What worker processes do in these tests. Module-level functions: they are sent by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from tenantatlas.backups.models import BackupSet, PolicyVersion, SetType, StagedRow
from tenantatlas.core.ids import stable_id
from tenantatlas.graph.transport import install_transport
from tenantatlas.runs import registry, services
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.transport import SimulatorTransport
from tenantatlas.tenants.models import Tenant
from tests.factories import CLIENT_SECRET
from tests.simulated import CATALOG, SCRIPTS, TAGS, catalog_body

TYPES = ("configurationPolicies", "deviceManagementScripts", "roleScopeTags")


def _state() -> Path:
    return Path(settings.ATLAS_HOME) / "simulator"


def people() -> None:
    """Save a simulated tenant with policies of three types into the install's home."""
    contoso = Tenant.objects.get(slug="contoso")
    simulator = Simulator(seed=7)
    sim = simulator.tenant(contoso.tenant_guid)
    sim.app(stable_id("app", contoso.slug, "reader"), secret=CLIENT_SECRET)
    for number in range(4):
        sim.put(CATALOG, catalog_body(f"Policy {number}"))
    sim.put(
        SCRIPTS,
        {"displayName": "Script", "fileName": "a.ps1", "scriptContent": "QQ==", "runAsAccount": "system"},
    )
    sim.put(TAGS, {"displayName": "Berlin", "description": ""})
    simulator.save(_state())


def begin() -> int:
    """Start a capture; the run's number."""
    run, _ = services.start_run(
        "backup_set.capture",
        tenant=Tenant.objects.get(slug="contoso"),
        params={"types": list(TYPES)},
        actor=None,
        trigger=Trigger.SYSTEM,
        nonce=str(OperationRun.all_tenants.count()),
    )
    return run.pk


def _connect() -> None:
    settings.ATLAS_GRAPH_SHARE = 1.0
    simulator = Simulator(seed=7)
    simulator.load(_state())
    install_transport(SimulatorTransport(simulator))


def work(run_id: int) -> dict[str, Any]:
    """Be a worker until the run is completed; what people then see."""
    _connect()
    services.work_until_done(OperationRun.all_tenants.get(pk=run_id), timeout=60)
    run = OperationRun.all_tenants.get(pk=run_id)
    made = BackupSet.all_tenants.get(run=run)
    types = SetType.all_tenants.filter(backup_set=made).order_by("type_key")
    return {
        "outcome": run.outcome,
        "failures": run.failures,
        "status": made.status,
        "fingerprint": made.fingerprint,
        "types": list(types.values_list("type_key", "status", "listed", "captured")),
        "versions": PolicyVersion.all_tenants.count(),
        "staged": StagedRow.all_tenants.count(),
    }


def work_and_die(run_id: int, point: str, nth: int) -> None:
    """Be a worker, and die by SIGKILL at the nth passing of the crash point."""
    left = [nth]
    guard = threading.Lock()

    def die(name: str) -> None:
        with guard:
            left[0] -= name == point
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    registry.install_crash_hook(die)
    work(run_id)
