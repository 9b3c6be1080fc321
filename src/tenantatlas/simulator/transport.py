"""The simulator as the transport of our Graph client, in the same process."""

from __future__ import annotations

import asyncio

from tenantatlas.core import clock
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.transport import GraphRequest, GraphResponse, TransportFailed

from .messages import Break, SimRequest, SimResponse
from .simulator import Simulator


async def pass_time(seconds: float) -> None:
    """Let seconds of the process's clock go by without holding up the loop."""
    current = clock.current()
    if seconds <= 0:
        return
    if isinstance(current, VirtualClock):
        current.sleep(seconds)
    else:
        await asyncio.sleep(seconds / clock.scale())


class SimulatorTransport:
    """Sends requests to a simulator. `latency` seconds pass before each answer."""

    def __init__(self, simulator: Simulator, *, latency: float = 0.0) -> None:
        self.simulator = simulator
        self.latency = latency

    async def send(self, request: GraphRequest) -> GraphResponse:
        """One request; connections that fail raise what a real transport raises."""
        asked = SimRequest(
            method=request.method, url=request.url, headers=request.headers, body=request.body or b""
        )
        fault = self.simulator.admit(asked)
        if fault is not None and fault.refuses:
            self.simulator.process(asked, fault)
            raise TransportFailed("The connection was refused.", kind="unsent")
        if request.on_sent is not None:
            request.on_sent()
        response = self.simulator.process(asked, fault)
        await self._wait(request, response)
        if response.broken is Break.CUT:
            raise TransportFailed("The connection broke in the middle of the answer.", kind="unknown")
        if response.broken is not None:
            raise TransportFailed("The connection closed without an answer.", kind="unknown")
        return GraphResponse(status=response.status, headers=response.headers, body=response.body)

    async def _wait(self, request: GraphRequest, response: SimResponse) -> None:
        seconds = self.latency + response.delay
        if seconds > request.deadline:
            await pass_time(request.deadline)
            raise TransportFailed("The deadline passed before an answer came.", kind="unknown")
        await pass_time(seconds)
