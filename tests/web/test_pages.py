"""Every page answers whom it should, and costs few queries. See also conformance/test_router.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenantatlas.runs import queries as runs
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, World

from .places import (
    FOR_EVERYBODY,
    FOR_MANAGERS,
    FOR_OPERATORS,
    FOR_OWNERS,
    Place,
    every_place,
    furnish,
)

COUNTS = Path(__file__).with_name("query_counts.json")
MOST_QUERIES = 12
#: Pages that show a form's next step elsewhere when asked without one.
REDIRECTING = frozenset({"certificate_download", "group_find", "home", "restore_detail", "sign_in_code"})


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


def test_a_comparison_that_partly_failed_costs_no_more(world: World, ana: Client) -> None:
    kept, *lost = [world.catalog_policy(name) for name in ("Kept", "One", "Two", "Three")]
    captured = world.work("backup_set.capture", types=["configurationPolicies"])
    world.sim.mutate(kept, lambda body: body.update(description="New"), collection=CATALOG)
    for each in lost:
        world.simulator.fault("GET", f".*{each}.*", Status(500), times=99)
    run = world.work("drift.generate", set=captured.context["set"])
    assert run.outcome == "partially_succeeded"
    address = f"/t/contoso/runs/{run.pk}/"
    shown = ana.get(address)
    (group,) = {str(each["key"]) for each in shown.context["groups"]}

    for query in ("", f"?group={group}", f"?items=failed&group={group}"):
        with CaptureQueriesContext(connection) as queries:
            assert ana.get(address + query).status_code == 200
        assert len(queries) <= MOST_QUERIES, query


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
