"""One row per person and subject: changed in place, and unread again."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tenantatlas.accounts.services import set_preferences
from tenantatlas.notifications.models import Notification
from tenantatlas.notifications.queries import latest_notifications, unread_count
from tenantatlas.notifications.services import mark_all_read, mark_read, notify_user


def tell(user, subject="run/1", **changes):
    what = {"tenant_id": None, "title": "Queued", "body": "", "tone": "info", "url": "/runs/1/"}
    return notify_user(user_id=user.pk, subject=subject, **{**what, **changes})


def test_the_second_time_the_same_row_says_it(cast, virtual_clock):
    first = tell(cast.ana)
    virtual_clock.advance(60)
    again = tell(cast.ana, title="Succeeded", tone="success")
    assert again.pk == first.pk
    row = Notification.objects.get()
    assert (row.title, row.tone, row.created_at) == ("Succeeded", "success", first.created_at)
    assert row.updated_at > first.updated_at


def test_news_is_unread_again(cast):
    tell(cast.ana)
    assert mark_all_read(user_id=cast.ana.pk) == 1
    assert unread_count(cast.ana.pk) == 0
    tell(cast.ana, title="Failed")
    assert unread_count(cast.ana.pk) == 1


def test_people_have_rows_of_their_own(cast):
    mine, theirs = tell(cast.ana), tell(cast.otto)
    assert mine.pk != theirs.pk
    assert not mark_read(user_id=cast.ana.pk, notification_id=theirs.pk)
    assert mark_read(user_id=cast.ana.pk, notification_id=mine.pk)
    assert (unread_count(cast.ana.pk), unread_count(cast.otto.pk)) == (0, 1)


def test_the_newest_is_first(cast, virtual_clock):
    for number in (1, 2, 3):
        virtual_clock.advance(1)
        tell(cast.ana, subject=f"run/{number}")
    virtual_clock.advance(1)
    tell(cast.ana, subject="run/1")
    assert [row.subject for row in latest_notifications(cast.ana.pk, limit=2)] == ["run/1", "run/3"]


def test_the_database_refuses_a_second_row_and_unknown_tones(cast):
    tell(cast.ana)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(user=cast.ana, subject="run/1", title="Twin")
    with pytest.raises(ValueError, match="loud"):
        tell(cast.ana, tone="loud")


def test_long_words_are_cut(cast):
    row = tell(cast.ana, title="t" * 500, body="b" * 5000)
    assert (len(row.title), len(row.body)) == (200, 600)


class TestWishes:
    """Bell only what a person wants to hear; what it has said stays true."""

    def wish(self, user, word):
        set_preferences(user, {"notify.run": word})

    def test_only_problems(self, cast):
        self.wish(cast.ana, "problems")
        assert tell(cast.ana, tone="info") is None
        assert tell(cast.ana, tone="success", title="Succeeded") is None
        for tone in ("warning", "danger", "purple"):
            assert tell(cast.ana, subject=f"run/{tone}", tone=tone) is not None

    def test_never(self, cast):
        self.wish(cast.ana, "never")
        assert tell(cast.ana, tone="danger") is None
        assert not Notification.objects.exists()

    def test_a_subject_that_was_told_of_stays_current(self, cast):
        tell(cast.ana, title="Queued")
        self.wish(cast.ana, "never")
        tell(cast.ana, title="Succeeded", tone="success")
        assert Notification.objects.get().title == "Succeeded"

    def test_a_kind_without_a_wish_is_told(self, cast):
        self.wish(cast.ana, "never")
        assert tell(cast.ana, subject="install/upgrade") is not None
        assert tell(cast.otto) is not None
