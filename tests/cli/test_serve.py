"""`serve`, `web` and `worker` as people start them: real processes on a real port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from .program import Program

PATIENCE = 60


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def started(program: Program, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, once it has said its first line; ended by SIGTERM."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLAS_")}
    environment |= {
        "ATLAS_HOME": str(program.home),
        "ATLAS_DATABASE_URL": program.install.url,
        "DJANGO_SETTINGS_MODULE": "tenantatlas.config.settings.production",
    }
    command = [sys.executable, "-c", "from tenantatlas.cli.main import main; main()", *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.first_line = process.stderr.readline()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.rest = process.communicate(timeout=PATIENCE)


def status_of(url: str) -> int:
    """The status that the address answers with."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own, on loopback
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def status_when_up(url: str) -> int:
    """The status of a server that is still starting its processes."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return status_of(url)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise


@pytest.fixture
def on_sqlite(server, ready):
    """An install on SQLite."""
    if server:
        pytest.skip("one process serves and works on SQLite only")
    return ready


def test_serve_answers_works_and_ends(ready):
    port = free_port()

    with started(ready, "serve", "--port", str(port)) as process:
        assert process.first_line == f"Listening on http://127.0.0.1:{port} (end with Ctrl-C)\n"
        assert status_of(f"http://127.0.0.1:{port}/sign-in/") == 200
        assert status_of(f"http://127.0.0.1:{port}/no-such-page/") in (302, 404, 200)

    assert process.returncode == 0, process.rest


def test_web_answers_without_a_worker(ready):
    port = free_port()

    with started(ready, "web", "--port", str(port)) as process:
        assert "Listening" in process.first_line
        assert status_when_up(f"http://127.0.0.1:{port}/sign-in/") == 200


def test_on_sqlite_one_process_works(on_sqlite):
    with started(on_sqlite, "worker") as process:
        assert "Working runs" in process.first_line
        on_sqlite("worker").failed(6, "already working", str(on_sqlite.home))
        on_sqlite("serve", "--port", str(free_port())).failed(6, "already working")
        on_sqlite("self", "restore", on_sqlite.home / "none").failed(2)

    assert process.returncode == 0, process.rest


def test_a_restore_waits_for_nobody_to_work(ready, copied):
    with started(ready, "worker") as process:
        assert "Working runs" in process.first_line
        ready("self", "restore", copied).failed(6, "work")
    assert process.returncode == 0, process.rest


def test_a_port_that_is_taken_is_said_before_anything_starts(on_sqlite):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        on_sqlite("serve", "--port", str(port)).failed(6, f"127.0.0.1:{port}", "--port")
    on_sqlite("serve", "--host", "no.such.host.invalid").failed(2, "not an address")
    assert not (on_sqlite.home / "lock").exists()


def test_the_simulator_needs_two_ports(tenantatlas, tmp_path):
    tenantatlas("simulator", "--port", "9001", "--control-port", "9001", "--state", tmp_path).failed(
        2, "same"
    )
