"""How a person reads times, which keys act, what they are told; and what the browser says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tenantatlas.accounts.models import User
from tenantatlas.accounts.preferences import CHOICES, known_zones
from tenantatlas.core import clock
from tenantatlas.web.times import Times, times_for
from tests.simulated import World

from .reading import element, following, page, text

MOMENT = datetime(2026, 11, 23, 23, 50, 12, tzinfo=UTC)


class TestTimes:
    def test_a_title_has_both_zones(self) -> None:
        berlin = Times(zone="Europe/Berlin")
        assert berlin.exact(MOMENT - timedelta(hours=15)) == (
            "23 Nov 2026, 09:50:12 Europe/Berlin (08:50:12 UTC)"
        )

    def test_it_says_the_day_of_both_where_they_differ(self) -> None:
        berlin = Times(zone="Europe/Berlin")
        assert berlin.exact(MOMENT) == "24 Nov 2026, 00:50:12 Europe/Berlin (23 Nov 2026, 23:50:12 UTC)"

    def test_in_utc_it_says_it_once(self) -> None:
        assert Times().exact(MOMENT) == "23 Nov 2026, 23:50:12 UTC"

    def test_twelve_hours(self) -> None:
        tokyo = Times(zone="Asia/Tokyo", hours="12", style="local")
        assert tokyo.shown(MOMENT) == "24 Nov 2026, 8:50 AM"
        assert tokyo.exact(MOMENT) == "24 Nov 2026, 8:50:12 AM Asia/Tokyo (23 Nov 2026, 11:50:12 PM UTC)"

    @pytest.mark.parametrize(
        ("away", "shown"),
        [
            (timedelta(seconds=5), "a moment ago"),
            (timedelta(minutes=8), "8 min ago"),
            (timedelta(hours=-3), "in 3 h"),
            (timedelta(days=6), "6 d ago"),
            (timedelta(days=8), "24 Nov 2026"),
        ],
    )
    def test_relative_within_a_week_then_the_date(self, virtual_clock, away, shown) -> None:
        now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
        virtual_clock.advance((now - clock.now()).total_seconds())
        assert Times(zone="Europe/Berlin").shown(now - away) == shown

    def test_utc_says_so(self) -> None:
        assert Times(zone="Asia/Tokyo", style="utc").shown(MOMENT) == "23 Nov 2026, 23:50 UTC"

    def test_what_is_stored_but_not_known_counts_as_unset(self) -> None:
        assert times_for({"zone": "Mars/Olympus", "times": "stardate", "hours": "13"}) == Times()


class TestPage:
    def test_what_is_chosen_holds_on_every_page(self, world: World, ana: Client) -> None:
        world.work("inventory.sync", types=["configurationPolicies"])
        chosen = {"zone": "Asia/Tokyo", "times": "local", "hours": "12", "keys": "off", "theme": "dark"}
        source = following(ana, ana.post("/me/preferences/", chosen))
        assert "Preferences saved." in text(source)
        assert 'data-theme="dark"' in source
        shown = page(ana.get("/t/contoso/policies/"))
        assert 'data-keys="off"' in shown
        assert "Asia/Tokyo (" in shown
        assert times_for(User.objects.get(pk=world.cast.ana.pk).preferences).style == "local"

    def test_a_mistake_is_said_and_changes_nothing(self, world: World, ana: Client) -> None:
        source = page(ana.post("/me/preferences/", {"zone": "Mars/Olympus", "hours": "12"}), 400)
        assert '<a href="#zone">' in source
        assert element(source, "error-summary")
        assert User.objects.get(pk=world.cast.ana.pk).preferences == {}

    def test_every_choice_is_offered_and_what_holds_is_chosen(self, ana: Client) -> None:
        source = page(ana.get("/me/preferences/"))
        for name, values in CHOICES.items():
            assert f'id="{name}"' in source
            assert f'<option value="{next(iter(values))}" selected>' in source
        assert len(known_zones()) > 400
        assert known_zones()[0] == "UTC"

    def test_the_quick_choice_leads_back(self, ana: Client) -> None:
        there = "/t/contoso/runs/?state=attention"
        assert ana.post("/me/choice/", {"times": "utc", "next": there}).headers["Location"] == there
        assert ana.post("/me/choice/", {"next": "https://evil.example/"}).headers["Location"] == "/"
        assert ana.post("/me/choice/", {"times": "stardate"}).status_code == 400


class TestZoneOfTheBrowser:
    def ask(self, client: Client, zone: str) -> Any:
        return client.post("/me/zone/", {"zone": zone})

    def test_it_is_asked_for_once(self, world: World, ana: Client) -> None:
        assert 'data-zone-to="/me/zone/"' in page(ana.get("/t/contoso/"))
        assert self.ask(ana, "Europe/Lisbon").status_code == 204
        assert "data-zone-to" not in page(ana.get("/t/contoso/"))
        self.ask(ana, "Asia/Tokyo")
        assert User.objects.get(pk=world.cast.ana.pk).preferences == {"zone": "Europe/Lisbon"}

    def test_nonsense_is_utc(self, world: World, ana: Client) -> None:
        self.ask(ana, "<script>")
        assert User.objects.get(pk=world.cast.ana.pk).preferences == {"zone": "UTC"}
