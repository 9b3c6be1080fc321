"""Is everything protected, and is anything wrong: numbers are links, and bars say what their table says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tenantatlas.core import clock
from tenantatlas.runs.models import OperationRun
from tenantatlas.tenants.models import Connection
from tenantatlas.web.bars import HEIGHT, draw
from tenantatlas.web.queries import DayOfRuns, outcomes_by_day, standing
from tests.schedules.making import make_schedule
from tests.simulated import World

from .conftest import client_of
from .reading import main, page, text

HERE = "/t/contoso/"


def ended(world: World, outcome: str, *, days_ago: int) -> None:
    run = world.start("connection.check")
    moment = clock.now() - timedelta(days=days_ago)
    OperationRun.all_tenants.filter(pk=run.pk).update(
        status="completed", outcome=outcome, created_at=moment, ended_at=moment
    )


class TestTiles:
    def test_a_first_visit_lists_three_steps(self, otto: Client) -> None:
        shown = text(main(page(otto.get(HERE))))
        assert "First steps ✓ Done: Connect the tenant Check its permissions Take the first backup" in shown
        assert "Last complete backup None yet" in shown

    def test_the_steps_go_when_they_are_done(self, world: World, otto: Client) -> None:
        world.work("connection.check")
        world.work("backup_set.capture", types=["configurationPolicies"], name="Nightly")
        assert "First steps" not in page(otto.get(HERE))

    def test_each_tile_leads_to_the_list_that_it_counts(self, world: World, otto: Client) -> None:
        world.catalog_policy("Edge")
        world.work("inventory.sync", types=["configurationPolicies"])
        ended(world, "failed", days_ago=6)
        ended(world, "blocked", days_ago=8)
        source = main(page(otto.get(HERE)))
        assert "Policies without a version 1 of 1" in text(source)
        assert "Failed or blocked in 7 days 1" in text(source)
        for there in ("policies/?protection=never", "runs/?state=attention", "backup-sets/", "drift/"):
            assert f'href="{HERE}{there}"' in source


class TestStanding:
    def test_it_counts_this_tenant_only_and_what_is_there(self, world: World) -> None:
        world.catalog_policy("Edge")
        gone = world.catalog_policy("Gone")
        world.work("inventory.sync", types=["configurationPolicies"])
        world.sim.remove("/deviceManagement/configurationPolicies", gone)
        world.work("inventory.sync", types=["configurationPolicies"])
        here, there = standing(world.cast.contoso), standing(world.cast.fabrikam)
        assert (here.policies, here.unprotected, there.policies) == (1, 1, 0)
        assert here.last_sync is not None
        assert (there.last_sync, there.last_backup, there.last_drift) == (None, None, None)

    @pytest.mark.parametrize(
        ("days", "said"), [(-1, "Expired"), (10, "Expires"), (300, "Valid until"), (None, "Does not expire")]
    )
    def test_the_end_of_the_sign_in_is_said_before_it_comes(
        self, world: World, otto: Client, days: int | None, said: str
    ) -> None:
        moment = None if days is None else clock.now() + timedelta(days=days)
        Connection.all_tenants.filter(tenant=world.tenant).update(expires_at=moment)
        assert f"Sign-in {said}" in text(main(page(otto.get(HERE))))


class TestBars:
    def test_every_day_is_there_and_counts_how_its_runs_ended(self, world: World) -> None:
        for outcome, days_ago in (("succeeded", 0), ("failed", 0), ("blocked", 13), ("failed", 14)):
            ended(world, outcome, days_ago=days_ago)
        days = outcomes_by_day(world.tenant, days=14)
        assert [day.total for day in days] == [1, *[0] * 12, 2]
        assert days[-1].by_outcome == {"succeeded": 1, "failed": 1}

    def test_the_tallest_fills_the_height_and_whatever_happened_is_seen(self) -> None:
        today = clock.now().date()
        drawn = draw(
            [
                DayOfRuns(day=today, by_outcome={"succeeded": 999, "failed": 1}),
                DayOfRuns(day=today, by_outcome={}),
            ]
        )
        tall, empty = drawn.bars
        assert [part.tone for part in tall.parts] == ["success", "danger"]
        assert all(part.height >= 2 and part.y >= 0 for part in tall.parts)
        assert tall.parts[0].y + tall.parts[0].height == pytest.approx(HEIGHT, abs=0.2)
        assert empty.parts == ()
        assert drawn.outcomes == ("succeeded", "failed")

    def test_the_table_says_what_the_bars_show(self, world: World, otto: Client) -> None:
        ended(world, "succeeded", days_ago=0)
        source = page(otto.get(HERE))
        today = clock.now().strftime("%-d %b %Y")
        assert f"{today} 1 1" in text(source)
        assert "As a table" in source
        assert " style=" not in source


class TestSchedules:
    def test_the_next_three_are_there_in_their_own_zone(self, world: World, otto: Client) -> None:
        assert "Nothing runs by itself." in text(main(page(otto.get(HERE))))
        for number in range(4):
            make_schedule(world.tenant, world.cast.otto, name=f"Nightly {number}", zone="Asia/Tokyo")
        source = main(page(otto.get(HERE)))
        assert source.count(" Asia/Tokyo, ") == 3
        assert "Asia/Tokyo (" in source

    def test_a_backup_that_is_overdue_is_said_on_its_tile(self, world: World) -> None:
        make_schedule(world.tenant, world.cast.otto, operation="backup_set.capture")
        world.clock.advance(3 * 86400)
        later = client_of(world.cast.otto)
        assert "No good backup yet, though one is due every" in text(main(page(later.get(HERE))))
