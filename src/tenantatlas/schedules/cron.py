"""Cron expressions of five fields, as people know them from crontab. Pure.

    ┌ minute 0-59      lists `1,15`, ranges `9-17`, steps `*/15` and `8-18/2`, names `mon`, `jan`;
    │ ┌ hour 0-23      @hourly @daily @midnight @weekly @monthly @yearly @annually
    │ │ ┌ day 1-31
    │ │ │ ┌ month 1-12       day and weekday: both restricted means either one is enough
    │ │ │ │ ┌ weekday 0-7    0 and 7 are Sunday
    * * * * *

Only whether a local date and a time of day match is decided here; what a clock change does is `due`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache

from tenantatlas.core.errors import InputError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MOST_CHARACTERS = 200

_ALIASES: Mapping[str, str] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


@dataclass(frozen=True, kw_only=True)
class _Field:
    """What one field may hold."""

    name: str
    least: int
    most: int
    words: Mapping[str, int]


_FIELDS = (
    _Field(name="minute", least=0, most=59, words={}),
    _Field(name="hour", least=0, most=23, words={}),
    _Field(name="day", least=1, most=31, words={}),
    _Field(name="month", least=1, most=12, words={word: place + 1 for place, word in enumerate(_MONTHS)}),
    _Field(name="weekday", least=0, most=7, words={word: place for place, word in enumerate(_DAYS)}),
)


@dataclass(frozen=True, kw_only=True)
class CronRule:
    """The times of day and the dates that an expression matches."""

    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    #: Both the day and the weekday are restricted: either one is enough.
    either_day: bool
    #: Every hour matches: the rule is about time that passes, not about a time of day.
    every_hour: bool

    def matches(self, day: date) -> bool:
        """Whether the rule has times on that date."""
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> CronRule:
    """The rule that the expression means; an `InputError` says what is wrong with it."""
    shown = " ".join(text.split()).lower()
    words = _ALIASES.get(shown, shown).split(" ")
    if shown.startswith("@") and shown not in _ALIASES:
        raise _bad(f"{shown[:20]} is not known; there are {', '.join(_ALIASES)}.")
    if len(words) != len(_FIELDS) or len(shown) > _MOST_CHARACTERS:
        raise _bad("A cron expression has five fields: minute, hour, day, month, weekday.")
    sets = [_read(word, field) for word, field in zip(words, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = sets
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and not any(min(days) <= _LONGEST_MONTHS[month - 1] for month in months):
        raise _bad("No month of these has such a day, so it would never run.")
    return CronRule(
        times=tuple(time(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)),
        days=days,
        months=months,
        weekdays=frozenset(weekday % 7 for weekday in weekdays),
        either_day=either,
        every_hour=len(hours) == 24,  # noqa: PLR2004 - hours of a day
    )


def _read(text: str, field: _Field) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_part(part, field))
    return frozenset(found)


def _part(text: str, field: _Field) -> Iterable[int]:
    span, slash, step_text = text.partition("/")
    step = _number(step_text, field, least=1) if slash else 1
    if span == "*":
        return range(field.least, field.most + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = _value(first_text, field)
    last = _value(last_text, field) if dash else field.most if slash else first
    if dash and last == 0 and field.name == "weekday":
        last = 7  # Sunday ends a week as well as it begins one
    if last < first:
        raise _bad(f"The {field.name} {span} ends before it begins.")
    return range(first, last + 1, step)


def _value(text: str, field: _Field) -> int:
    if text in field.words:
        return field.words[text]
    return _number(text, field, least=field.least)


def _number(text: str, field: _Field, *, least: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else -1  # noqa: PLR2004 - digits
    if not least <= number <= field.most:
        raise _bad(f"The {field.name} {text[:20]!r} is not a number from {least} to {field.most}.")
    return number


def _bad(why: str) -> InputError:
    return InputError(
        why,
        hint="Write minute, hour, day, month and weekday, such as `30 2 * * mon-fri`.",
        details={"field": "cron"},
    )
