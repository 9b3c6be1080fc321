"""The program, run in a process of its own that knows one install only."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from tenantatlas.accounts.models import User
from tenantatlas.cli.main import run
from tests import canary
from tests.factories import ConnectionFactory, MembershipFactory, TenantFactory
from tests.postgres import fresh_database
from tests.processes import Install

OWNER = "otto@contoso.example"


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> Any:
        """The one JSON object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def rows(self) -> list[Any]:
        """The JSON objects on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def failed(self, code: int, *words: str) -> None:
        """It ended with this code, said these words, and what to do."""
        assert self.code == code, self.err
        assert self.out == ""
        *_, sentence, hint = self.err.splitlines()
        assert sentence.startswith("error: "), self.err
        assert hint.startswith("hint: "), self.err
        assert len(hint) > len("hint: ")
        for word in words:
            assert word in self.err


def run_line(arguments: tuple[str, ...], environment: dict[str, str]) -> Result:
    """Run one command line in this process, which ends afterwards."""
    os.environ.update(environment)
    settings.ATLAS_SECRET_KEY_FILE = settings.ATLAS_HOME / "secret"
    settings.ATLAS_LEASE_SECONDS = 60.0
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return Result(code=code, out=out.getvalue(), err=err.getvalue())


@dataclass(frozen=True)
class Program:
    """The program on one install."""

    install: Install

    def __call__(self, *arguments: str | Path, **environment: str) -> Result:
        """Run it."""
        result: Result = self.install.call(run_line, tuple(map(str, arguments)), environment)
        canary.recorder.look(f"command {arguments[0]}", result.out + result.err)
        return result

    @property
    def home(self) -> Path:
        """The install's folder."""
        return self.install.home

    def written(self) -> dict[str, bytes]:
        """Every file of the install, but for the empty ones."""
        files = (path for path in self.home.rglob("*") if path.is_file())
        return {path.name: data for path in files if (data := path.read_bytes())}


@dataclass(frozen=True)
class Template:
    """An install that is set up, with Contoso connected; and a copy of it by `self backup`."""

    program: Program
    copy: Path

    @contextlib.contextmanager
    def again(self, home: Path, server: str = "") -> Iterator[Program]:
        """Another install like it."""
        shutil.copytree(self.program.home, home)
        if not server:
            yield Program(Install(home))
            canary.recorder.look_at_files(home)
            return
        model = urlsplit(self.program.install.url).path.lstrip("/")
        with fresh_database(server, template=model) as url:
            yield Program(Install(home, url))
            canary.recorder.look_at_database(url)


def make_template(program: Program, folder: Path) -> Template:
    """Set the install up and take a copy."""
    password = folder / "password"
    password.write_text(f"{canary.MARK} a long and strange sentence\n")
    copy = folder / "copy"
    for arguments in (
        ("init", "--admin-email", OWNER, "--admin-password-file", password),
        ("self", "backup", copy),
    ):
        result = program(*arguments)
        assert result.code == 0, result.err
        if arguments[0] == "init":
            program.install.call(connect_contoso)
    return Template(program, copy)


def connect_contoso() -> None:
    """A tenant in this process's install."""
    tenant = TenantFactory(slug="contoso", name="Contoso")
    ConnectionFactory(tenant=tenant)
    MembershipFactory(tenant=tenant, user=User.objects.get(email=OWNER), role="owner")


@contextlib.contextmanager
def blank_program(home: Path, server: str = "") -> Iterator[Program]:
    """The program on an install that is not set up; on PostgreSQL with an empty database on the server."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fresh_database(server)) if server else ""
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        yield Program(Install(home, url))
        canary.recorder.look_at_files(home)
