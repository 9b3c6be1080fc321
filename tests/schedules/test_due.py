"""A daily schedule is due once on each local date, whatever the clocks do; by every zone there is."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.schedules.due import (
    Cadence,
    CadenceKind,
    clock_changes,
    describe,
    describe_clock_changes,
    find_zone,
    next_slots,
    promise_of,
    slots_between,
    zone_names,
)

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
TIMES = [time(0, 0), time(0, 30), time(1, 30), time(2, 30), time(23, 0), time(23, 30), time(23, 59)]
DAY = timedelta(days=1)


def daily(at: str, zone: str = "Europe/Berlin") -> Cadence:
    return Cadence(kind=CadenceKind.DAILY, zone=zone, at=time.fromisoformat(at))


def cron(text: str, zone: str = "Europe/Berlin") -> Cadence:
    return Cadence(kind=CadenceKind.CRON, zone=zone, cron=text)


def local_times(cadence: Cadence, day: str, *, days: int = 1, zone: tzinfo | None = None) -> list[str]:
    """When the schedule runs on the local dates, as a wall clock shows it, with the offset."""
    where = zone or ZoneInfo(cadence.zone)
    start = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
    found = slots_between(cadence, after=start - DAY, until=start + (days + 1) * DAY, zone=where)
    shown = [slot.at.astimezone(where) for slot in found]
    wanted = {start.date() + number * DAY for number in range(days)}
    return [f"{each:%H:%M%z}" for each in shown if each.date() in wanted]


# ── Every zone ────────────────────────────────────────────────────────────────────────────────────────────


def rules() -> dict[tuple[tuple[datetime, datetime, datetime], ...], str]:
    """Every list of clock changes that a zone has in the ten years, with one such zone's name."""
    found = {}
    for name in sorted(zone_names() - {"Factory", "localtime"}):
        zone = ZoneInfo(name)
        changes = tuple(
            (change.at, change.before, change.after)
            for change in clock_changes(zone, after=FIRST, span=LAST - FIRST)
        )
        key = changes or ((FIRST, FIRST.astimezone(zone).replace(tzinfo=None), FIRST),)
        found.setdefault(key, name)
    return found


def windows(zone: tzinfo, changes: list[datetime]) -> list[tuple[date, date]]:
    """The local dates around each change, and a quiet week in each year."""
    found = [(at.astimezone(zone).date() - 2 * DAY, at.astimezone(zone).date() + 2 * DAY) for at in changes]
    near = {low + number * DAY for low, _ in found for number in range(-8, 10)}
    for year in range(FIRST.year, LAST.year):
        quiet = (date(year, 1, 2) + number * DAY for number in range(350))
        first = next((day for day in quiet if day not in near), date(year, 7, 1))
        found.append((first, first + 6 * DAY))
    return found


def dates_that_exist(zone: tzinfo, low: date, high: date) -> list[date]:
    """The local dates of the window that a clock there shows at any time."""
    start = datetime.combine(low, time(), tzinfo=UTC) - 2 * DAY
    step = timedelta(hours=3)
    seen = {(start + number * step).astimezone(zone).date() for number in range(((high - low).days + 6) * 8)}
    return sorted(day for day in seen if low <= day <= high)


def test_a_daily_schedule_fires_once_per_local_date_in_every_zone_over_ten_years():
    checked, zones = 0, rules()
    for name in zones.values():
        zone = ZoneInfo(name)
        changes = [change.at for change in clock_changes(zone, after=FIRST, span=LAST - FIRST)]
        for low, high in windows(zone, changes):
            existing = dates_that_exist(zone, low, high)
            for at in TIMES:
                cadence = Cadence(kind=CadenceKind.DAILY, zone=name, at=at)
                start = datetime.combine(low, time(), tzinfo=UTC)
                found = slots_between(
                    cadence, after=start - 2 * DAY, until=datetime.combine(high, at, tzinfo=UTC) + 2 * DAY
                )
                on = Counter(slot.at.astimezone(zone).date() for slot in found)
                assert [day for day in existing if on[day] != 1] == [], (name, at)
                assert len({slot.key for slot in found}) == len(found)
                checked += len(existing)
    assert len(zones) > 60
    assert checked > 60_000


def test_a_date_that_a_zone_left_out_has_no_slot():
    """Samoa went from 29 to 31 December 2011."""
    assert local_times(daily("02:00", "Pacific/Apia"), "2011-12-29", days=3) == ["02:00-1000", "02:00+1400"]


# ── Each clock change ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cadence", "day", "times"),
    [
        (daily("02:30"), "2027-03-28", ["03:00+0200"]),
        (daily("02:00"), "2027-03-28", ["03:00+0200"]),
        (daily("03:00"), "2027-03-28", ["03:00+0200"]),
        (daily("01:59"), "2027-03-28", ["01:59+0100"]),
        (daily("02:30"), "2027-10-31", ["02:30+0200"]),
        (daily("03:00"), "2027-10-31", ["03:00+0100"]),
        (daily("00:00", "Africa/Cairo"), "2027-04-30", ["01:00+0300"]),
        (daily("23:30", "America/Nuuk"), "2027-03-27", ["22:59-0200"]),
        (daily("23:30", "America/Nuuk"), "2027-03-28", ["23:30-0100"]),
        (daily("23:30", "Africa/Cairo"), "2027-10-28", ["23:30+0300"]),
        (daily("02:10", "Australia/Lord_Howe"), "2027-10-03", ["02:30+1100"]),
        (cron("15,45 2 * * *"), "2027-03-28", ["03:00+0200"]),
        (cron("0 1-4 * * *"), "2027-03-28", ["01:00+0100", "03:00+0200", "04:00+0200"]),
        (cron("0 1-4 * * *"), "2027-10-31", ["01:00+0200", "02:00+0200", "03:00+0100", "04:00+0100"]),
    ],
)
def test_a_time_of_day_runs_once_at_every_clock_change(cadence, day, times):
    assert local_times(cadence, day) == times


def test_a_rule_for_every_hour_goes_by_the_time_that_passes():
    for day, hours in (("2027-03-28", 23), ("2027-10-31", 25), ("2027-06-01", 24)):
        times = local_times(cron("30 * * * *"), day)
        assert len(times) == hours
    around = slots_between(
        cron("*/20 * * * *"),
        after=datetime(2027, 10, 30, 23, tzinfo=UTC),
        until=datetime(2027, 10, 31, 3, tzinfo=UTC),
    )
    assert {late.at - early.at for early, late in pairwise(around)} == {timedelta(minutes=20)}
    assert len({slot.key for slot in around}) == len(around) == 12


def test_slots_come_in_order_also_where_midnight_comes_twice():
    """In Nuuk midnight goes back to 23:00, so the last hour of a date lies on both sides of the next."""
    found = next_slots(
        cron("*/30 * * * *", "America/Nuuk"), after=datetime(2027, 10, 30, tzinfo=UTC), number=120
    )
    assert [slot.at for slot in found] == sorted(slot.at for slot in found)
    assert len({slot.at for slot in found}) == 120


def test_a_slot_is_later_than_what_is_asked_and_not_later_than_the_end():
    noon = datetime(2027, 1, 5, 12, tzinfo=UTC)
    cadence = daily("12:00", "UTC")
    assert slots_between(cadence, after=noon - DAY, until=noon)[-1].at == noon
    assert slots_between(cadence, after=noon, until=noon) == []
    assert next_slots(cadence, after=noon, number=1)[0].at == noon + DAY


def test_a_weekly_schedule_has_its_days():
    cadence = Cadence(kind=CadenceKind.WEEKLY, zone="Europe/Berlin", at=time(2, 30), weekdays=(1, 7))
    found = next_slots(cadence, after=datetime(2027, 3, 22, 12, tzinfo=UTC), number=3)
    assert [slot.key for slot in found] == [
        "2027-03-28T02:30 Europe/Berlin",
        "2027-03-29T02:30 Europe/Berlin",
        "2027-04-04T02:30 Europe/Berlin",
    ]
    assert [slot.at.hour for slot in found] == [1, 0, 0]


def test_a_leap_day_comes():
    (slot,) = next_slots(cron("0 5 29 2 *", "UTC"), after=datetime(2025, 1, 1, tzinfo=UTC), number=1)
    assert slot.at == datetime(2028, 2, 29, 5, tzinfo=UTC)


def test_when_a_country_changes_its_rules_a_slot_keeps_its_name():
    """What was started at 02:00 by the old rules is not started again at 02:00 by the new ones."""
    cadence = daily("02:00")
    start = datetime(2027, 6, 1, 12, tzinfo=UTC)
    old, new = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
    before = slots_between(cadence, after=start, until=start + 9 * DAY, zone=old)
    after = slots_between(cadence, after=start, until=start + 9 * DAY, zone=new)
    assert [slot.key for slot in before] == [slot.key for slot in after]
    assert {late.at - early.at for early, late in zip(before, after, strict=True)} == {timedelta(hours=1)}


# ── Promises and words ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("cadence", "promise"),
    [
        (daily("02:00", "UTC"), timedelta(days=1)),
        (Cadence(kind=CadenceKind.WEEKLY, zone="UTC", weekdays=(3,)), timedelta(days=7)),
        (Cadence(kind=CadenceKind.WEEKLY, zone="UTC", weekdays=(1, 2, 3, 4, 5)), timedelta(days=3)),
        (cron("0 2 1 * *", "UTC"), timedelta(days=31)),
        (cron("*/15 * * * *", "UTC"), timedelta(minutes=15)),
        (cron("0 9-17 * * mon-fri", "UTC"), timedelta(hours=64)),
        (cron("0 2 29 2 *", "UTC"), timedelta(days=4 * 365 + 1)),
    ],
)
def test_a_promise_is_the_longest_time_between_two_slots(cadence, promise):
    assert promise_of(cadence, after=datetime(2027, 1, 1, 12, tzinfo=UTC)) == promise


@pytest.mark.parametrize(
    ("cadence", "words"),
    [
        (daily("02:00"), "Every day at 02:00 Europe/Berlin"),
        (
            Cadence(kind=CadenceKind.WEEKLY, zone="UTC", at=time(7, 5), weekdays=(4, 1)),
            "Every Monday and Thursday at 07:05 UTC",
        ),
        (Cadence(kind=CadenceKind.WEEKLY, zone="UTC", weekdays=(7,)), "Every Sunday at 00:00 UTC"),
        (
            Cadence(kind=CadenceKind.WEEKLY, zone="UTC", weekdays=(1, 2, 3, 4, 5)),
            "Every day from Monday to Friday at 00:00 UTC",
        ),
        (
            Cadence(kind=CadenceKind.WEEKLY, zone="UTC", weekdays=(1, 2, 3, 4, 5, 6, 7)),
            "Every day at 00:00 UTC",
        ),
        (cron("0  2 * * *", "UTC"), "By cron 0 2 * * * UTC"),
    ],
)
def test_a_cadence_in_words(cadence, words):
    assert describe(cadence) == words


@pytest.mark.parametrize(
    ("cadence", "forward", "back"),
    [
        (daily("02:30"), "02:30 does not exist, so it runs once, at 03:00", "02:30 comes twice"),
        (daily("09:00"), "nothing changes", "nothing changes"),
        (daily("00:30"), "nothing changes", "nothing changes"),
        (cron("*/10 * * * *"), "goes by the time that passes", "goes by the time that passes"),
        (cron("0 2 1 * *"), "nothing changes", "nothing changes"),
    ],
)
def test_what_happens_at_the_clock_changes_is_said(cadence, forward, back):
    first, second = describe_clock_changes(cadence, after=datetime(2027, 1, 1, tzinfo=UTC))
    assert first.startswith("28 Mar 2027, clocks go forward from 02:00 to 03:00: ")
    assert second.startswith("31 Oct 2027, clocks go back from 03:00 to 02:00: ")
    assert forward in first
    assert back in second


def test_a_zone_without_clock_changes_says_so():
    (words,) = describe_clock_changes(daily("02:30", "UTC"), after=datetime(2027, 1, 1, tzinfo=UTC))
    assert words == "Clocks in UTC do not change within the next year."


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"zone": "../../etc/passwd"}, "zone"),
        ({"kind": CadenceKind.WEEKLY}, "weekdays"),
        ({"kind": CadenceKind.WEEKLY, "weekdays": (8,)}, "weekdays"),
        ({"kind": CadenceKind.CRON, "cron": "never"}, "cron"),
    ],
)
def test_a_cadence_that_cannot_be_used_is_refused(changes, field):
    with pytest.raises(InputError) as caught:
        Cadence(**{"kind": CadenceKind.DAILY, "zone": "UTC", **changes})
    assert caught.value.details["field"] == field


def test_a_zone_is_found_by_its_name():
    assert find_zone("Asia/Kathmandu").key == "Asia/Kathmandu"
