"""The bell's panel and page: one line per trouble, filters, and reading only by POST."""

from __future__ import annotations

from django.test import Client

from tenantatlas.notifications.models import Notification
from tenantatlas.notifications.services import notify_user
from tests.simulated import World

from .reading import following, main, page, text

HERE = "/notifications/"
PART = {"HX-Request": "true"}


def tell(world: World, number: int, *, title: str = "Sync failed: all types", tone: str = "danger") -> None:
    notify_user(
        user_id=world.cast.ana.pk,
        subject=f"run/{number}",
        tenant_id=world.tenant.pk,
        title=title,
        body="Graph refused the sign-in.",
        tone=tone,
        url=f"/t/contoso/runs/{number}/",
    )


def test_forty_failures_are_one_line_that_leads_to_the_newest(world: World, ana: Client) -> None:
    for number in range(40):
        world.clock.advance(1)
        tell(world, number)
    world.clock.advance(1)
    tell(world, 40, title="Back up succeeded: Nightly", tone="success")
    panel = page(ana.get(HERE, headers=PART))
    assert panel.count("<li") == 2
    assert "Sync failed: all types and 39 more like it" in text(panel)
    assert 'href="/t/contoso/runs/39/"' in panel
    assert "Failed:" in text(panel)
    assert "Done:" in text(panel)


def test_good_news_and_news_of_other_troubles_are_lines_of_their_own(world: World, ana: Client) -> None:
    tell(world, 1, tone="success")
    tell(world, 2, tone="success")
    tell(world, 3, title="Sync failed: one type")
    assert page(ana.get(HERE, headers=PART)).count("<li") == 3


def test_the_page_filters_and_its_address_is_the_filter(world: World, ana: Client) -> None:
    tell(world, 1, title="Sync failed: all types")
    tell(world, 2, title="Back up succeeded: Nightly", tone="success")
    shown = text(main(page(ana.get(f"{HERE}?show=problems&tenant=contoso&q=types"))))
    assert "Sync failed" in shown
    assert "Nightly" not in shown
    assert "Nothing matches these filters." in text(page(ana.get(f"{HERE}?q=nobody")))


def test_all_are_read_by_a_post_only(world: World, ana: Client) -> None:
    tell(world, 1)
    page(ana.get(HERE))
    page(ana.get(HERE, headers=PART))
    assert not Notification.objects.get().read
    assert ana.get("/notifications/read/").status_code == 405
    assert "All are read." in text(following(ana, ana.post("/notifications/read/")))
    assert Notification.objects.get().read


def test_strangers_read_their_own(world: World, eve: Client) -> None:
    tell(world, 1)
    assert "Nothing yet." in text(page(eve.get(HERE)))
