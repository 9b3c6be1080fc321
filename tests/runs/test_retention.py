"""`retention.apply`: one item for each kind of thing, each by its own rule, this tenant's only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from tenantatlas.core import clock
from tenantatlas.core.errors import Unavailable
from tenantatlas.runs import dispatch, retention
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.retention import retention_step
from tenantatlas.runs.services import start_run


@pytest.fixture
def steps(monkeypatch):
    """Only the steps that the test registers, and that of the runs."""
    known = {step.name: step for step in retention.all_steps() if step.name == "runs"}
    monkeypatch.setattr(retention, "_steps", known)
    return known


def work(tenant, actor, key, **params):
    run, _ = start_run(key, tenant=tenant, params=params, actor=actor, trigger=Trigger.PERSON)
    return dispatch.run_inline(run)


def items_of(run):
    return RunItem.all_tenants.filter(run=run)


def applied(cast):
    return work(cast.contoso, cast.otto, "retention.apply")


@pytest.mark.usefixtures("steps")
def test_runs_beyond_their_days_go_and_those_of_other_tenants_stay(cast):
    old = work(cast.contoso, cast.otto, "toy.play", names=["a"])
    foreign = work(cast.fabrikam, cast.eve, "toy.play", names=["a"])
    days = timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS, seconds=1)
    with clock.use_clock(clock.VirtualClock(foreign.ended_at + days)):
        run = applied(cast)
    assert run.outcome == "succeeded"
    item = items_of(run).get()
    assert (item.label, item.action, item.details) == ("Runs", "removed", {"removed": 1})
    assert {one.pk for one in OperationRun.all_tenants.all()} == {foreign.pk, run.pk}
    assert old.pk not in {one.pk for one in OperationRun.all_tenants.all()}


@pytest.mark.usefixtures("steps")
def test_every_registered_step_is_an_item_and_one_that_fails_holds_up_none(cast):
    seen = []

    def fails(_ctx):
        raise Unavailable("The store is away.")

    retention_step("a_fails", label="Fails")(fails)
    retention_step("b_counts", label="Counts")(lambda ctx: seen.append(ctx.tenant.pk) or 0)
    run = applied(cast)
    assert run.outcome == "partially_succeeded"
    assert list(items_of(run).order_by("position").values_list("key", "state", "action")) == [
        ("a_fails", "failed", ""),
        ("b_counts", "succeeded", "unchanged"),
        ("runs", "succeeded", "unchanged"),
    ]
    assert seen == [cast.contoso.pk]


def test_a_step_that_is_gone_is_skipped_and_said(cast, steps):
    retention_step("a_gone", label="Gone")(lambda _ctx: steps.pop("b_gone") and 0)
    retention_step("b_gone", label="Gone too")(lambda _ctx: 1)
    run = applied(cast)
    assert items_of(run).get(key="b_gone").reason == "unknown_step"
    assert run.outcome == "succeeded"


def test_two_steps_of_one_name_are_refused():
    def other(ctx): ...

    with pytest.raises(ValueError, match="runs"):
        retention_step("runs", label="Runs")(other)
