"""Cron expressions mean what crontab means by them, and what cannot be used is said by field."""

from __future__ import annotations

from datetime import date, time

import pytest

from tenantatlas.core.errors import InputError
from tenantatlas.schedules.cron import parse_cron

MONDAY, TUESDAY, SUNDAY = date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 6)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("30 2 * * *", ["02:30"]),
        ("0,30 9-10 * * *", ["09:00", "09:30", "10:00", "10:30"]),
        ("*/20 4 * * *", ["04:00", "04:20", "04:40"]),
        ("5/25 4 * * *", ["04:05", "04:30", "04:55"]),
        ("0 8-18/5 * * *", ["08:00", "13:00", "18:00"]),
        ("@daily", ["00:00"]),
        ("  0   7  * *   * ", ["07:00"]),
    ],
)
def test_times_of_day(text, times):
    assert parse_cron(text).times == tuple(time.fromisoformat(each) for each in times)


@pytest.mark.parametrize(
    ("text", "on", "not_on"),
    [
        ("0 0 * * mon", [MONDAY], [TUESDAY, SUNDAY]),
        ("0 0 * * 0", [SUNDAY], [MONDAY]),
        ("0 0 * * 7", [SUNDAY], [MONDAY]),
        ("0 0 * * FRI-SUN", [SUNDAY], [MONDAY]),
        ("0 0 * * 1-5", [MONDAY, TUESDAY], [SUNDAY]),
        ("0 0 1 * *", [TUESDAY], [MONDAY]),
        ("0 0 * dec *", [TUESDAY, SUNDAY], [MONDAY]),
        ("@monthly", [TUESDAY], [MONDAY]),
        ("@weekly", [SUNDAY], [TUESDAY]),
    ],
)
def test_dates(text, on, not_on):
    rule = parse_cron(text)
    assert all(rule.matches(day) for day in on)
    assert not any(rule.matches(day) for day in not_on)


def test_day_and_weekday_both_restricted_means_either():
    rule = parse_cron("0 0 1 * sun")
    assert rule.matches(TUESDAY)
    assert rule.matches(SUNDAY)
    assert not rule.matches(MONDAY)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "five fields"),
        ("0 0 * *", "five fields"),
        ("0 0 * * * *", "five fields"),
        ("@often", "@often is not known"),
        ("60 0 * * *", "minute '60' is not a number from 0 to 59"),
        ("0 24 * * *", "hour '24'"),
        ("0 0 0 * *", "day '0'"),
        ("0 0 * 13 *", "month '13'"),
        ("0 0 * * 8", "weekday '8'"),
        ("0 0 * * someday", "weekday 'someday'"),
        ("*/0 0 * * *", "minute '0' is not a number from 1"),
        ("0 18-8 * * *", "hour 18-8 ends before it begins"),
        ("0 0 31 2,4 *", "never run"),
        ("¹ 0 * * *", "minute"),
        (f"{'1,' * 200}1 0 * * *", "five fields"),
    ],
)
def test_what_cannot_be_used_is_said_by_field(text, why):
    with pytest.raises(InputError) as caught:
        parse_cron(text)
    assert why in caught.value.message
    assert caught.value.details["field"] == "cron"


def test_a_rule_of_every_hour_is_known():
    assert parse_cron("*/5 * * * *").every_hour
    assert not parse_cron("*/5 8-18 * * *").every_hour
