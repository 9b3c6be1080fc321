"""The program as a whole: options of every command, unknown verbs, errors and exit codes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
import typer
from django.db import OperationalError

from tenantatlas import __version__
from tenantatlas.cli import main, output
from tenantatlas.core import errors
from tenantatlas.policies.registry import all_types


def test_the_program_says_its_version(tenantatlas):
    assert tenantatlas("--version").out == f"tenantatlas {__version__}\n"


def test_help_lists_the_commands_and_the_exit_codes(tenantatlas):
    result = tenantatlas("--help")

    assert result.code == 0
    for words in ("tenants", "init", "Exit codes", "--json", "--as EMAIL", "--version"):
        assert words in result.out


def test_a_group_alone_prints_its_help(tenantatlas):
    result = tenantatlas("tenants")

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: tenantatlas tenants")
    assert "error:" not in result.err


def test_the_policy_types_are_listed(tenantatlas):
    rows = tenantatlas("types", "--json").rows

    assert [row["key"] for row in rows] == [each.key for each in all_types()]
    assert rows[0].keys() == {"key", "label", "mode"}
    assert "configurationPolicies" in tenantatlas("types").out


def test_objects_within_objects_are_read_by_people(capsys):
    output.print_object(
        {
            "checks": [{"level": "warning", "message": "Old.", "hint": ""}, {"message": "Fine."}],
            "reader": {"kind": "secret", "ids": ["a", "b"]},
            "none": [],
        }
    )

    assert capsys.readouterr().out == (
        "checks  warning: Old.\n        Fine.\nreader  kind secret, ids (a, b)\nnone    -\n"
    )


@pytest.mark.django_db
def test_a_verb_that_is_not_ours_is_djangos(tenantatlas):
    assert tenantatlas("check").code == 0


def test_an_unknown_verb_names_its_neighbours(tenantatlas):
    tenantatlas("tenant").failed(2, "There is no command 'tenant'", "tenants")
    tenantatlas("zzzzzz").failed(2, "tenantatlas --help")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tenants", "lst"), "list"),
        (("tenants", "list", "--nonsense"), "--nonsense"),
        (("tenants", "show"), "SLUG"),
        (("init",), "--admin-email"),
        (("serve", "--port", "99999999"), "--port"),
        (("tenants", "add", "x", "--cloud", "moon"), "moon"),
        (("tenants", "list", "--as"), "--as needs"),
        (("tenants", "list", "--as="), "--as needs"),
        (("--as", "--json", "tenants", "list"), "--as needs"),
    ],
)
def test_a_command_line_that_cannot_be_read_ends_with_2_and_a_hint(tenantatlas, arguments, says):
    tenantatlas(*arguments).failed(2, says)


def test_everything_after_two_dashes_is_an_argument(tenantatlas, cast):
    assert cast
    tenantatlas("tenants", "show", "--", "--json").failed(5, "--json")


def failing_with(error):
    """A module of commands with one that fails like this."""

    class Module:
        @staticmethod
        def register(app: typer.Typer) -> None:
            @app.command()
            def boom() -> None:
                raise error

            @app.command()
            def other() -> None:
                return

    return Module


@pytest.fixture
def boom(monkeypatch, tenantatlas):
    """Run a command that fails like this."""

    def call(error):
        monkeypatch.setattr(main, "_modules_for", lambda _verb: [failing_with(error)])
        return tenantatlas("boom")

    return call


def leaves(error=errors.AtlasError):
    """Every error that a person can meet."""
    for below in error.__subclasses__():
        yield below
        yield from leaves(below)


@pytest.mark.parametrize(
    "leaf",
    sorted(
        {leaf for leaf in leaves() if leaf.__module__ == "tenantatlas.core.errors"} - {errors.Snoozed},
        key=str,
    ),
)
def test_every_error_has_a_sentence_a_hint_and_its_exit_code(boom, leaf):
    boom(leaf()).failed(leaf.exit_code, leaf.__doc__.splitlines()[0])


def test_an_errors_own_hint_is_said(boom):
    boom(errors.Conflict("No.", hint="Ask again tomorrow.")).failed(
        6, "error: No.", "hint: Ask again tomorrow."
    )


def test_what_nobody_expected_is_our_fault_and_has_a_reference(boom, caplog):
    result = boom(ZeroDivisionError("details that nobody should see"))

    result.failed(1, "This is our fault", "ZeroDivisionError", "reference")
    assert "details that nobody" not in result.err
    reference = result.err.partition("reference ")[2][:8]
    record = next(record for record in caplog.records if record.message == "command_failed")
    assert record.reference == reference
    assert record.exc_info


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OperationalError("database is locked"), "locked by another process"),
        (OperationalError("database or disk is full"), "disk is full"),
        (OperationalError("unable to open database file"), "cannot be opened"),
        (OperationalError('connection to server at "db" failed: Connection refused'), "cannot be reached"),
        (OperationalError("FATAL: password authentication failed for user"), "refused our sign-in"),
        (sqlite3.OperationalError("database or disk is full"), "disk is full"),
        (OSError(28, "No space left on device"), "disk is full"),
    ],
)
def test_trouble_of_our_storage_is_said_as_such(boom, error, says):
    boom(error).failed(7, says)


def test_an_interrupted_command_says_so(boom):
    result = boom(KeyboardInterrupt())

    assert result.code == 130
    assert result.err == "Interrupted.\n"


def test_a_command_may_choose_its_exit_code(boom):
    assert boom(typer.Exit(3)).code == 3


def test_a_reader_that_leaves_early_is_no_error():
    script = (
        "import sys; from tenantatlas.cli import main, output; "
        "main._run_command = lambda rest: [output.write_line('x' * 100) for _ in range(100000)] and 0; "
        "sys.exit(main.run(['x']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert said == b""


def test_lists_are_tables_for_people_and_lines_of_json_for_programs(capsys):
    rows = [{"name": "a", "count": 1, "tags": ["x", "y"]}, {"name": "b", "count": None, "tags": []}]

    output.configure(json=False, acting_as="")
    output.print_rows(rows, columns=("name", "count", "tags"))
    assert capsys.readouterr().out == "NAME  COUNT  TAGS\na     1      x, y\nb     -      -\n"

    output.configure(json=True, acting_as="")
    output.print_rows(rows, columns=("name",))
    assert capsys.readouterr().out.splitlines()[0] == '{"name":"a","count":1,"tags":["x","y"]}'


def test_an_object_is_read_by_people_and_programs(capsys):
    output.configure(json=False, acting_as="")
    output.print_object({"a_b": True, "counts": {"x": 1}, "none": ""})
    assert capsys.readouterr().out == "a b     yes\ncounts  x 1\nnone    -\n"

    output.print_rows([], columns=("name",))
    assert capsys.readouterr().err == "Nothing to show.\n"


def test_a_start_is_one_object_unless_a_person_looks(capsys, monkeypatch):
    output.configure(json=False, acting_as="")
    output.print_start({"run": 1}, sentence="Run 1: done")
    assert capsys.readouterr().out == '{"run":1}\n'

    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: True, raising=False)
    output.print_start({"run": 1}, sentence="Run 1: done")
    assert capsys.readouterr().out == "Run 1: done\n"
