"""The demo: a simulated tenant beside the real product, and the story told over both.

The simulator runs as its own process, as Graph does: over TLS, with sign-in, limits and a journal. What the
last table says is read from the simulator's state and journal, not from our own records.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from tenantatlas.core import clock, json
from tenantatlas.core.errors import Conflict, Unavailable
from tenantatlas.core.ids import stable_id
from tenantatlas.core.json import Json
from tenantatlas.policies import references
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.document import Document
from tenantatlas.policies.registry import type_of_row

SLUG = "contoso"
NAME = "Contoso (simulated)"
EMAIL = "admin@contoso.example"
#: Who can sign in to the simulated directory, for the search for groups.
ADMIN = "adele@contoso.example"
PASSWORD = "contoso-demo-only"  # noqa: S105 - printed on purpose: the demo's own sign-in
CLIENT_SECRET = "simulated-client-secret"  # noqa: S105 - known to the simulator only
MARKER = "demo.json"
LOG = "tenantatlas.log"
_READY_WITHIN = 30.0
CONDITIONAL_ACCESS = "conditionalAccess.policies"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the demo's simulator listens, and who it simulates."""

    port: int
    control_port: int
    guid: str
    client_id: str

    @property
    def url(self) -> str:
        """Graph's address, and sign-in's."""
        return f"https://localhost:{self.port}"


def marker_file() -> Path:
    """The file that says that an ATLAS_HOME is the demo's."""
    return Path(settings.ATLAS_HOME) / MARKER


def simulator_folder() -> Path:
    """Where the simulator keeps its tenants and its CA."""
    return Path(settings.ATLAS_HOME) / "simulator"


def begin_anew() -> Place:
    """An empty home for a new demo. A home that is not a demo's is never touched."""
    home = Path(settings.ATLAS_HOME)
    if home.exists() and {each.name for each in home.iterdir()} - {LOG} and not marker_file().exists():
        raise Conflict(
            f"{home} holds an install that is not the demo.",
            hint="Run the demo with ATLAS_HOME set to another folder.",
        )
    home.mkdir(parents=True, mode=0o700, exist_ok=True)
    for old in home.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        elif old.name != LOG:  # open in this process
            old.unlink()
    place = Place(
        port=_free_port(),
        control_port=_free_port(),
        guid=stable_id("demo tenant"),
        client_id=stable_id("demo app"),
    )
    marker_file().write_bytes(json.dumps(asdict(place)))
    return place


def saved_place() -> Place:
    """Where the last demo's simulator listens."""
    try:
        return Place(**json.loads(marker_file().read_bytes()))
    except (OSError, TypeError, json.BadJson) as error:
        raise Conflict(
            f"There is no demo in {settings.ATLAS_HOME}.", hint="Run `make demo` first."
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Simulated:
    """The simulator's control port."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request to the control port; raises `Unavailable` where nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.place.control_port, timeout=30)
        try:
            sent = None if body is None else json.dumps(dict(body))
            connection.request(method, path, body=sent, headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = json.loads(answer.read() or b"{}")
        except OSError as error:
            raise Unavailable("The simulator does not answer.") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise Unavailable(f"The simulator answered {answer.status}: {data.get('error', '')}")
        return data

    def objects(self, collection: str) -> list[dict[str, Any]]:
        """Every object of a collection, whole."""
        found: list[dict[str, Any]] = self.ask("GET", f"/tenants/{self.place.guid}/objects{collection}")[
            "objects"
        ]
        return found

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Every object of the tenant, by collection."""
        counts = self.ask("GET", "/")["tenants"][self.place.guid]
        return {collection: self.objects(collection) for collection, count in counts.items() if count}

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests after that number."""
        entries: list[dict[str, Any]] = self.ask("GET", f"/journal?since={since}")["entries"]
        return entries

    def requests(self) -> int:
        """How many requests there were."""
        number: int = self.ask("GET", "/")["requests"]
        return number


@contextmanager
def running_simulator(place: Place) -> Iterator[Simulated]:
    """The simulator as a process beside us; it saves its state when it ends."""
    command = [sys.executable, "-m", "tenantatlas.cli", "simulator"]
    command += ["--port", str(place.port), "--control-port", str(place.control_port)]
    command += ["--state", str(simulator_folder())]
    with (Path(settings.ATLAS_HOME) / "simulator.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ.copy())  # noqa: S603 - our own program
    simulated = Simulated(place)
    try:
        _wait_until_ready(simulated, process)
        yield simulated
    finally:
        process.terminate()
        process.wait(timeout=_READY_WITHIN)


def _wait_until_ready(simulated: Simulated, process: subprocess.Popen[bytes]) -> None:
    deadline = clock.monotonic() + _READY_WITHIN * clock.scale()
    while clock.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            simulated.ask("GET", "/")
        except Unavailable:
            clock.sleep(0.05 * clock.scale())
        else:
            return
    raise Conflict(
        "The simulator did not start.",
        hint=f"See {Path(settings.ATLAS_HOME) / 'simulator.log'}; a port may be taken.",
    )


def names_in(state: Mapping[str, list[dict[str, Any]]]) -> Counter[tuple[str, str]]:
    """(collection, name) of every object, with how often it occurs."""
    return Counter(
        (collection, str(body.get("displayName") or body.get("name") or body["id"]))
        for collection, bodies in state.items()
        for body in bodies
    )


def is_as_before(collection: str, before: Json, after: Json, *, ids: Mapping[str, str]) -> bool:
    """Whether two objects of the simulator are the same policy, where a new id stands for an old one.

    Conditional access that was enabled comes back report-only: that is as promised.
    """
    policy_type = type_of_row(f"/beta{collection}", before) or type_of_row(f"/v1.0{collection}", before)
    if policy_type is None:
        return bool(before == after)
    was, now = (
        compose(policy_type, Document(type_key=policy_type.key, object=json.dumps(body)))
        for body in (before, after)
    )
    mapped = references.rewrite(policy_type, was, lambda _kind, id_: ids.get(id_, references.KEEP))
    forms = [canonical_form(policy_type, body) for body in (mapped, now)]
    if policy_type.key == CONDITIONAL_ACCESS and forms[0].get("state") == "enabled":
        forms[0]["state"] = "enabledForReportingButNotEnforced"
    return bool(forms[0] == forms[1])
