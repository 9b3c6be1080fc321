"""A simulated tenant on a virtual clock, a bare client, and one with Microsoft's schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantatlas.core.clock import VirtualClock
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import SimTenant

from .client import APP, GUID, SECRET, Client

SCHEMA = Path(__file__).parents[3] / "shared" / "graph" / "intune-model.json"


@pytest.fixture
def simulator(virtual_clock: VirtualClock) -> Iterator[Simulator]:
    simulator = Simulator(seed=7, clock=virtual_clock)
    yield simulator
    assert simulator.surprises == []


@pytest.fixture
def tenant(simulator: Simulator) -> SimTenant:
    tenant = simulator.tenant(GUID)
    tenant.app(APP, secret=SECRET)
    return tenant


@pytest.fixture
def client(simulator: Simulator, tenant: SimTenant) -> Client:  # noqa: ARG001 - there to be signed in to
    return Client(simulator)


@pytest.fixture
def strict_client(virtual_clock: VirtualClock) -> Client:
    if not SCHEMA.is_file():
        pytest.skip(f"Microsoft's schema is not here: {SCHEMA}")
    simulator = Simulator(seed=7, clock=virtual_clock, schema=SCHEMA)
    simulator.tenant(GUID).app(APP, secret=SECRET)
    return Client(simulator)
