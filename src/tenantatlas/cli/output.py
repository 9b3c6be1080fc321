"""What commands print: data on standard output, everything else on standard error.

With `--json` each object is one line of JSON. A start prints exactly one object, at its end; also without
`--json` where
standard output is not a terminal. A list prints one object a line.

Exit codes: 0 done · 1 our fault · 2 bad input · 3 finished, but incomplete · 4 not allowed · 5 not found ·
6 conflict · 7 Graph or storage failed · 8 cancelled.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tenantatlas.core.errors import AtlasError
from tenantatlas.core.json import Json, dumps
from tenantatlas.core.log import redact_text
from tenantatlas.core.spreadsheets import csv_lines

EXIT_CODES_HELP = (
    "Exit codes: 0 done, 1 our fault, 2 bad input, 3 finished but incomplete, 4 not allowed, 5 not found, "
    "6 conflict, 7 Graph or storage failed, 8 cancelled."
)
COMMON_OPTIONS_HELP = (
    "Every command also takes --json (one JSON object a line on standard output) and --as EMAIL (who acts). "
    "What starts work prints its JSON object also without --json where standard output is not a terminal. "
    "--version says which version this is."
)


@dataclass
class _Mode:
    json: bool = False
    acting_as: str = ""
    tenant: str = ""


_mode = _Mode()


def configure(*, json: bool, acting_as: str) -> None:
    """Set how this command prints and who acts; once, before it runs."""
    _mode.json, _mode.acting_as, _mode.tenant = json, acting_as, ""


def name_tenant(slug: str) -> None:
    """Remember that the command was told which tenant its object is of."""
    _mode.tenant = slug


def named_tenant() -> str:
    """The tenant that the object must be of; empty when it was not named."""
    return _mode.tenant


def wants_json() -> bool:
    """Whether `--json` was given."""
    return _mode.json


def a_person_reads() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def acting_as() -> str:
    """The address given with `--as`; empty without."""
    return _mode.acting_as


def write_line(text: str) -> None:
    """One line of data."""
    sys.stdout.write(redact_text(text) + "\n")


def note(text: str) -> None:
    """One line that is not data: progress, advice."""
    sys.stderr.write(redact_text(text) + "\n")
    sys.stderr.flush()


def print_object(data: Mapping[str, Json], *, text: str = "") -> None:
    """One object; for people the text, or one `name: value` a line."""
    if wants_json():
        _write_json(data)
    elif text:
        write_line(text)
    else:
        width = max((len(name) for name in data), default=0)
        for name, value in data.items():
            first, *more = _lines(value)
            write_line(f"{name.replace('_', ' '):<{width}}  {first}")
            for line in more:
                write_line(f"{'':<{width}}  {line}")


def print_rows(rows: Iterable[Mapping[str, Json]], *, columns: Sequence[str], empty: str = "") -> None:
    """A list; for people a table of these columns. `empty` is the advice where there is nothing."""
    if wants_json():
        for row in rows:
            _write_json(row)
        return
    shown = [[_cell(row.get(name)) for name in columns] for row in rows]
    if not shown:
        note(empty or "Nothing to show.")
        return
    table = [[name.replace("_", " ").upper() for name in columns], *shown]
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    for line in table:
        write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_file(rows: Iterable[Mapping[str, Json]], *, columns: Sequence[str]) -> None:
    """Rows for another program: CSV that spreadsheets never run, or with `--json` one object a line."""
    if wants_json():
        for row in rows:
            _write_json(row)
        return
    for line in csv_lines(rows, columns):
        write_line(line.removesuffix("\r\n"))


def print_of_start(text: str) -> None:
    """One line of what a start found, before its end: data for people, nothing with `--json`.

    Where the start's object goes to a pipe, the line is beside it on standard error.
    """
    if wants_json():
        return
    (write_line if a_person_reads() else note)(text)


def print_start(data: Mapping[str, Json], *, sentence: str) -> None:
    """The one object that a start ends with; a person at a terminal reads the sentence instead."""
    if wants_json() or not a_person_reads():
        _write_json(data)
    else:
        write_line(sentence)


def print_error(error: AtlasError) -> int:
    """Say what went wrong and what to do; returns the exit code."""
    note(f"error: {error.message}")
    note(f"hint: {error.hint or _hint_of(error)}")
    return error.exit_code


def _hint_of(error: AtlasError) -> str:
    hints = {
        2: "Add --help to the command to see what it takes.",
        3: "See which items failed with `tenantatlas runs show RUN`.",
        4: "Ask an owner of the tenant.",
        5: "Check the name, or list what there is.",
        6: "Look at the state of things, then try again.",
        7: "See the connection with `tenantatlas tenants check SLUG`, then try again.",
        8: "Start it again when you want it.",
    }
    return hints.get(error.exit_code, "Try again.")


def _write_json(data: Mapping[str, Json]) -> None:
    write_line(dumps(dict(data)).decode("utf-8"))


def _lines(value: Json) -> list[str]:
    """A value as one line; a list of objects as one line each."""
    if isinstance(value, list | tuple) and any(isinstance(part, dict) for part in value):
        return [_cell(part) for part in value]
    return [_cell(value)]


def _cell(value: Json) -> str:
    if value is None or value in ("", {}, [], ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _said(value) or ", ".join(f"{name} {_within(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        nested = any(isinstance(part, dict | list | tuple) for part in value)
        return ("; " if nested else ", ").join(_cell(part) for part in value)
    return str(value).replace("\n", " ")


def _within(value: Json) -> str:
    """A value inside another one: what has parts stands in brackets."""
    return f"({_cell(value)})" if isinstance(value, dict | list | tuple) and value else _cell(value)


def _said(value: Mapping[str, Json]) -> str:
    """What an object that carries a sentence says: `warning: …`; empty for any other."""
    message = value.get("message")
    if not isinstance(message, str) or not message:
        return ""
    rank = value.get("level") or value.get("severity")
    return f"{rank}: {message}" if rank else message
