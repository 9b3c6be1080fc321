"""When a schedule is due: its cadence in its own time zone, slot by slot. Pure.

A slot is computed from the rule each time it is asked for; nothing keeps it as a UTC time for longer.

    what the clock does        a time of day (daily, weekly, cron with    cron for every hour
                               hours)
    ─────────────────────────  ─────────────────────────────────────────  ─────────────────────────────
    the time is skipped        once, at the first valid moment after      not at all: the hour is not there
    … and with it midnight     once, in the last minute before            likewise
    … and with it the date     not at all: there is no such date          likewise
    the time comes twice       once, the first time                       both times: time passes

So a daily schedule has one slot on each local date, always. `Slot.key` names the slot by the rule (its time
of day, date and zone), never by UTC: when a country changes its rules between two looks, the slot keeps its
name, and what has been started is not started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, available_timezones

from tenantatlas.core.errors import InputError

from .cron import CronRule, parse_cron

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
#: How far ahead a next slot is looked for. The rarest rule, 29 February, comes within eight years.
_HORIZON_DAYS = 366 * 9
#: A promise is measured over so many slots, and over so long at least.
_PROMISE_SLOTS = 14
_PROMISE_SPAN = timedelta(days=8)
_TRANSITION_SPAN = timedelta(days=400)
_WEEK = 7


class CadenceKind(StrEnum):
    """How a schedule repeats."""

    DAILY = "daily"
    WEEKLY = "weekly"
    CRON = "cron"


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """A rule and its zone; checked when made, so that every cadence there is can be used.

    `weekdays` are ISO numbers, Monday 1 to Sunday 7.
    """

    kind: CadenceKind
    zone: str
    at: time = time(0, 0)
    weekdays: tuple[int, ...] = ()
    cron: str = ""

    def __post_init__(self) -> None:
        find_zone(self.zone)
        if self.kind is CadenceKind.CRON:
            parse_cron(self.cron)
        if self.kind is CadenceKind.WEEKLY and not self.weekdays:
            raise InputError("Choose at least one weekday.", details={"field": "weekdays"})
        if not all(1 <= day <= _WEEK for day in self.weekdays):
            raise InputError("Weekdays are 1 (Monday) to 7 (Sunday).", details={"field": "weekdays"})

    @property
    def counts_elapsed_time(self) -> bool:
        """Whether the rule is for every hour, so that it follows time that passes."""
        return self.kind is CadenceKind.CRON and parse_cron(self.cron).every_hour


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One time at which the schedule is due. `wall` is what its rule says, `at` when that is."""

    key: str
    at: datetime
    wall: datetime


@dataclass(frozen=True, kw_only=True)
class ClockChange:
    """A moment at which the zone's clocks jump from `before` to `after`."""

    at: datetime
    before: datetime
    after: datetime


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every zone that a schedule can have."""
    return frozenset(available_timezones())


def find_zone(name: str) -> ZoneInfo:
    """The zone; an unknown one is an `InputError`."""
    if name not in zone_names():
        raise InputError(
            f"There is no time zone {name[:60]!r}.",
            hint="Give its IANA name, such as Europe/Berlin or UTC.",
            details={"field": "zone"},
        )
    return ZoneInfo(name)


# ── Slots ─────────────────────────────────────────────────────────────────────────────────────────────────


def slots(cadence: Cadence, *, after: datetime, zone: tzinfo | None = None) -> Iterator[Slot]:
    """The slots later than the moment, in order, for years to come. `zone` replaces that of the name."""
    where = zone or find_zone(cadence.zone)
    first = after.astimezone(where).date() - _DAY
    waiting: list[Slot] = []
    for number in range(_HORIZON_DAYS):
        day = first + number * _DAY
        offset = _steady_offset(day, where)
        if offset is not None:
            yield from (slot for slot in waiting if slot.at > after)
            waiting = []
            yield from _steady_slots(cadence, day, offset, after)
            continue
        fresh = _slots_on(cadence, day, where)
        if fresh:
            yield from (slot for slot in waiting if after < slot.at < fresh[0].at)
            left = [slot for slot in waiting if slot.at >= fresh[0].at]
            waiting = sorted([*left, *fresh], key=lambda slot: slot.at)
    yield from (slot for slot in waiting if slot.at > after)


def slots_between(
    cadence: Cadence, *, after: datetime, until: datetime, zone: tzinfo | None = None
) -> list[Slot]:
    """The slots later than `after`, up to and with `until`, in order."""
    return list(takewhile(lambda slot: slot.at <= until, slots(cadence, after=after, zone=zone)))


def next_slots(cadence: Cadence, *, after: datetime, number: int) -> list[Slot]:
    """The next so many slots."""
    return list(islice(slots(cadence, after=after), number))


def promise_of(cadence: Cadence, *, after: datetime) -> timedelta:
    """The longest time between two slots in a row: how old the newest result may become by the rule."""
    longest, previous = timedelta(), after
    start: datetime | None = None
    for number, slot in enumerate(slots(cadence, after=after)):
        if start is None:
            start = slot.at
        else:
            longest = max(longest, slot.at - previous)
        previous = slot.at
        if number >= _PROMISE_SLOTS and slot.at - start > _PROMISE_SPAN:
            break
    return longest


def _steady_offset(day: date, zone: tzinfo) -> timedelta | None:
    """The zone's offset from the day before to the day after; None while its clocks change about then."""
    midnights = (datetime.combine(day + number * _DAY, time()) for number in (-1, 0, 1, 2))
    offsets = {zone.utcoffset(midnight) for midnight in midnights}
    return offsets.pop() if len(offsets) == 1 else None


def _steady_slots(cadence: Cadence, day: date, offset: timedelta, after: datetime) -> Iterator[Slot]:
    """The slots of a local date on which nothing happens to the clocks."""
    for moment in _times_on(cadence, day):
        wall = datetime.combine(day, moment)
        at = (wall - offset).replace(tzinfo=UTC)
        if at > after:
            yield Slot(key=_key(cadence, wall, at), at=at, wall=wall)


def _slots_on(cadence: Cadence, day: date, zone: tzinfo) -> list[Slot]:
    """The slots that belong to the local date; several at one moment are one."""
    found: dict[datetime, Slot] = {}
    for moment in _times_on(cadence, day):
        wall = datetime.combine(day, moment)
        for at in _moments(wall, zone, every=cadence.counts_elapsed_time):
            found[at] = Slot(key=_key(cadence, wall, at), at=at, wall=wall)
    return sorted(found.values(), key=lambda slot: slot.at)


def _times_on(cadence: Cadence, day: date) -> tuple[time, ...]:
    if cadence.kind is CadenceKind.CRON:
        rule: CronRule = parse_cron(cadence.cron)
        return rule.times if rule.matches(day) else ()
    if cadence.kind is CadenceKind.WEEKLY and day.isoweekday() not in cadence.weekdays:
        return ()
    return (cadence.at,)


def _key(cadence: Cadence, wall: datetime, at: datetime) -> str:
    named = at if cadence.counts_elapsed_time else wall
    return f"{named:%Y-%m-%dT%H:%M} {'UTC' if cadence.counts_elapsed_time else cadence.zone}"


def _moments(wall: datetime, zone: tzinfo, *, every: bool) -> list[datetime]:
    """When the local clock shows this: once as a rule; see the table above for clock changes."""
    local = wall.replace(tzinfo=zone)
    first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first <= second:
        return [first, second] if every and first != second else [first]
    # The clocks jump over this time: by the offset before it would be `first`, by the one after `second`.
    if every:
        return []
    jump = _jump_between(second, first, zone)
    for at in (jump, jump - _MINUTE):
        if at.astimezone(zone).date() == wall.date():
            return [at]
    return []


def _jump_between(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The moment, to the minute, from which the later one's offset holds."""
    offset = early.astimezone(zone).utcoffset()
    low, high = 0, int((late - early) / _MINUTE) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if (early + middle * _MINUTE).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return early + high * _MINUTE


# ── In words ──────────────────────────────────────────────────────────────────────────────────────────────

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKDAYS = (1, 2, 3, 4, 5)


def describe(cadence: Cadence) -> str:
    """The cadence as a sentence: "Every day at 02:00 Europe/Berlin"."""
    if cadence.kind is CadenceKind.CRON:
        return f"By cron {' '.join(cadence.cron.split())} {cadence.zone}"
    return f"Every {_days(cadence)} at {cadence.at:%H:%M} {cadence.zone}"


def _days(cadence: Cadence) -> str:
    days = sorted(set(cadence.weekdays))
    if cadence.kind is CadenceKind.DAILY or len(days) == _WEEK:
        return "day"
    if tuple(days) == _WORKDAYS:
        return "day from Monday to Friday"
    names = [WEEKDAYS[day - 1] for day in days]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def clock_changes(zone: tzinfo, *, after: datetime, span: timedelta = _TRANSITION_SPAN) -> list[ClockChange]:
    """When the zone's clocks change within the span."""
    found = []
    step = timedelta(hours=12)
    early = after
    while early < after + span:
        late = early + step
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset():
            at = _jump_between(early.replace(second=0, microsecond=0), late, zone)
            before = (at - _MINUTE).astimezone(zone).replace(tzinfo=None) + _MINUTE
            found.append(ClockChange(at=at, before=before, after=at.astimezone(zone).replace(tzinfo=None)))
        early = late
    return found


def describe_clock_changes(cadence: Cadence, *, after: datetime, number: int = 2) -> list[str]:
    """What the schedule does at the next clock changes, a sentence each; one if there are none."""
    zone = find_zone(cadence.zone)
    changes = clock_changes(zone, after=after)[:number]
    if not changes:
        return [f"Clocks in {cadence.zone} do not change within the next year."]
    return [f"{_jump_words(change)}: {_effect(cadence, change, zone)}" for change in changes]


def _jump_words(change: ClockChange) -> str:
    way = "forward" if change.after > change.before else "back"
    return f"{change.before:%d %b %Y}, clocks go {way} from {change.before:%H:%M} to {change.after:%H:%M}"


def _effect(cadence: Cadence, change: ClockChange, zone: tzinfo) -> str:
    if cadence.counts_elapsed_time:
        return "this schedule goes by the time that passes, so it neither runs twice nor waits longer."
    low, high = sorted((change.before, change.after))
    for day in sorted({low.date(), high.date()}):
        for slot in _slots_on(cadence, day, zone):
            local = slot.at.astimezone(zone)
            if local.replace(tzinfo=None) != slot.wall:
                return f"{slot.wall:%H:%M} does not exist, so it runs once, at {local:%H:%M}."
            if low <= slot.wall < high:
                return f"{slot.wall:%H:%M} comes twice, so it runs once, the first time."
    return "nothing changes for this schedule."
