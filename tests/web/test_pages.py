"""Every page answers whom it should, says nothing to strangers, and costs few queries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenantatlas.runs import queries as runs
from tenantatlas.runs.models import OperationRun
from tests.simulated import World

from .places import (
    FOR_EVERYBODY,
    FOR_MANAGERS,
    FOR_OPERATORS,
    FOR_OWNERS,
    OPEN_TO_ALL,
    Place,
    every_place,
    furnish,
)

COUNTS = Path(__file__).with_name("query_counts.json")
MOST_QUERIES = 12
#: Pages that show a form's next step elsewhere when asked without one.
REDIRECTING = frozenset({"group_find", "home", "restore_detail", "sign_in_code"})


@pytest.fixture
def places(world: World) -> list[Place]:
    """Every address, with something behind it."""
    return sorted(every_place("contoso", furnish(world)), key=lambda place: place.name)


def expected(place: Place, refused: frozenset[str]) -> int:
    if place.name in refused:
        return 403
    return 302 if place.name in REDIRECTING else 200


def test_an_operator_gets_every_page(places: list[Place], ana: Client) -> None:
    for place in places:
        if place.takes_get:
            assert ana.get(place.url).status_code == expected(place, FOR_MANAGERS | FOR_OWNERS), place


def test_a_reader_sees_every_page_that_starts_nothing(places: list[Place], olu: Client) -> None:
    for place in places:
        if place.takes_get:
            wanted = expected(place, FOR_OPERATORS | FOR_MANAGERS | FOR_OWNERS)
            assert olu.get(place.url).status_code == wanted, place


def test_a_reader_starts_nothing(places: list[Place], olu: Client) -> None:
    before = OperationRun.objects.count()
    for place in places:
        if place.in_tenant and not place.takes_get and place.name not in FOR_EVERYBODY:
            answer = olu.post(place.url, {"set": "1", "plan": "0" * 64, "confirm": "contoso"})
            assert answer.status_code in (403, 409), (place, answer.status_code)
            assert olu.get(place.url).status_code == 405, place
    assert OperationRun.objects.count() == before


def test_a_stranger_gets_what_nobody_gets(places: list[Place], eve: Client) -> None:
    """The same body and headers for a tenant that exists as for one that never did, on every address."""
    for place in places:
        if not place.in_tenant:
            continue
        ask = eve.get if place.takes_get else eve.post
        real, never = ask(place.url), ask(place.url.replace("/t/contoso/", "/t/never-was/"))
        assert real.status_code == never.status_code == 404, place
        assert real.content == never.content, place
        assert dict(real.headers) == dict(never.headers), place


def test_nobody_gets_only_the_sign_in(places: list[Place]) -> None:
    for place in places:
        answer = Client().get(place.url) if place.takes_get else Client().post(place.url)
        if place.name in OPEN_TO_ALL:
            assert answer.status_code == expected(place, frozenset())
        else:
            assert answer.status_code == 302, place
            assert answer.headers["Location"].startswith("/sign-in/"), place


def test_every_answer_carries_the_security_headers(places: list[Place], ana: Client) -> None:
    asked = [place.url for place in places if place.takes_get] + ["/nowhere/", "/static/web/atlas.css"]
    for url in asked:
        answer = ana.get(url)
        if answer.streaming:
            answer.getvalue()  # read to its end, a file is closed
        headers = answer.headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], url
        assert "unsafe" not in headers["Content-Security-Policy"], url
        assert headers["X-Content-Type-Options"] == "nosniff", url
        assert headers["Referrer-Policy"] == "same-origin", url
        if not url.startswith("/static/"):
            assert headers["Cache-Control"] == "no-store", url


def test_a_get_changes_nothing(places: list[Place], ana: Client) -> None:
    ana.get("/")
    for place in places:
        if place.takes_get:
            with CaptureQueriesContext(connection) as queries:
                ana.get(place.url)
            writes = [
                query["sql"]
                for query in queries
                if query["sql"].split(" ", 1)[0] in {"INSERT", "UPDATE", "DELETE"}
            ]
            assert not writes, place


@pytest.mark.sqlite_only
def test_queries_per_page(places: list[Place], ana: Client) -> None:
    """Few, and as many as the file says; `make accept` renews it."""
    counted = {}
    for place in places:
        if place.takes_get:
            with CaptureQueriesContext(connection) as queries:
                ana.get(place.url)
            counted[place.name] = len(queries)
    if not COUNTS.exists():
        COUNTS.write_text(json.dumps(counted, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    assert counted == json.loads(COUNTS.read_text(encoding="utf-8"))
    assert max(counted.values()) <= MOST_QUERIES, counted


def test_a_form_without_its_token_is_refused(places: list[Place], world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.cast.ana)
    for place in places:
        if not place.takes_get:
            assert client.post(place.url).status_code == 403, place


def test_an_address_that_leads_nowhere_says_what_a_foreign_tenant_says(ana: Client, eve: Client) -> None:
    nowhere, foreign = ana.get("/t/contoso/nowhere/"), eve.get("/t/contoso/")
    assert nowhere.status_code == foreign.status_code == 404
    assert nowhere.content == foreign.content == Client().get("/nowhere/").content


def test_what_we_did_not_foresee_is_a_plain_sentence(ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args, **_kwargs):
        raise RuntimeError("canary of the traceback")

    monkeypatch.setattr(runs, "state_counts", fail)
    ana.raise_request_exception = False
    answer = ana.get("/t/contoso/runs/")
    assert answer.status_code == 500
    assert b"This is our fault" in answer.content
    assert b"canary" not in answer.content


def test_a_form_that_is_too_old_says_what_to_do(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.cast.ana)
    answer = client.post("/t/contoso/policies/sync/")
    assert answer.status_code == 403
    assert b"reload the page and send it again" in answer.content
