"""The simulator in the place of the network."""

from __future__ import annotations

import asyncio

import pytest

from tenantatlas.core import clock
from tenantatlas.core.clock import SystemClock
from tenantatlas.graph.transport import GraphRequest, TransportFailed
from tenantatlas.simulator.faults import Drop, LoseReply, Refuse, Reset, Slow
from tenantatlas.simulator.transport import SimulatorTransport

from .client import CATALOG, GRAPH, Client, catalog_body


def ask(client: Client, transport: SimulatorTransport, sent: list[str], **more) -> GraphRequest:
    del transport
    client.sign_in()
    return GraphRequest(
        method="GET",
        url=f"{GRAPH}/beta{CATALOG}",
        headers={"Authorization": f"Bearer {client.token}"},
        on_sent=lambda: sent.append("sent"),
        **more,
    )


def test_answers_arrive(client, tenant, simulator, virtual_clock):
    tenant.put(CATALOG, catalog_body())
    transport, sent = SimulatorTransport(simulator, latency=2), []
    before = virtual_clock.monotonic()
    response = asyncio.run(transport.send(ask(client, transport, sent)))
    assert (response.status, sent) == (200, ["sent"])
    assert response.headers["Request-Id"]
    assert virtual_clock.monotonic() - before == 2


@pytest.mark.parametrize(
    ("fault", "kind", "sent"),
    [
        (Refuse(), "unsent", []),
        (Drop(), "unknown", ["sent"]),
        (LoseReply(), "unknown", ["sent"]),
        (Reset(), "unknown", ["sent"]),
        (Slow(100), "unknown", ["sent"]),
    ],
)
def test_connections_fail_as_real_ones_do(client, simulator, fault, kind, sent):
    transport, seen = SimulatorTransport(simulator), []
    simulator.fault("GET", "configurationPolicies", fault)
    with pytest.raises(TransportFailed) as failure:
        asyncio.run(transport.send(ask(client, transport, seen, deadline=60)))
    assert (failure.value.kind, seen) == (kind, sent)
    assert len(simulator.journal) == 2


def test_real_waits_are_scaled(client, simulator):
    transport = SimulatorTransport(simulator, latency=1)
    request = ask(client, transport, [])
    with clock.use_clock(SystemClock(1000)):
        assert asyncio.run(transport.send(request)).status == 200
