"""Rows as CSV that spreadsheets open and never run. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .json import Json, dumps

#: Excel takes a file for UTF-8 by this mark only.
UTF8_MARK = "\ufeff"
#: A spreadsheet runs a cell that begins like this. The full-width forms are read as the plain ones.
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe_cell(value: Json) -> str:
    """The value as text that no spreadsheet runs: what looks like a formula gets an apostrophe in front."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    shown = value if isinstance(value, str) else dumps(value).decode("utf-8")
    return f"'{shown}" if shown.lstrip(" ").startswith(_RUN_BY_SPREADSHEETS) else shown


def csv_lines(rows: Iterable[Mapping[str, Json]], columns: Sequence[str]) -> Iterator[str]:
    """The head and one line for each row, with their line ends."""
    writer = csv.writer(_Echo())
    yield str(writer.writerow(columns))
    for row in rows:
        yield str(writer.writerow([safe_cell(row.get(column)) for column in columns]))


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line
