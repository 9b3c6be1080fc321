"""The product as people have it: its commands, over a database of its own and a simulated Graph.

Both are processes of their own. The simulator serves over TLS and enforces Graph's limits; it can be stopped
and started again with the clock running at another speed.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psycopg

from tenantatlas.core.ids import stable_id

SLUG = "contoso"
EMAIL = "otto@contoso.example"
PASSWORD = "a long sentence of the benchmarks"
GUID = stable_id("bench tenant")
LATENCY_SECONDS = 0.2
_CLIENT_ID = stable_id("bench app")
_CLIENT_SECRET = "simulated-client-secret"
_PROGRAM = (sys.executable, "-m", "tenantatlas.cli")
_PATIENCE_SECONDS = 60.0
_LONGEST_COMMAND = 1800.0
_AT_ONCE = 100
_LAST_WORDS = 2000
_SPAN = "SELECT started_at, ended_at FROM runs_operationrun WHERE id = "


@dataclass(frozen=True)
class Worker:
    """The process that works runs."""

    pid: int

    def forget_peak(self) -> None:
        """Begin to measure memory anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def peak_mb(self) -> float:
        """The most memory that it had since."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@dataclass
class Product:
    """An install, and the Graph that its tenant lives in."""

    home: Path
    database_url: str
    ports: tuple[int, int]
    scale: float = 1.0

    @property
    def graph_url(self) -> str:
        """Where Graph and sign-in are."""
        return f"https://localhost:{self.ports[0]}"

    def run(self, *arguments: str | Path) -> dict[str, Any]:
        """A command of the program, to its end; its one object."""
        rows = self.rows(*arguments)
        return rows[-1] if rows else {}

    def rows(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """A command of the program, to its end; the objects that it printed."""
        done = subprocess.run(
            [*_PROGRAM, *map(str, arguments), "--json"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_LONGEST_COMMAND,
        )
        if done.returncode:
            raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stderr}")
        return [orjson.loads(line) for line in done.stdout.splitlines()]

    @contextlib.contextmanager
    def worker(self) -> Iterator[Worker]:
        """A worker for the block, which has signed in and read something already."""
        with self._process("worker") as process:
            self.run("directory", "sync", "-t", SLUG, "--wait")
            yield Worker(process.pid)

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """The pages and a worker for the block; their address.

        One process on the embedded database, one for each on a server.
        """
        port, _ = free_ports()
        with contextlib.ExitStack() as stack:
            if self.database_url:
                stack.enter_context(self._process("worker"))
            command = "web" if self.database_url else "serve"
            process = stack.enter_context(self._process(command, "--port", str(port)))
            self._wait_for(port, process)
            yield f"http://127.0.0.1:{port}"

    def _environment(self) -> dict[str, str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DJANGO_"))
        }
        return clean | {
            "ATLAS_HOME": str(self.home),
            "ATLAS_DATABASE_URL": self.database_url,
            "ATLAS_GRAPH_SHARE": "1",
            "ATLAS_TIME_SCALE": str(self.scale),
        }

    def seconds_of(self, run_id: int) -> float:
        """How long a run took, from its start to its end, in Graph's seconds."""
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                row = connection.execute(f"{_SPAN}%s", (run_id,)).fetchone()
        else:
            with contextlib.closing(sqlite3.connect(self.home / "atlas.db")) as file:
                row = file.execute(
                    f"SELECT julianday(started_at) * 86400, julianday(ended_at) * 86400 FROM ({_SPAN}?)",  # noqa: S608 - a constant
                    (run_id,),
                ).fetchone()
        assert row is not None
        took = row[1] - row[0]
        return self.scale * float(took if isinstance(took, float) else took.total_seconds())

    @contextlib.contextmanager
    def _process(self, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs until it is told to end."""
        output = self.home / f"{arguments[0]}.out"
        with output.open("ab") as out:
            process = subprocess.Popen(
                [*_PROGRAM, *map(str, arguments)], env=self._environment(), stdout=out, stderr=out
            )
        try:
            yield process
        except Exception as error:
            if process.poll() is not None:
                last = output.read_text(encoding="utf-8", errors="replace")[-_LAST_WORDS:]
                error.add_note(f"{arguments[0]} had ended with {process.returncode}; its last words: {last}")
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_SECONDS)

    # The simulated Graph

    @contextlib.contextmanager
    def graph(self, *, scale: float) -> Iterator[None]:
        """Graph for the block, with time running so many times as fast on both sides."""
        self.scale = scale
        port, control = self.ports
        arguments = ("--port", str(port), "--control-port", str(control), "--state", self.home / "simulator")
        with self._process("simulator", *arguments) as process:
            self._wait_for(control, process)
            self.ask("POST", "/settings", {"latency": LATENCY_SECONDS})
            yield

    def _wait_for(self, port: int, process: subprocess.Popen[bytes]) -> None:
        """Until the process listens there."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"a process did not start; its output is in {self.home}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the control port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[1], timeout=_PATIENCE_SECONDS)
        with contextlib.closing(connection):
            sent = None if body is None else orjson.dumps(body)
            connection.request(method, path, body=sent, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = orjson.loads(answer.read() or b"{}")
        assert answer.status == http.client.OK, data
        return data

    def fill(self, contents: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Put these objects into the tenant."""
        by_collection: dict[str, list[dict[str, Any]]] = {}
        for collection, body in contents:
            by_collection.setdefault(collection, []).append(body)
        for collection, bodies in by_collection.items():
            for start in range(0, len(bodies), _AT_ONCE):
                some = bodies[start : start + _AT_ONCE]
                self.ask("POST", f"/tenants/{GUID}/put", {"collection": collection, "bodies": some})

    def clear(self, collections: Iterable[str]) -> None:
        """The accident: everything in these collections is gone."""
        for collection in collections:
            self.ask("POST", f"/tenants/{GUID}/clear", {"collection": collection})

    def requests(self) -> int:
        """How many entries Graph's journal has."""
        return int(self.ask("GET", "/")["requests"])

    def journal(self, since: int) -> list[dict[str, Any]]:
        """What Graph was asked after that entry."""
        entries: list[dict[str, Any]] = self.ask("GET", f"/journal?since={since}")["entries"]
        return entries

    # Setting up

    def connect(self) -> None:
        """The first owner, and the tenant."""
        password, secret = self.home / "password", self.home / "client-secret"
        password.write_text(PASSWORD)
        secret.write_text(_CLIENT_SECRET)
        self.ask("POST", "/tenants", {"guid": GUID, "name": "Contoso"})
        self.ask("POST", f"/tenants/{GUID}/apps", {"client_id": _CLIENT_ID, "secret": _CLIENT_SECRET})
        self.ask("POST", f"/tenants/{GUID}/profile", {"autopatch": True})
        self.run("init", "--admin-email", EMAIL, "--admin-password-file", password)
        self.run(
            *("tenants", "add", SLUG, "--name", "Contoso", "--tenant-id", GUID, "--client-id", _CLIENT_ID),
            *("--client-secret-file", secret, "--cloud", "custom", "--graph-url", self.graph_url),
            *("--login-url", self.graph_url, "--ca-file", self.home / "simulator" / "ca.pem"),
        )


def free_ports() -> tuple[int, int]:
    """Two ports that nobody has."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
