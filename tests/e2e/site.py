"""The product as people have it: `tenantatlas serve` on an embedded database, beside a simulated Graph.

Both are processes of their own, started by their commands. What a test does behind the product's back goes
through the simulator's control port.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenantatlas.core.ids import stable_id

EMAIL = "otto@contoso.example"
PASSWORD = "a long and strange sentence"
SLUG = "contoso"
SECRET = "simulated-client-secret"
GUID = stable_id("e2e tenant")
CLIENT_ID = stable_id("e2e app")
PATIENCE_SECONDS = 60.0
#: Waits for Graph's limits are this much shorter; what the simulator waits is given in its own seconds.
TIME_SCALE = 10
_PROGRAM = (sys.executable, "-m", "tenantatlas.cli")


class NotReady(Exception):
    """A process ended, or did not answer in time."""


@dataclass
class Site:
    """A running product over a simulated tenant: Contoso, unless another is named."""

    home: Path
    port: int
    control_port: int
    graph_port: int
    environment: dict[str, str] = field(repr=False)
    slug: str = SLUG
    guid: str = GUID

    @property
    def url(self) -> str:
        """Where the pages are, by the name that a sign-in may come back to."""
        return f"http://localhost:{self.port}"

    @property
    def graph_url(self) -> str:
        """Where the simulated Graph and its login are."""
        return f"https://localhost:{self.graph_port}"

    def page(self, path: str = "") -> str:
        """The address of a page of the tenant."""
        return f"{self.url}/t/{self.slug}/{path}"

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the simulator's control port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, body=sent, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = json.loads(answer.read() or b"{}")
        assert answer.status == http.client.OK, data
        return data

    def put(self, collection: str, *bodies: Mapping[str, Any]) -> list[str]:
        """Objects that were always there; their ids."""
        made: list[str] = self.ask(
            "POST", f"/tenants/{self.guid}/put", {"collection": collection, "bodies": list(bodies)}
        )["ids"]
        return made

    def change(self, collection: str, object_id: str, **properties: Any) -> None:
        """Somebody changed an object in the portal."""
        given = {"collection": collection, "id": object_id, "properties": properties}
        self.ask("POST", f"/tenants/{self.guid}/change", given)

    def remove(self, collection: str, object_id: str) -> None:
        """Somebody deleted an object in the portal."""
        self.ask("POST", f"/tenants/{self.guid}/remove", {"collection": collection, "id": object_id})

    def names(self, collection: str) -> list[str]:
        """The names in a collection, sorted."""
        rows = self.ask("GET", f"/tenants/{self.guid}/objects{collection}")["objects"]
        return sorted(row.get("displayName") or row["name"] for row in rows)

    def body(self, collection: str, name: str) -> dict[str, Any]:
        """One object, whole, by its name."""
        rows = self.ask("GET", f"/tenants/{self.guid}/objects{collection}")["objects"]
        (found,) = [row for row in rows if name in (row.get("displayName"), row.get("name"))]
        return dict(found)

    def slow_down(self, *, assigns: int) -> None:
        """Every answer of Graph takes half a second, and the nth assignment n times longer than the first."""
        self.ask("POST", "/settings", {"latency": 0.5 * TIME_SCALE})
        for nth in range(1, assigns + 1):
            slow = {"method": "POST", "path": "/assign$", "fault": "Slow", "nth": nth}
            self.ask("POST", "/faults", {**slow, "with": {"seconds": 0.5 * TIME_SCALE * nth}})

    def refuse(self, method: str, path: str) -> None:
        """Graph refuses such requests, until `speed_up`."""
        refused = {"status": 403, "code": "Forbidden", "message": "Not for you"}
        fault = {"method": method, "path": path, "fault": "Status", "times": 0, "with": refused}
        self.ask("POST", "/faults", fault)

    def dawdle(self) -> None:
        """Every answer of Graph takes two seconds, until `speed_up`."""
        self.ask("POST", "/settings", {"latency": 2 * TIME_SCALE})

    def speed_up(self) -> None:
        """As fast as before."""
        self.ask("POST", "/settings", {"latency": 0})
        self.ask("POST", "/faults/clear", {})

    def run(self, *arguments: str | Path, patience: float = PATIENCE_SECONDS) -> str:
        """A command of the program, to its end; what it printed."""
        done = subprocess.run(
            [*_PROGRAM, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def _process(site: Site, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    log = site.home / f"{name}.out"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*_PROGRAM, name, *arguments], env=site.environment, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens. Another process's start can only be looked at, again and again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise NotReady(f"{process.args} did not start:\n{log.read_text(encoding='utf-8')}")


@contextlib.contextmanager
def running_site(home: Path) -> Iterator[Site]:
    """The product with its first owner and Contoso connected, pages and worker in one process."""
    port, control_port, graph_port = _free_ports(3)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "DJANGO_"))
    }
    environment |= {
        "ATLAS_HOME": str(home),
        "ATLAS_GRAPH_SHARE": "1",
        "ATLAS_TIME_SCALE": str(TIME_SCALE),
        "ATLAS_LOG_FILE": str(home / "tenantatlas.log"),
    }
    site = Site(home, port, control_port, graph_port, environment)
    password, secret = home / "password", home / "client-secret"
    password.write_text(PASSWORD, encoding="utf-8")
    secret.write_text(SECRET, encoding="utf-8")
    state = home / "simulator"
    with contextlib.ExitStack() as stack:
        arguments = ("--port", str(graph_port), "--control-port", str(control_port), "--state", str(state))
        graph = stack.enter_context(_process(site, "simulator", *arguments))
        site.run("init", "--admin-email", EMAIL, "--admin-password-file", password)
        _await_port(control_port, graph, home / "simulator.out")
        site.ask("POST", "/tenants", {"guid": GUID, "name": "Contoso"})
        site.ask("POST", f"/tenants/{GUID}/apps", {"client_id": CLIENT_ID, "secret": SECRET})
        site.run(
            *("tenants", "add", SLUG, "--name", "Contoso", "--environment", "production"),
            *("--tenant-id", GUID, "--client-id", CLIENT_ID, "--client-secret-file", secret),
            *("--cloud", "custom", "--graph-url", site.graph_url, "--login-url", site.graph_url),
            *("--ca-file", state / "ca.pem"),
        )
        serve = stack.enter_context(_process(site, "serve", "--port", str(port)))
        _await_port(port, serve, home / "serve.out")
        yield site
