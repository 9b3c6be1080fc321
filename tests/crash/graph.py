"""The simulated Graph as a process of its own: what it has done, it has done, whoever dies meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantatlas.core import json
from tests.processes import PATIENCE_SECONDS, Install, Running

from . import workers

_LOOK_EVERY = 0.01


@dataclass(frozen=True)
class Ports:
    """Where Graph and its control port listen."""

    graph: int
    control: int

    @property
    def url(self) -> str:
        """Graph's address, and sign-in's."""
        return f"https://localhost:{self.graph}"


def free_ports() -> Ports:
    """Two ports that nobody has."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return Ports(one.getsockname()[1], other.getsockname()[1])


@dataclass(frozen=True)
class Graph:
    """A running one."""

    ports: Ports
    state: Path
    running: Running

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.control, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, body=sent, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = json.loads(answer.read() or b"{}")
        assert answer.status == http.client.OK, data
        return data

    def save(self) -> None:
        """Write what there is into the folder."""
        self.ask("POST", "/save", {})

    def requests(self) -> int:
        """How many requests came, those in a batch counted one by one."""
        return int(self.ask("GET", "/")["requests"])


@contextlib.contextmanager
def graph_of(install: Install, ports: Ports) -> Iterator[Graph]:
    """The install's Graph for the block; its state lies in the install's home and is saved at the end."""
    state = install.home / "simulator"
    running = install.start(workers.be_graph, ports.graph, ports.control, str(state))
    graph = Graph(ports, state, running)
    try:
        _wait_for(graph)
        yield graph
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(signal.SIGTERM)
        running.result()


def _wait_for(graph: Graph) -> None:
    """Until somebody listens on both ports."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for port in (graph.ports.graph, graph.ports.control):
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if not graph.running.process.is_alive() or time.monotonic() > deadline:
                raise TimeoutError(f"the simulator does not listen: {graph.running.result()}")
            time.sleep(_LOOK_EVERY)
