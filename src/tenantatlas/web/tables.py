"""Which columns of a table a person sees. The table's own head says which there are."""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass

_HEAD = re.compile(r"<thead\b.*?</thead>", re.DOTALL)
_CELL = re.compile(r"<th\b([^>]*)>(.*?)</th>", re.DOTALL)
_NAMED = re.compile(r'data-column="([^"]*)"')
#: As many columns as the style sheet can hide.
MOST_COLUMNS = 16


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its key, its words, its place from 1; whether it holds ticks, always stays, is hidden."""

    key: str
    words: str
    place: int
    ticks: bool
    fixed: bool
    hidden: bool


def columns_of(table: str, hidden: Collection[str] = ()) -> list[Column]:
    """The columns of the rendered table. Ticks and the first column with words always stay."""
    found = _HEAD.search(table)
    cells = _CELL.findall(found.group()) if found else []
    columns: list[Column] = []
    for place, (attributes, inner) in enumerate(cells, start=1):
        words = " ".join(html.unescape(re.sub(r"<[^>]+>|[↑↓]", " ", inner)).split())
        named = _NAMED.search(attributes)
        key = named.group(1) if named else re.sub(r"\W+", "_", words.lower()).strip("_")
        ticks = "<input" in inner
        first = all(column.ticks for column in columns)
        fixed = ticks or first or not key or place > MOST_COLUMNS
        columns.append(
            Column(
                key=key,
                words=words,
                place=place,
                ticks=ticks,
                fixed=fixed,
                hidden=not fixed and key in hidden,
            )
        )
    return columns


def hiding(columns: Collection[Column]) -> str:
    """The classes that hide what is hidden, whatever the page does to the rows afterwards."""
    return " ".join(f"hide-{column.place}" for column in columns if column.hidden)
