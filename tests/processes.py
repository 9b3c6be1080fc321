"""Installs of their own, used by processes that a test may kill.

An install is a home folder and a database, copied from a template that is made once per session: migrated,
with the cast in it. `Install.call` runs a module-level function in a fresh process that knows only that
install; the processes are forked from a server that has imported everything already, and owns no thread
and no connection.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import coverage
import django
from django.conf import settings

if not settings.configured or not django.apps.apps.ready:
    django.setup()

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from tenantatlas.cli.main import build_app
from tenantatlas.config.databases import postgresql_database, sqlite_database
from tenantatlas.runs import engine, services  # noqa: F401 - what every process needs is imported once
from tenantatlas.runs.registry import all_operations

from . import canary
from .postgres import fresh_database, with_database

build_app()  # imports every command

PATIENCE_SECONDS = 120.0
#: What children of the fork server find imported; `pytest` because it is their main module.
_PRELOADED = (
    "pytest",
    "tests.processes",
    "tests.crash.workers",
    "tests.runs.fleet",
    "tests.runs.players",
    "tests.backups.workers",
)
all_operations()


def _server() -> multiprocessing.context.ForkServerContext:
    os.environ.setdefault("ATLAS_TEST_HOME", str(settings.ATLAS_HOME))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


class Killed(Exception):
    """The process ended by a signal before it could answer."""


@dataclass(frozen=True)
class Running:
    """A process at work."""

    process: BaseProcess
    answers: Connection

    def result(self, *, patience: float = PATIENCE_SECONDS) -> Any:
        """What the function returned; raises what it raised, or `Killed`."""
        answered = self.answers.poll(patience)
        if not answered:
            self.process.kill()
            raise TimeoutError(f"{self.process.name} did not answer within {patience} seconds")
        try:
            fine, value = self.answers.recv()
        except EOFError as error:
            self.process.join(PATIENCE_SECONDS)
            raise Killed(f"{self.process.name} ended with {self.process.exitcode}") from error
        finally:
            self.answers.close()
        self.process.join(PATIENCE_SECONDS)
        if not fine:
            raise AssertionError(f"in {self.process.name}:\n{value}")
        return value

    def send_signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(int(self.process.pid or 0), number)


@dataclass(frozen=True)
class Install:
    """A home folder and a database; `url` is empty for SQLite.

    Where its processes are not `measured`, coverage is taken off them: they run three times as fast.
    """

    home: Path
    url: str = ""
    measured: bool = True

    def start(self, function: Callable[..., Any], *args: Any) -> Running:
        """Run the function in a process of its own."""
        context = _server()
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_enter, args=(there, self, function, args), name=function.__name__)
        process.start()
        there.close()
        return Running(process, here)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run the function in a process of its own and return what it returned."""
        return self.start(function, *args).result()


def _enter(
    answers: Connection, install: Install, function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    if not install.measured:
        _measure_nothing()
    use_install(install.home, install.url)
    getattr(sys.modules[function.__module__], "prepare_process", bool)()
    try:
        answer = (True, function(*args))
    except BaseException:  # noqa: BLE001 - the test's process raises it again
        answer = (False, traceback.format_exc())
    finally:
        connections.close_all()
    with contextlib.suppress(BrokenPipeError):
        answers.send(answer)
    answers.close()


def _measure_nothing() -> None:
    """Take coverage off this process, a fork's and a process's own."""
    while measuring := coverage.Coverage.current():
        measuring.stop()


def use_install(home: Path, url: str) -> None:
    """Make the install the one of this process."""
    settings.ATLAS_HOME = home
    settings.ATLAS_KEY_FILE = home / "key"
    settings.ATLAS_LEASE_SECONDS = 1.0
    settings.ATLAS_HEARTBEAT_SECONDS = 0.2
    database = postgresql_database(url) if url else sqlite_database(home / "atlas.db", synchronous="OFF")
    connections.close_all()
    connections.settings = connections.configure_settings({"default": database})
    for name in list(connections):
        with contextlib.suppress(AttributeError):
            delattr(connections._connections, name)


def _make_template() -> None:
    from tenantatlas.tenants.vault import make_key_file  # noqa: PLC0415 - the key belongs into this home

    from .cast import make_cast  # noqa: PLC0415 - factories read the settings of this install

    if not Path(settings.ATLAS_KEY_FILE).exists():
        make_key_file()
    call_command("migrate", verbosity=0)
    make_cast()
    services.prepare_engine()
    connections.close_all()


@contextlib.contextmanager
def templates(
    server: str = "", *, fill: Callable[[Install], None] | None = None, measured: bool = True
) -> Iterator[Callable[[], contextlib.AbstractContextManager[Install]]]:
    """A maker of installs: on SQLite without a server, else each with a database of its own on it.

    `fill` may do more with the template before it is copied.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="tenantatlas-installs-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        url = stack.enter_context(fresh_database(server)) if server else ""
        home = folder / "template"
        home.mkdir()
        Install(home, url, measured).call(_make_template)
        if fill is not None:
            fill(Install(home, url, measured))
        numbers = iter(range(1_000_000))

        @contextlib.contextmanager
        def make() -> Iterator[Install]:
            copy = folder / f"install{next(numbers)}"
            shutil.copytree(home, copy)
            try:
                with _own_database(server, url, copy.name) as own:
                    yield Install(copy, own, measured)
                    if own:
                        canary.recorder.look_at_database(own)
                    else:
                        canary.recorder.look_at_files(copy)
            finally:
                shutil.rmtree(copy, ignore_errors=True)

        yield make


@contextlib.contextmanager
def _own_database(server: str, url: str, name: str) -> Iterator[str]:
    """A copy of the template's database; nothing where that is a file in the home."""
    if not url:
        yield ""
        return
    own = f"{_database_of(url)}_{name}"
    _copy_database(server, url, own)
    try:
        yield with_database(url, own)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(own)))


def _database_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _copy_database(server: str, url: str, name: str) -> None:
    template = _database_of(url)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
