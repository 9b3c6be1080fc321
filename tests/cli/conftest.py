"""The program in this process on the suite's database, and on installs of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantatlas.cli import output
from tenantatlas.cli.main import run
from tests import canary

from .program import Program, Result, Template, blank_program, make_template


@pytest.fixture
def tenantatlas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command line in this process, on the suite's database."""
    monkeypatch.setenv("ATLAS_LOG_FILE", os.devnull)
    before = os.umask(0o022)

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        canary.recorder.look(f"command {arguments[0]}", said.out + said.err)
        return Result(code=code, out=said.out, err=said.err)

    yield call
    os.umask(before)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process print to a terminal."""
    monkeypatch.setattr(output, "a_person_reads", lambda: True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], scope="session")
def server(request: pytest.FixtureRequest) -> str:
    """Where the installs' databases are: a file each, or this PostgreSQL server."""
    return str(request.getfixturevalue("postgres_server")) if request.param == "postgresql" else ""


@pytest.fixture
def blank(server: str, tmp_path: Path) -> Iterator[Program]:
    """An install that is not set up, on each database."""
    with blank_program(tmp_path / "home", server) as program:
        yield program


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """A file with a good password."""
    path = tmp_path / "password"
    path.write_text(f"{canary.MARK} a long and strange sentence\n")
    return path


@pytest.fixture(scope="session")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """An install that is set up, with Contoso connected; made once."""
    folder = tmp_path_factory.mktemp("template")
    with blank_program(folder / "home", server) as program:
        yield make_template(program, folder)


@pytest.fixture
def ready(template: Template, server: str, tmp_path: Path) -> Iterator[Program]:
    """An install with its first owner and Contoso."""
    with template.again(tmp_path / "home", server) as program:
        yield program


@pytest.fixture
def copied(template: Template, tmp_path: Path) -> Path:
    """A copy of that install."""
    return Path(shutil.copy(template.copy, tmp_path / "copy"))
