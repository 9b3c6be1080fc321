"""What the benchmarks print: one Markdown table, one row per measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADS = ("what", "database", "result", "target", "details")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement. `missed` says that it is not what was promised."""

    what: str
    database: str
    result: str
    target: str = ""
    details: str = ""
    missed: bool = False


def render(rows: Iterable[Row]) -> str:
    """The table; a row that missed its target says so."""
    lines = [_line(HEADS), "|" + "---|" * len(HEADS)]
    for row in rows:
        result = f"**{row.result}** (missed)" if row.missed else row.result
        lines.append(_line((row.what, row.database, result, row.target, row.details)))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float]) -> str:
    """The p50 and p99 of seconds."""
    return f"p50 {percentile(values, 0.5) * 1000:.0f} ms, p99 {percentile(values, 0.99) * 1000:.0f} ms"
