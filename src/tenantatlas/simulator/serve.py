"""The simulator as a server: Graph and sign-in over TLS, control on a second port, state in a folder."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .certificates import server_context
from .control import Control
from .http import Connection
from .messages import SimRequest, SimResponse
from .simulator import Simulator

_HOST = "127.0.0.1"
_INDEX = "simulator.json"


@dataclass(frozen=True, kw_only=True)
class Served:
    """A simulator that is being served, and where (a port of 0 was asked for: the one that was given)."""

    simulator: Simulator
    port: int
    control_port: int


def serve(
    *, port: int, control_port: int, state: Path, seed: int = 1, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until SIGTERM or SIGINT what was saved in the folder; it is saved again then and on demand.

    `tell` hears where what is served, once it is.
    """
    asyncio.run(_until_signalled(port, control_port, state, seed, tell))


async def _until_signalled(
    port: int, control_port: int, folder: Path, seed: int, tell: Callable[[str], None]
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stopping.set)
    async with serving(port=port, control_port=control_port, folder=folder, seed=seed) as served:
        for line in describe(served, folder):
            tell(line)
        await stopping.wait()


def describe(served: Served, folder: Path) -> Iterator[str]:
    """Where everything is, and who is there: what a tenant is connected with."""
    yield f"Graph URL    https://localhost:{served.port}"
    yield f"login URL    https://localhost:{served.port}"
    yield f"CA file      {(folder / 'ca.pem').absolute()}"
    yield f"control URL  http://127.0.0.1:{served.control_port}"
    for tenant in served.simulator.tenants.values():
        clients = ", ".join(sorted(tenant.apps)) or "none"
        yield f"tenant       {tenant.guid}  {tenant.name}, client id {clients}"
    if not served.simulator.tenants:
        yield "No tenant yet: POST /tenants or /demo to the control URL makes one."


@asynccontextmanager
async def serving(*, port: int, control_port: int, folder: Path, seed: int = 1) -> AsyncIterator[Served]:
    """Serve within the block; at its end connections are closed and the state is saved."""
    simulator = Simulator(seed=seed)
    if (folder / _INDEX).is_file():
        simulator.load(folder)
    control = Control(simulator, folder)

    def answer(request: SimRequest) -> SimResponse:
        response = simulator.handle(request)
        return replace(response, delay=response.delay + control.latency)

    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    graph = await loop.create_server(
        lambda: Connection(answer, scheme="https", open_connections=connections),
        _HOST,
        port,
        ssl=server_context(folder),
    )
    plain = await loop.create_server(
        lambda: Connection(control.handle, scheme="http", open_connections=connections), _HOST, control_port
    )
    try:
        ports = [server.sockets[0].getsockname()[1] for server in (graph, plain)]
        yield Served(simulator=simulator, port=ports[0], control_port=ports[1])
    finally:
        graph.close()
        plain.close()
        for connection in tuple(connections):
            connection.close()
        simulator.save(folder)
