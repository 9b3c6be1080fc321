"""Which warning holds when, and what is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantatlas.tenants.expiry import Ending, consequence, ending
from tenantatlas.tenants.models import Connection, Purpose, Tenant

ENDS = datetime(2027, 5, 31, 23, 59, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def before(left: timedelta) -> Ending | None:
    """The warning that holds so long before the end."""
    return ending(ENDS, at=ENDS - left)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (31 * DAY, None),
        (31 * DAY - MINUTE, "ends in 30 days"),
        (30 * DAY, "ends in 30 days"),
        (8 * DAY, "ends in 8 days"),
        (1 * DAY, "ends in 1 day"),
        (1 * MINUTE, "ends within a day"),
        (0 * DAY, "has ended"),
        (-90 * DAY, "has ended"),
    ],
)
def test_it_is_said_in_days(left: timedelta, words: str | None):
    end = before(left)
    assert (end and end.words) == words


def test_a_warning_holds_until_the_next_one_does():
    every_hour = [before(31 * DAY - hours * 60 * MINUTE) for hours in range(32 * 24)]
    kinds = {end.since for end in every_hour if end}
    assert kinds == {*(ENDS - (days + 1) * DAY for days in (30, 14, 7, 1)), ENDS}


@pytest.mark.parametrize(("days", "grave"), [(30, False), (14, False), (7, True), (1, True), (-1, True)])
def test_the_last_week_is_grave(days: int, *, grave: bool):
    end = before(days * DAY)
    assert end
    assert end.is_grave is grave


def test_an_end_that_nobody_knows_is_not_warned_of():
    assert ending(None, at=ENDS) is None


@pytest.mark.parametrize(
    ("purpose", "left", "begins"),
    [
        (Purpose.READER, DAY, "Backups, drift and restores of Contoso will fail from 31 May 2027, 23:59 UTC"),
        (Purpose.WRITER, DAY, "Restores of Contoso will fail from 31 May 2027, 23:59 UTC"),
        (Purpose.WRITER, -DAY, "Restores of Contoso have failed since 31 May 2027, 23:59 UTC"),
    ],
)
def test_one_sentence_says_what_stops_when_and_what_to_do(purpose: Purpose, left: timedelta, begins: str):
    end = before(left)
    assert end
    said = consequence(Connection(purpose=purpose, tenant=Tenant(name="Contoso")), end)
    assert said == (
        f"{begins} until the {purpose.value}'s app has a new credential: "
        "make a certificate on its page under Connection, or a secret in Entra."
    )
