"""A simulated Microsoft tenant behind Contoso, for tests that read and write one.

Import the fixtures into the conftest of a package:

    from tests.simulated import simulated_world  # noqa: F401 - a fixture
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tenantatlas.core import clock, json
from tenantatlas.core.clock import VirtualClock
from tenantatlas.core.ids import stable_id
from tenantatlas.graph import client
from tenantatlas.graph.budget import MemoryBudgets
from tenantatlas.graph.transport import install_transport
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.services import start_run
from tenantatlas.simulator.faults import Fault, LoseReply
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant
from tenantatlas.simulator.transport import SimulatorTransport
from tenantatlas.tenants import connections
from tenantatlas.tenants.connections import forget_clients
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from .cast import Cast, make_cast
from .factories import CLIENT_SECRET

CATALOG = "/beta/deviceManagement/configurationPolicies"
SCRIPTS = "/beta/deviceManagement/deviceManagementScripts"
CONFIGURATIONS = "/beta/deviceManagement/deviceConfigurations"
TAGS = "/beta/deviceManagement/roleScopeTags"
FILTERS = "/beta/deviceManagement/assignmentFilters"


@dataclass(frozen=True)
class LoseReplyAnd(LoseReply):
    """The work is done, then something else happens, and the answer never arrives."""

    then: Callable[[], object]

    def after(self, world: Any, response: Any) -> Any:
        """That, and no answer."""
        self.then()
        return super().after(world, response)


class NamelessRow(Fault):
    """The last row of the list has no id: whose it is cannot be told."""

    def after(self, world: Any, response: Any) -> Any:
        """The same list without that id."""
        del world
        body = json.loads(response.body)
        body["value"][-1].pop("id")
        return replace(response, body=json.dumps(body))


@dataclass(frozen=True, kw_only=True)
class World:
    """The cast, the simulator and the tenant in it that is Contoso."""

    cast: Cast
    simulator: Simulator
    sim: SimTenant
    clock: VirtualClock
    made: list[str] = field(default_factory=list)

    @property
    def tenant(self) -> Tenant:
        """Contoso, as we know it."""
        return self.cast.contoso

    def work(self, key: str, **params: Any) -> OperationRun:
        """Start the operation as Ana and work it in this thread to its end."""
        return self.finish(self.start(key, **params))

    def start(self, key: str, **params: Any) -> OperationRun:
        """Start the operation as Otto; nobody works it. A synchronisation looks at what it names only."""
        if key == "inventory.sync" and "types" in params:
            params.setdefault("foundations", False)
        run, _ = start_run(
            key, tenant=self.tenant, params=params, actor=self.cast.otto, trigger=Trigger.PERSON
        )
        return run

    def finish(self, run: OperationRun) -> OperationRun:
        """Work the run in this thread to its end."""
        run_inline(run)
        run.refresh_from_db(from_queryset=OperationRun.all_tenants.all())
        return run

    def small_pages(self) -> None:
        """From now on every list has pages of 25 rows."""
        self.simulator.page_size = 25

    def items(self, run: OperationRun) -> dict[str, RunItem]:
        """The run's items by key."""
        return {item.key: item for item in RunItem.all_tenants.filter(run=run)}

    def catalog_policy(self, name: str, *, settings: int = 2, **more: Any) -> str:
        """A settings catalog policy in the tenant; its id."""
        return self.sim.put(CATALOG, catalog_body(name, settings=settings, **more))


def catalog_body(name: str, *, settings: int = 2, **more: Any) -> dict[str, Any]:
    """A whole settings catalog policy with so many settings."""
    return {
        "id": stable_id("catalog", name),
        "name": name,
        "description": f"About {name}",
        "platforms": "windows10",
        "technologies": "mdm",
        "roleScopeTagIds": ["0"],
        "templateReference": {
            "templateId": "",
            "templateFamily": "none",
            "templateDisplayName": None,
            "templateDisplayVersion": None,
        },
        "settings": [
            {
                "id": str(number),
                "settingInstance": {
                    "@odata.type": "#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance",
                    "settingDefinitionId": f"device_vendor_msft_policy_config_test_{number}",
                    "simpleSettingValue": {
                        "@odata.type": "#microsoft.graph.deviceManagementConfigurationIntegerSettingValue",
                        "value": number,
                    },
                },
            }
            for number in range(settings)
        ],
        **more,
    }


def group_target(group_id: str, *, excluded: bool = False) -> dict[str, Any]:
    """An assignment to a group, or its exclusion."""
    kind = "exclusionGroupAssignmentTarget" if excluded else "groupAssignmentTarget"
    return {"target": {"@odata.type": f"#microsoft.graph.{kind}", "groupId": group_id}}


@pytest.fixture(name="world")
def simulated_world(
    db: None,  # noqa: ARG001 - opens the database
    virtual_clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """Contoso connected to a simulated tenant, in Contoso's scope, with budgets that nobody has used."""
    monkeypatch.setattr(client, "_process_budgets", MemoryBudgets())
    monkeypatch.setattr(connections, "budget_store", lambda: None)  # shared rows would outlive the test
    cast = make_cast()
    simulator = Simulator(seed=7, clock=clock.current())
    sim = simulator.tenant(cast.contoso.tenant_guid)
    sim.app(stable_id("app", cast.contoso.slug, "reader"), secret=CLIENT_SECRET)
    previous = install_transport(SimulatorTransport(simulator))
    forget_clients()
    try:
        with tenant_scope(cast.contoso):
            yield World(cast=cast, simulator=simulator, sim=sim, clock=virtual_clock)
    finally:
        install_transport(previous)
        forget_clients()


#: For modules that take the fixture from their conftest only.
world = simulated_world
