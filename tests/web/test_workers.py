"""Who works and what waits: the page, the numbers for machines, and what is said to nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client

from tenantatlas.runs import rescue
from tenantatlas.runs.models import OperationRun
from tenantatlas.web.pages import health
from tests.simulated import World

from .reading import element, page, text

HTMX = {"HX-Request": "true"}


@pytest.fixture
def waiting(world: World) -> OperationRun:
    """A run that Graph has slowed down."""
    run = world.start("inventory.sync")
    until = world.clock.now() + timedelta(minutes=9)
    OperationRun.objects.filter(pk=run.pk).update(waiting_reason="throttled", waiting_until=until)
    return run


class TestPage:
    def test_members_see_their_tenants_part(self, waiting, olu, world):
        world.start("directory_groups.sync")
        shown = text(page(olu.get("/t/contoso/worker/")))
        assert "Running 0 Ready to start 1 Waiting for something 1" in shown
        assert f"Synchronise inventory #{waiting.pk} in 9 min" in shown
        assert "No worker is alive" in shown
        assert "The whole install" not in shown

    def test_owners_of_the_install_see_all_of_it(self, otto):
        rescue.register_worker("w-1", embedded=True)
        shown = text(page(otto.get("/t/contoso/worker/")))
        assert "The whole install Workers alive 1" in shown
        assert "w-1" in shown

    def test_nothing_waits(self, ana):
        assert "Nothing is slowed down now." in text(page(ana.get("/t/contoso/worker/")))


class TestMachines:
    def test_the_numbers_are_those_of_the_page(self, waiting, world):
        world.start("directory_groups.sync")
        world.clock.advance(30)
        answer = Client().get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = page(answer).splitlines()
        assert 'tenantatlas_runs_waiting{reason="throttled"} 1' in lines
        assert "tenantatlas_runs_queued 1" in lines
        assert "tenantatlas_oldest_queued_seconds 30" in lines
        assert "tenantatlas_workers_alive 0" in lines
        assert "contoso" not in page(answer).lower()
        assert str(waiting.pk) not in [line.rpartition(" ")[0] for line in lines]

    def test_from_elsewhere_the_numbers_are_not_there(self, db):  # noqa: ARG002 - opens the database
        assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics").status_code == 404

    def test_with_a_token_only_the_token_counts(self, settings, db):  # noqa: ARG002 - opens the database
        settings.ATLAS_METRICS_TOKEN = "canary-of-the-metrics"
        assert Client().get("/metrics").status_code == 404
        wrong, right = ({"Authorization": f"Bearer {word}"} for word in ("guess", "canary-of-the-metrics"))
        assert Client().get("/metrics", headers=wrong).status_code == 404
        assert Client(REMOTE_ADDR="203.0.113.9").get("/metrics", headers=right).status_code == 200

    def test_alive_while_the_database_answers(self, db, monkeypatch):  # noqa: ARG002 - opens the database
        answer = Client().get("/healthz")
        assert (answer.status_code, answer.content) == (200, b"ok\n")

        class Away:
            def cursor(self):
                raise DatabaseError("secret of the database")

        monkeypatch.setattr(health, "connection", Away())
        answer = Client().get("/healthz")
        assert (answer.status_code, answer.content) == (503, b"no\n")

    @pytest.mark.parametrize("lacks", ["", "a worker", "the key"])
    def test_ready_when_everything_is_there(self, db, monkeypatch, lacks):  # noqa: ARG002 - opens the database
        monkeypatch.setattr(health, "worker_alive", lambda: lacks != "a worker")
        monkeypatch.setattr(health, "has_open_runs", lambda: True)
        monkeypatch.setattr(health, "require_ready", lambda: None)

        def key():
            if lacks == "the key":
                raise OSError("no such file")

        monkeypatch.setattr(health, "load_key", key)
        answer = Client().get("/readyz")
        assert (answer.status_code, answer.content) == ((503, b"no\n") if lacks else (200, b"ok\n"))


class TestBusy:
    def test_the_frame_asks_once_when_it_is_loaded(self, ana):
        assert 'hx-trigger="load"' in element(page(ana.get("/t/contoso/")), "busy")

    def test_at_most_five_and_how_many_more(self, ana, world):
        for number in range(7):
            world.start("backup_set.capture", name=f"Set {number}")
        source = page(ana.get("/t/contoso/runs/busy/", headers=HTMX))
        assert source.count("<li>") == 6
        assert "+2 more" in text(source)
        version = element(source, "busy").partition("?v=")[2].partition('"')[0]
        assert ana.get(f"/t/contoso/runs/busy/?v={version}", headers=HTMX).status_code == 204

    def test_it_stops_by_disappearing(self, ana):
        source = page(ana.get("/t/contoso/runs/busy/?v=old", headers=HTMX))
        assert "hx-" not in source
        assert text(source) == ""
