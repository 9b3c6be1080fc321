"""`tenantatlas schedules`, from making one to monitoring it."""

from __future__ import annotations

import pytest

from tenantatlas.core import clock
from tenantatlas.notifications.models import Notification
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.upkeep import database_now
from tenantatlas.schedules import services
from tenantatlas.schedules.models import Schedule
from tenantatlas.tenants.models import Connection
from tests.schedules.making import DAY, make_schedule, tick

pytestmark = pytest.mark.usefixtures("virtual_clock")

ANA, OLU, EVE = (("--as", f"{who}.example") for who in ("ana@contoso", "olu@contoso", "eve@fabrikam"))


@pytest.fixture
def nightly(cast) -> str:
    """The number of Otto's nightly backup."""
    return str(make_schedule(cast.contoso, cast.otto, operation="backup_set.capture").pk)


def test_a_schedule_is_added_listed_and_shown(tenantatlas, cast):
    assert cast
    made = tenantatlas(
        *("schedules", "add", "Nightly", "-t", "contoso", "--daily", "02:00", "--zone", "Europe/Berlin"),
        *("--param", "types=configurationPolicies", "--keep-last", "14", "--missed", "skip", "--json"),
    ).object
    assert (made["name"], made["operation"], made["state"]) == ("Nightly", "backup_set.capture", "on")
    assert made["cadence"] == "Every day at 02:00 Europe/Berlin"
    assert made["next"] == "2026-11-24T01:00:00+00:00"
    (row,) = tenantatlas("schedules", "list", "-t", "contoso", "--json").rows
    assert row == made
    shown = tenantatlas("schedules", "show", str(made["schedule"]), "--json").object
    assert (shown["missed"], shown["keep_last"], shown["owner"]) == ("skip", 14, "otto@contoso.example")
    assert shown["params"]["types"] == ["configurationPolicies"]
    assert len(shown["clock_changes"]) == 2


@pytest.mark.parametrize(
    ("options", "cadence"),
    [
        (("--weekly", "mon,Thursday@07:30"), "Every Monday and Thursday at 07:30 UTC"),
        (("--cron", "0 2 1 * *"), "By cron 0 2 1 * * UTC"),
        (("--daily", "23:59"), "Every day at 23:59 UTC"),
    ],
)
def test_cadences(tenantatlas, cast, options, cadence):
    assert cast
    made = tenantatlas("schedules", "add", "X", "-t", "contoso", *options, "--json").object
    assert made["cadence"] == cadence


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "Say when"),
        (("--daily", "2 o'clock"), "not a time of day"),
        (("--daily", "02:00", "--cron", "0 2 * * *"), "Give one of"),
        (("--weekly", "someday@02:00"), "not a weekday"),
        (("--weekly", "mon"), "not a time of day"),
        (("--cron", "0 2 * *"), "five fields"),
        (("--daily", "02:00", "--zone", "Berlin"), "no time zone"),
        (("--daily", "02:00", "--operation", "restore.execute"), "cannot be put on a schedule"),
        (("--daily", "02:00", "--operation", "restore.exec"), "no operation called"),
        (("--daily", "02:00", "--param", "shoe=42"), "shoe"),
    ],
)
def test_what_cannot_be_scheduled_is_bad_input(tenantatlas, cast, options, why):
    assert cast
    tenantatlas("schedules", "add", "X", "-t", "contoso", *options).failed(2, why)


def test_the_next_times_of_a_cadence_need_no_schedule(tenantatlas, nightly):
    said = tenantatlas("schedules", "next", "--daily", "02:30", "--zone", "Europe/Berlin", "--json")
    assert [row["utc"] for row in said.rows][:2] == ["2026-11-24T01:30:00+00:00", "2026-11-25T01:30:00+00:00"]
    assert said.rows[0]["local"] == "2026-11-24 02:30 +0100"
    assert "02:30 does not exist, so it runs once, at 03:00" in said.err
    assert len(tenantatlas("schedules", "next", nightly, "--count", "3", "--json").rows) == 3
    tenantatlas("schedules", "next").failed(2, "Give either")


def test_it_is_changed_paused_resumed_and_put_away(tenantatlas, nightly):
    changed = tenantatlas(
        *("schedules", "update", nightly, "--name", "Early", "--daily", "01:00", "--keep-last", "3"),
        *("--tell", "problems", "--param", "types=configurationPolicies", "--json"),
    ).object
    assert (changed["name"], changed["next"]) == ("Early", "2026-11-24T01:00:00+00:00")
    schedule = Schedule.all_tenants.get()
    assert (schedule.keep_last, schedule.owner_told) == (3, "problems")
    assert tenantatlas("schedules", "update", nightly, "--keep-last", "0", "--json").code == 0
    moved = tenantatlas("schedules", "update", nightly, "--zone", "Asia/Tokyo", "--json").object
    assert moved["cadence"] == "Every day at 01:00 Asia/Tokyo"
    assert Schedule.all_tenants.get().keep_last is None
    assert Schedule.all_tenants.get().params["types"] == ["configurationPolicies"]
    tenantatlas("schedules", "update", nightly).failed(2, "Nothing to change")

    paused = tenantatlas("schedules", "pause", nightly, "--json").object
    assert (paused["state"], paused["next"]) == ("paused", None)
    assert "it would run then" in tenantatlas("schedules", "next", nightly, "--json").err
    assert tenantatlas("schedules", "resume", nightly, "--json").object["state"] == "on"

    assert tenantatlas("schedules", "archive", nightly, "--json").object["state"] == "archived"
    assert tenantatlas("schedules", "list", "--json").rows == []
    assert len(tenantatlas("schedules", "list", "--archived", "--json").rows) == 1
    assert tenantatlas("schedules", "restore", nightly, "--json").object["state"] == "on"

    copy = tenantatlas("schedules", "duplicate", nightly, "--json").object
    assert (copy["name"], copy["state"]) == ("Copy of Early", "paused")
    assert tenantatlas("schedules", "delete", nightly, "--json").object["deleted"]
    tenantatlas("schedules", "show", nightly).failed(5, "no schedule")


def test_run_now_and_retry_are_runs(tenantatlas, cast):
    schedule = make_schedule(cast.contoso, cast.otto)
    number = str(schedule.pk)
    tenantatlas("schedules", "retry", number).failed(2, "not been due yet")
    started = tenantatlas("schedules", "run", number, "--json", *ANA).object
    assert started["created"]
    assert started["schedule"] == schedule.pk
    tick(clock.now() + DAY)
    (slot,) = tenantatlas("schedules", "slots", number, "--json").rows
    assert (slot["state"], slot["reason"], slot["run"]) == ("skipped", "overlap", None)
    again = tenantatlas("schedules", "retry", number, "--slot", str(slot["slot"]), "--json").object
    assert again["run"] != started["run"]
    assert {run.operation for run in OperationRun.all_tenants.all()} == {
        "backup_schedule.run_now",
        "backup_schedule.retry",
    }
    tenantatlas("schedules", "retry", number, "--slot", "x").failed(2, "not the number of a slot")


def test_following(tenantatlas, nightly):
    assert tenantatlas("schedules", "follow", nightly, "--json", *OLU).object["told"] == "problems"
    assert tenantatlas("schedules", "show", nightly, "--json").object["followers"] == ["olu@contoso.example"]
    tenantatlas("schedules", "follow", nightly, "--tell", "never", *OLU)
    assert tenantatlas("schedules", "show", nightly, "--json").object["followers"] == []


def test_monitoring_is_told_by_the_exit_code(tenantatlas, nightly):
    Schedule.all_tenants.update(created_at=database_now())
    assert tenantatlas("schedules", "check", "--json").code == 0
    Schedule.all_tenants.update(created_at=database_now() - 2 * DAY)
    said = tenantatlas("schedules", "check", "--json")
    assert said.code == 3
    (row,) = said.rows
    assert (row["tenant"], row["schedule"], row["last_good"]) == ("contoso", int(nightly), None)
    assert tenantatlas("schedules", "check", "--json", *EVE).code == 0


def test_monitoring_hears_of_a_credential_that_ends_soon(tenantatlas, cast):
    Connection.all_tenants.filter(tenant=cast.contoso).update(expires_at=database_now() + 7 * DAY)
    said = tenantatlas("schedules", "check")
    assert said.code == 0
    assert "warning: Backups, drift and restores of Contoso will fail from" in said.err
    assert Notification.objects.filter(user=cast.otto, url="/t/contoso/connection/").exists()
    assert "Contoso" not in tenantatlas("schedules", "check", *EVE).err


def test_who_may_not_is_told_what_it_needs_and_a_stranger_nothing(tenantatlas, nightly):
    for verb in ("pause", "resume", "archive", "restore", "duplicate", "take-over", "delete"):
        tenantatlas("schedules", verb, nightly, *ANA).failed(4, "schedule.manage")
        tenantatlas("schedules", verb, nightly, *EVE).failed(5, f"no schedule {nightly}")
    tenantatlas("schedules", "run", nightly, *OLU).failed(4, "schedule.run")
    tenantatlas("schedules", "add", "X", "-t", "contoso", "--daily", "02:00", *ANA).failed(
        4, "schedule.manage"
    )


def test_for_people(tenantatlas, cast, nightly):
    services.run_now(Schedule.all_tenants.get(), actor=cast.otto, trigger=Trigger.CLI, nonce="1")
    assert "Every day at 02:00 UTC" in tenantatlas("schedules", "list").out
    assert "owner" in tenantatlas("schedules", "show", nightly).out
    assert "Nightly" in tenantatlas("schedules", "pause", nightly).out
