"""Who is told of a credential that ends soon, how often, and what ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from tenantatlas.accounts.capabilities import Role
from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import expiring
from tenantatlas.runs.expiring import tell_of_ending_credentials
from tenantatlas.runs.upkeep import Upkeep
from tenantatlas.tenants.credentials import client_secret
from tenantatlas.tenants.models import Connection, Membership, Purpose, Tenant
from tenantatlas.tenants.services import remove_tenant, update_credential
from tests.canary import secret
from tests.cast import Cast, make_cast
from tests.factories import ConnectionFactory

pytestmark = pytest.mark.usefixtures("virtual_clock")

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ends_at(tenant: Tenant, moment: datetime | None, *, purpose: Purpose = Purpose.READER) -> Connection:
    """The credential of that app ends then."""
    app = Connection.all_tenants.get(tenant=tenant, purpose=purpose)
    app.expires_at = moment
    app.save()
    return app


def replace(cast: Cast, ends: datetime | None) -> None:
    """Otto gives the reader's app another secret."""
    given = client_secret(secret("the next client secret"), expires_at=ends)
    update_credential(cast.contoso, actor=cast.otto, credential=given)


def heard(user: User) -> list[tuple[str, str]]:
    """What the person has not read yet, in order; then it is read."""
    found = Notification.objects.filter(user=user, read=False).order_by("pk")
    told = list(found.values_list("title", "tone"))
    found.update(read=True)
    return told


def test_each_warning_is_told_once(cast: Cast):
    end = clock.now() + 40 * DAY
    ends_at(cast.contoso, end)
    told = []
    for hours in range(0, 42 * 24, 8):
        tell_of_ending_credentials(at=end - 40 * DAY + hours * HOUR)
        told += heard(cast.otto)
    assert told == [
        ("The reader's credential ends in 30 days: Contoso", "warning"),
        ("The reader's credential ends in 14 days: Contoso", "warning"),
        ("The reader's credential ends in 7 days: Contoso", "danger"),
        ("The reader's credential ends in 1 day: Contoso", "danger"),
        ("The reader's credential has ended: Contoso", "danger"),
    ]


def test_it_leads_to_the_connection_and_says_what_will_fail_when(cast: Cast):
    end = clock.now() + 7 * DAY
    ends_at(cast.contoso, end)
    tell_of_ending_credentials(at=clock.now())
    notice = Notification.objects.get(user=cast.otto)
    assert (notice.url, notice.tenant) == ("/t/contoso/connection/", cast.contoso)
    assert f"Backups, drift and restores of Contoso will fail from {end:%d %b %Y, %H:%M} UTC" in notice.body


def test_after_a_long_silence_only_the_newest_is_told(cast: Cast):
    ends_at(cast.contoso, clock.now() + 2 * DAY + HOUR)
    tell_of_ending_credentials(at=clock.now())
    assert heard(cast.otto) == [("The reader's credential ends in 2 days: Contoso", "danger")]


def test_the_owners_are_told_and_nobody_else(cast: Cast):
    Membership.objects.filter(tenant=cast.fabrikam, user=cast.eve).update(role=Role.OWNER)
    Membership.objects.filter(tenant=cast.contoso, user=cast.olu).update(role=Role.OWNER)
    Membership.objects.filter(tenant=cast.contoso, user=cast.ana).update(role=Role.MANAGER)
    User.objects.filter(pk=cast.olu.pk).update(is_active=False)
    ends_at(cast.contoso, clock.now() + DAY)
    tell_of_ending_credentials(at=clock.now())
    assert [each.user for each in Notification.objects.all()] == [cast.otto]


def test_each_app_is_told_of_by_itself(cast: Cast):
    ConnectionFactory(tenant=cast.contoso, purpose=Purpose.WRITER)
    ends_at(cast.contoso, clock.now() + DAY)
    ends_at(cast.contoso, clock.now() + 14 * DAY, purpose=Purpose.WRITER)
    tell_of_ending_credentials(at=clock.now())
    assert heard(cast.otto) == [
        ("The reader's credential ends in 1 day: Contoso", "danger"),
        ("The writer's credential ends in 14 days: Contoso", "warning"),
    ]


@pytest.mark.parametrize("days", [365, None])
def test_a_new_credential_ends_it(cast: Cast, days: int | None):
    ends_at(cast.contoso, clock.now() + 7 * DAY)
    tell_of_ending_credentials(at=clock.now())
    heard(cast.otto)
    replace(cast, None if days is None else clock.now() + days * DAY)
    assert tell_of_ending_credentials(at=clock.now()) == []
    assert heard(cast.otto) == [("The reader's credential was replaced: Contoso", "success")]
    tell_of_ending_credentials(at=clock.now() + 20 * DAY)
    assert heard(cast.otto) == []


def test_the_end_of_the_new_one_starts_anew(cast: Cast):
    ends_at(cast.contoso, clock.now() + HOUR)
    tell_of_ending_credentials(at=clock.now())
    heard(cast.otto)
    replace(cast, clock.now() + 14 * DAY)
    tell_of_ending_credentials(at=clock.now())
    assert heard(cast.otto) == [("The reader's credential ends in 14 days: Contoso", "warning")]


def test_what_was_replaced_while_it_was_looked_at_is_not_told_of(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    ends_at(cast.contoso, clock.now() + DAY)

    def replaced_meanwhile() -> datetime:
        replace(cast, clock.now() + 365 * DAY)
        return clock.now()

    monkeypatch.setattr(expiring, "database_now", replaced_meanwhile)
    tell_of_ending_credentials()
    assert heard(cast.otto) == []


def test_an_end_that_is_not_known_is_silent(cast: Cast):
    ends_at(cast.contoso, None)
    assert tell_of_ending_credentials(at=clock.now() + 1000 * DAY) == []
    assert heard(cast.otto) == []


def test_a_removed_tenant_is_not_told_of(cast: Cast):
    ends_at(cast.contoso, clock.now() + DAY)
    remove_tenant(cast.contoso, actor=cast.otto)
    assert tell_of_ending_credentials(at=clock.now()) == []
    ConnectionFactory(tenant=cast.contoso, expires_at=clock.now())
    assert tell_of_ending_credentials(at=clock.now()) == []
    assert heard(cast.otto) == []


@pytest.mark.django_db(transaction=True)
def test_four_at_the_same_moment_tell_once(monkeypatch: pytest.MonkeyPatch):
    cast = make_cast()
    end = clock.now() + 40 * DAY
    app = ends_at(cast.contoso, end)
    told: list[str] = []

    def tell(**said: Any) -> None:
        told.append(said["title"])

    monkeypatch.setattr(expiring, "notify_user", tell)
    together = Barrier(4)

    def look(at: datetime) -> None:
        together.wait(timeout=60)
        tell_of_ending_credentials(at=at)

    def leave(_number: int) -> None:
        together.wait(timeout=60)
        connections.close_all()

    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in range(2):
            told.clear()
            Connection.all_tenants.filter(pk=app.pk).update(ending_told=None)
            for days in (30, 14, 7, 1, 0):
                list(pool.map(look, [end - days * DAY] * 4))
            assert len(told) == 5
        list(pool.map(leave, range(4)))


def test_a_worker_tells_by_itself(cast: Cast):
    with clock.use_clock(clock.SystemClock()):
        ends_at(cast.contoso, clock.now() + DAY + HOUR)
        Upkeep()()
    assert [title for title, _ in heard(cast.otto)] == ["The reader's credential ends in 1 day: Contoso"]
