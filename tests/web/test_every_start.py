"""Every operation: what its start promises when the hand-over throws."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from tenantatlas.runs import dispatch, engine
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import all_operations
from tenantatlas.runs.services import start_run
from tests.conformance.test_operations import given_for
from tests.simulated import World

from .reading import following, text

every_operation = pytest.mark.parametrize("op", all_operations(), ids=lambda op: op.key)


@pytest.fixture
def throwing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine does not take anything."""

    def throw(*_args, **_options):
        raise RuntimeError("the engine is away")

    monkeypatch.setattr(engine, "hand_over", throw)
    monkeypatch.setattr(dispatch, "hand_over_new", dispatch.hand_over)


@every_operation
@pytest.mark.usefixtures("throwing")
def test_a_hand_over_that_throws_ends_the_run_at_once(op, cast, monkeypatch):
    monkeypatch.setattr(type(op), "check", lambda *_: None)
    monkeypatch.setattr(type(op), "subject", lambda *_: "Something")
    given = given_for(op)
    if op.carries:
        given |= {"operation": "connection.check", "params": {}}
    start = partial(start_run, op.key, tenant=cast.contoso, actor=cast.otto, trigger=Trigger.PERSON)
    run, created = start(params=given)
    assert created
    stored = OperationRun.all_tenants.get(pk=run.pk)
    assert (stored.status, stored.outcome) == ("completed", "failed")
    assert stored.failures[0]["code"] == "queue.dispatch_failed"
    assert stored.failures[0]["hint"].startswith("Start it again")
    again, created = start(params=given)
    assert created
    assert again.pk != run.pk


@pytest.mark.usefixtures("throwing")
def test_the_person_gets_a_clear_error_and_the_way_to_the_run(world: World, ana: Client):  # noqa: ARG001 - the tenant
    source = following(ana, ana.post("/t/contoso/policies/sync/"))
    assert 'class="toast-card error"' in source
    assert "The work could not be handed to the engine, so nothing was started." in text(source)
    assert "Started:" not in text(source)
