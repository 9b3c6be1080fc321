"""The simulator as a server: Graph and sign-in over TLS on one port, control on another, state in a folder."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

from .certificates import server_context
from .control import Control
from .http import Connection
from .messages import SimRequest, SimResponse
from .simulator import Simulator

_HOST = "127.0.0.1"
_INDEX = "simulator.json"


def serve(*, port: int, control_port: int, state: Path, seed: int = 1) -> None:
    """Serve until SIGTERM or SIGINT. What was saved in the folder is there again; it is saved at the end and on demand."""
    asyncio.run(_serve(port, control_port, state, seed))


async def _serve(port: int, control_port: int, folder: Path, seed: int) -> None:
    simulator = Simulator(seed=seed)
    if (folder / _INDEX).is_file():
        simulator.load(folder)
    control = Control(simulator, folder)

    def answer(request: SimRequest) -> SimResponse:
        response = simulator.handle(request)
        return replace(response, delay=response.delay + control.latency) if control.latency else response

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
    stopping = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stopping.set)
    try:
        await stopping.wait()
    finally:
        graph.close()
        plain.close()
        for connection in tuple(connections):
            connection.close()
        simulator.save(folder)
