"""One bar a day, stacked by outcome, as shapes: numbers become places once, and templates only draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tenantatlas.runs.lifecycle import Outcome

from .queries import DayOfRuns
from .words import STATES

HEIGHT, WIDTH, GAP = 64, 16, 4
#: From the bottom up: what went well first.
ORDER = (
    Outcome.SUCCEEDED,
    Outcome.PARTIALLY_SUCCEEDED,
    Outcome.CANCELLED,
    Outcome.BLOCKED,
    Outcome.FAILED,
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One outcome within a bar."""

    tone: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One day."""

    x: int
    parts: tuple[Part, ...]
    day: DayOfRuns


@dataclass(frozen=True, kw_only=True)
class Bars:
    """The drawing, and the table that says the same."""

    bars: tuple[Bar, ...]
    width: int
    height: int
    outcomes: tuple[str, ...]
    total: int


def draw(days: Sequence[DayOfRuns]) -> Bars:
    """The days as bars; the tallest fills the height, and whatever happened at all can be seen."""
    most = max((day.total for day in days), default=0) or 1
    happened = tuple(
        outcome.value for outcome in ORDER if any(day.by_outcome.get(outcome.value) for day in days)
    )
    return Bars(
        bars=tuple(
            Bar(x=place * (WIDTH + GAP), parts=_parts(day, most), day=day) for place, day in enumerate(days)
        ),
        width=len(days) * (WIDTH + GAP),
        height=HEIGHT,
        outcomes=happened,
        total=sum(day.total for day in days),
    )


def _parts(day: DayOfRuns, most: int) -> tuple[Part, ...]:
    parts, top = [], float(HEIGHT)
    for outcome in ORDER:
        number = day.by_outcome.get(outcome.value, 0)
        if number:
            height = max(2.0, round(number / most * HEIGHT, 1))
            top = round(max(0.0, top - height), 1)
            parts.append(Part(tone=STATES[outcome.value][2], y=top, height=height))
    return tuple(parts)
