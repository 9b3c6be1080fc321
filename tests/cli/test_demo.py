"""The demo, as `make demo` plays it: it ends by itself, and its table is what the simulated tenant says."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import PATIENCE_SECONDS

PROGRAM = (sys.executable, "-m", "tenantatlas.cli")


def environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    inherited.pop("DJANGO_SETTINGS_MODULE", None)
    return {**inherited, "ATLAS_HOME": str(home), "ATLAS_GRAPH_SHARE": "1", "ATLAS_TIME_SCALE": "20"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The home that the demo left, and what it said."""
    home = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [*PROGRAM, "demo"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=5 * PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return home, done.stdout


@pytest.mark.xdist_group("demo")
def test_the_demo_ends_where_it_began(played: tuple[Path, str]) -> None:
    table = dict(
        line.strip().rsplit("  ", 1)
        for line in (each.rstrip() for each in played[1].splitlines())
        if line.startswith("  ") and "  " in line.strip() and line[2] != " "
    )
    said = {name.strip(): value.strip() for name, value in table.items()}
    assert said["objects now"] == said["objects before the accident"]
    broken, of, all_ = said["broken by the accident, as before again"].split()
    assert (broken, of) == (all_, "of")
    seen, _, planned = said["writes that it saw / writes in the plan"].split()
    assert int(seen) == int(planned) > 0
    assert said["names that occur more often than before"] == "0"
    assert said["writes in a second plan"] == "0"


@pytest.mark.xdist_group("demo")
def test_its_data_opens_in_the_browser(played: tuple[Path, str], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = tmp_path / "out"
    with out.open("wb") as file:
        serving = subprocess.Popen(
            [*PROGRAM, "demo-serve", "--port", str(port)],
            env=environment(played[0]),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        assert _status(port, serving) == http.client.OK
        assert "sign in as" in out.read_text(encoding="utf-8")
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.wait(PATIENCE_SECONDS)


def _status(port: int, serving: subprocess.Popen[bytes]) -> int:
    """What the sign-in page answers, once somebody listens."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and serving.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection), contextlib.suppress(ConnectionRefusedError):
            connection.request("GET", "/sign-in/")
            return connection.getresponse().status
    raise AssertionError("demo-serve does not listen")
