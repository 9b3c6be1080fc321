"""A canary in every secret that the suite gives out, and eyes on everything that comes back.

Every secret of the tests is made by `secret("what it is")` and so begins with the mark. As a pytest plugin
this module looks for the mark, and for every token that the simulator gave out, in

    log lines, as the product writes them · values of INSERT and UPDATE · answers of pages, archives opened
    what commands print · what pytest captured · files and databases of installs of other processes

plain and in base64; escaping for URLs or JSON changes nothing about the mark. A test in which one shows up
fails, even if it would pass otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.backends.signals import connection_created
from psycopg import sql

from tenantatlas.core import log

MARK = "CANARY-7f3a9d1c0b5e"

_AROUND = 60
_WRITES = ("INSERT", "UPDATE")
#: Where secrets are given to the product, and what plays Microsoft: they hold them by right.
_NOT_OURS = frozenset({"simulator", "password", "client-secret"})


def secret(what: str) -> str:
    """A secret for a test: marked, one word, and unlike every other."""
    return f"{MARK}-{what}".replace(" ", "-")


def forms_of(value: str) -> tuple[bytes, ...]:
    """The ways in which a value may hide in bytes: itself, and base64 at each of the three alignments."""
    raw = value.encode()
    forms = {raw: None}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(shift) + raw)
            forms[whole[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]] = None
    return tuple(forms)


@dataclass
class Recorder:
    """What was seen of marked secrets."""

    leaks: list[str] = field(default_factory=list)
    needles: list[bytes] = field(default_factory=lambda: list(forms_of(MARK)))

    def remember(self, value: str) -> None:
        """Look for this value too."""
        self.needles.append(value.encode())

    def look(self, place: str, data: str | bytes) -> None:
        """Look for secrets in what came out at this place."""
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        for inside in _opened(raw):
            for needle in self.needles:
                at = inside.find(needle)
                if at >= 0:
                    excerpt = inside[max(0, at - _AROUND) : at + len(needle) + _AROUND]
                    test = os.environ.get("PYTEST_CURRENT_TEST", "outside of tests")
                    self.leaks.append(f"{place}, {test}: {excerpt!r}")

    def look_at_value(self, place: str, value: Any) -> None:
        """The same for a parameter of a statement."""
        if isinstance(value, str | bytes):
            self.look(place, value)
        elif isinstance(value, memoryview | bytearray):
            self.look(place, bytes(value))
        elif isinstance(value, dict | list | tuple):
            for each in value.values() if isinstance(value, dict) else value:
                self.look_at_value(place, each)
        elif hasattr(value, "obj"):  # psycopg's wrapper for JSON
            self.look(place, json.dumps(value.obj, default=str))

    def look_at_files(self, folder: Path) -> None:
        """The same for every file below the folder: databases, logs, copies."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not _NOT_OURS & set(path.relative_to(folder).parts):
                with contextlib.suppress(FileNotFoundError):
                    self.look(f"file {path.name}", path.read_bytes())

    def look_at_database(self, url: str) -> None:
        """The same for every row of every table of a PostgreSQL database."""
        with psycopg.connect(url, autocommit=True) as connection:
            tables = connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables "
                "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for schema, table in tables:
                rows = connection.execute(
                    sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
                )
                for (row,) in rows:
                    self.look(f"table {table}", row)

    def judge(self) -> None:
        """Fail with what was seen, and forget it; forget also what was to be looked for besides the mark."""
        leaks, self.leaks = list(dict.fromkeys(self.leaks)), []
        self.needles = list(forms_of(MARK))
        if leaks:
            pytest.fail("A secret came out:\n" + "\n".join(leaks), pytrace=False)


def _opened(data: bytes) -> Iterable[bytes]:
    """The data; of an archive also what is in it."""
    yield data
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from map(archive.read, archive.namelist())


#: The session's recorder.
recorder = Recorder()


@contextlib.contextmanager
def apart() -> Iterator[Recorder]:
    """Within the block, what is seen is kept apart: it was planted."""
    kept, recorder.leaks = recorder.leaks, []
    try:
        yield recorder
    finally:
        recorder.leaks = kept


# ── Ears ──────────────────────────────────────────────────────────────────────────────────────────────────


class Ear(logging.Handler):
    """Hears log lines in the form in which the product writes them."""

    def emit(self, record: logging.LogRecord) -> None:
        recorder.look("log", self.format(record))


def _hear_logs(ear: logging.Handler) -> None:
    root = logging.getLogger()
    if ear not in root.handlers:
        root.addHandler(ear)


def _hear_statements(connection: Any, **_named: Any) -> None:
    if _hear_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_hear_statement)


def _hear_statement(execute: Callable[..., Any], statement: Any, params: Any, *rest: Any) -> Any:
    text = str(statement)
    if text.lstrip().startswith(_WRITES):
        recorder.look_at_value(f"row: {text[:80]}", list(params or ()))
    return execute(statement, params, *rest)


def _hear_pages() -> None:
    from django.test import Client  # noqa: PLC0415 - only once the settings are there

    request = Client.request

    def heard(self: Client, **asked: Any) -> Any:
        answer = request(self, **asked)
        if answer.streaming:
            whole = b"".join(answer.streaming_content)
            answer.streaming_content = [whole]
        else:
            whole = answer.content
        place = f"page {asked.get('PATH_INFO', '')}"
        recorder.look(place, whole)
        recorder.look(place, str(answer.headers))
        return answer

    Client.request = heard  # type: ignore[method-assign]


def _hear_tokens() -> None:
    """A token's signature is as good as a mark: nothing else has it."""
    from tenantatlas.simulator import tokens  # noqa: PLC0415 - large

    sign = tokens.sign

    def heard(*given: Any) -> str:
        token = sign(*given)
        recorder.remember(token.rpartition(".")[2])
        return token

    tokens.sign = heard


# ── The plugin ────────────────────────────────────────────────────────────────────────────────────────────

#: Hears every log line while tests run.
ear = Ear(logging.DEBUG)


def pytest_sessionstart() -> None:
    """Begin to listen."""
    from tenantatlas.config.logging import JsonLines  # noqa: PLC0415 - only once the settings are there

    ear.setFormatter(JsonLines())
    connection_created.connect(_hear_statements)
    _hear_pages()
    _hear_tokens()


def pytest_runtest_setup() -> None:
    """Listen also where a test has set up logging anew."""
    _hear_logs(ear)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Look at what a passing test printed; one that fails shows its values by design."""
    report = yield
    if report.passed:
        for name, content in report.sections:
            recorder.look(name, content)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Judge each test once all its fixtures have ended. The next one's words are no secrets of this one."""
    yield
    log._secrets.clear()
    recorder.judge()


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """At the end, look at the files that the session leaves: the log of all its processes, above all."""
    from django.conf import settings  # noqa: PLC0415 - only once the settings are there

    yield
    recorder.look_at_files(Path(settings.ATLAS_HOME))
    recorder.judge()
