"""What pages show of runs, in a fixed number of queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound, Rejected, Throttled
from tenantatlas.runs import dispatch, executor, items, journal, monitoring, queries, rescue
from tenantatlas.runs.context import Hand
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.progress import progress
from tenantatlas.runs.queries import RunFilters
from tenantatlas.runs.services import cancel_run, start_run

from . import toys


def start(cast, names="ab", **changes):
    what = {"tenant": cast.contoso, "actor": cast.ana, "trigger": Trigger.PERSON, **changes}
    run, _ = start_run("toy.play", params={"names": list(names)}, **what)
    return run


def refuse(_ctx, _item):
    raise Rejected("No.", hint="Ask nicely.")


@pytest.fixture
def history(cast):
    """One of each: succeeded, partly, cancelled, waiting, running, queued."""
    toys.script["x"] = refuse
    fine = dispatch.run_inline(start(cast, "ab"))
    partly = dispatch.run_inline(start(cast, "xy", trigger=Trigger.CLI))
    cancelled = cancel_run(start(cast, "cd"), actor=cast.ana)
    waiting = start(cast, "ef")
    journal.put_aside(waiting.pk, dispatch=1, reason="throttled", until=clock.now() + timedelta(minutes=5))
    running = start(cast, "gh", actor=cast.otto)
    journal.claim_run(running.pk, dispatch=1, worker="w1")
    queued = start(cast, "ij")
    start(cast, tenant=cast.fabrikam, actor=cast.eve)
    return {
        "fine": fine,
        "partly": partly,
        "cancelled": cancelled,
        "waiting": waiting,
        "running": running,
        "queued": queued,
    }


def names_of(history, rows):
    by_id = {run.pk: name for name, run in history.items()}
    return [by_id[run.pk] for run in rows]


def test_the_list_is_the_tenants_and_newest_first(cast, history):
    everything = ["queued", "running", "waiting", "cancelled", "partly", "fine"]
    assert names_of(history, queries.run_list(cast.contoso)) == everything


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"statuses": ["queued"]}, ["queued", "waiting"]),
        ({"outcomes": ["cancelled"]}, ["cancelled"]),
        ({"attention": True}, ["partly"]),
        ({"initiator": "otto"}, ["running"]),
        ({"triggers": ["cli"]}, ["partly"]),
        ({"operations": ["other"]}, []),
        ({"subject": "2 toys", "outcomes": ["succeeded"]}, ["fine"]),
    ],
)
def test_filters(cast, history, filters, names):
    assert names_of(history, queries.run_list(cast.contoso, RunFilters(**filters))) == names


def test_the_window_is_thirty_days_and_open_runs_are_always_in_it(cast, history):
    old = clock.now() - timedelta(days=31)
    OperationRun.all_tenants.filter(pk__in=[history["fine"].pk, history["queued"].pk])
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER completed_runs_never_change" + _on_table())
    OperationRun.all_tenants.filter(tenant=cast.contoso).update(created_at=old)
    assert names_of(history, queries.run_list(cast.contoso)) == ["queued", "running", "waiting"]
    since = RunFilters(since=old - timedelta(days=1), until=old)
    assert names_of(history, queries.run_list(cast.contoso, since)) == []


def _on_table():
    return " ON runs_operationrun" if connection.vendor == "postgresql" else ""


def test_counts_across_the_top(cast, history):
    counts = queries.state_counts(cast.contoso)
    assert (counts.queued, counts.running, counts.waiting, counts.total) == (1, 1, 1, 6)
    assert counts.attention == 1
    assert counts.by_outcome == {"succeeded": 1, "partially_succeeded": 1, "cancelled": 1}
    assert names_of(history, queries.open_runs(cast.contoso)) == ["waiting", "running", "queued"]


def test_strangers_find_nothing(cast, history):
    run_id = history["fine"].pk
    with pytest.raises(NotFound) as not_yours:
        queries.find_run(cast.fabrikam, run_id)
    with pytest.raises(NotFound) as never_there:
        queries.run_for(cast.eve, run_id)
    assert str(not_yours.value) == str(never_there.value)
    assert queries.run_for(cast.olu, run_id).pk == run_id


def test_the_detail_of_a_run(cast, history):
    detail = queries.run_detail(cast.contoso, history["partly"].pk)
    assert detail.label == "Play with toys"
    assert [event.kind for event in detail.events] == ["queued", "claimed", "ended"]
    assert detail.took >= timedelta()
    assert detail.waited >= timedelta()
    assert detail.progress.sentence == "Play with toys: partly succeeded, 2 of 2 done"
    assert [item.key for item in queries.worth_reading(detail.run)] == ["x"]
    assert [item.key for item in queries.run_items(detail.run, states=["failed"])] == ["x"]
    assert [item.key for item in queries.run_items(detail.run, text="Y")] == ["y"]
    assert not queries.run_items(detail.run, type_keys=["z"]).exists()
    (group,) = queries.reasons_of(detail.run)
    assert group.pop("key")
    assert group == {
        "state": "failed",
        "reason": "rejected",
        "message": "No.",
        "hint": "Ask nicely.",
        "count": 1,
    }
    assert not queries.worth_reading(history["fine"]).exists()


@pytest.mark.parametrize(
    ("state", "action", "reason", "worth"),
    [
        ("failed", "", "rejected", True),
        ("unknown", "", "", True),
        ("needs_decision", "undecided", "ambiguous", True),
        ("not_started", "", "", True),
        ("skipped", "skip", "not_chosen", True),
        ("skipped", "unchanged", "unchanged", False),
        ("skipped", "", "", False),
        ("succeeded", "changed", "", True),
        ("succeeded", "unchanged", "", False),
    ],
)
def test_what_is_worth_reading(history, monkeypatch, state, action, reason, worth):
    monkeypatch.setattr(toys.Toy, "telling", frozenset({"changed"}))
    run = history["partly"]
    RunItem.all_tenants.filter(run=run, key="y").update(state=state, action=action, reason=reason)

    assert ("y" in {item.key for item in queries.worth_reading(run)}) is worth


def test_how_items_of_an_open_run_end_is_not_known(history):
    assert not queries.worth_reading(history["running"]).exists()


def test_a_run_that_has_not_begun(cast, history):
    detail = queries.run_detail(cast.contoso, history["queued"].pk)
    assert (detail.waited, detail.took, detail.worker) == (None, None, None)
    assert (detail.progress.percent, detail.progress.sentence) == (None, "Play with toys: queued")


def test_percent_only_when_the_total_can_be_trusted(cast):
    run = start(cast, "abcdefgh")
    hand = Hand.alone("w1")
    executor.begin(run.pk, dispatch=1, hand=hand)
    planning = progress(fresh(run))
    assert (planning.percent, planning.sentence) == (None, "Play with toys: planning")
    executor.plan(run.pk, dispatch=1, hand=hand)
    for name in "abcdef":
        items.take_items(run.pk, dispatch=1, lane="lane0", size=1)
        items.record_results(run.pk, dispatch=1, results=[toys.ItemResult(key=name, state=SUCCEEDED)])
    OperationRun.all_tenants.filter(pk=run.pk).update(started_at=clock.now() - timedelta(seconds=60))
    working = progress(fresh(run))
    assert (working.percent, working.sentence) == (75, "Play with toys: 6 of 8")
    assert 19 <= working.seconds_left <= 21
    cancel_run(fresh(run), actor=cast.ana)
    assert "stopping" in progress(fresh(run)).sentence


SUCCEEDED = toys.ItemState.SUCCEEDED


def fresh(run):
    return OperationRun.all_tenants.select_related("tenant").get(pk=run.pk)


def test_items_found_while_planning_are_counted(cast):
    seen = []
    toys.script["plan"] = lambda ctx: (
        ctx.add_items([toys.ItemSpec(key="z", label="z")]),
        seen.append(progress(fresh(ctx.run))),
    )
    dispatch.run_inline(start(cast))
    assert (seen[0].percent, seen[0].sentence) == (None, "Play with toys: planning, 1 so far")


def test_a_percentage_never_moves_back_while_items_are_still_found(cast):
    """Lists are items that find others: until the last of them is read, counts are all that is true."""
    found = {"a": "cdefgh", "b": "ijklmnop"}
    seen = []
    toys.script["finds"] = lambda: "ab"

    def look(ctx, _item):
        said = progress(fresh(ctx.run))
        seen.append((said.percent, said.sentence))

    def read(ctx, item):
        look(ctx, item)
        ctx.add_items(toys.ItemSpec(key=key, label=key, lane="lane0") for key in found[item.key])

    toys.script.update({key: look for keys in found.values() for key in keys} | {"a": read, "b": read})
    done = dispatch.run_inline(start(cast, "ab"))
    assert done.counts["total"] == 16
    percents = [percent for percent, _ in seen]
    assert percents[:2] == [None, None]
    assert seen[0][1] == "Play with toys: 0 done, 2 found so far"
    assert percents.count(None) < len(percents)
    known = [percent for percent in percents if percent is not None]
    assert known == sorted(known)
    assert percents[-len(known) :] == known


def test_a_total_that_grew_after_all_is_not_trusted_again(cast):
    seen = []

    def grow(ctx, _item):
        ctx.add_items([toys.ItemSpec(key="z", label="Late", lane="lane0")])
        seen.append(progress(fresh(ctx.run)).percent)

    toys.script["a"] = grow
    toys.script["z"] = lambda ctx, _item: seen.append(progress(fresh(ctx.run)).percent)
    dispatch.run_inline(start(cast, "a"))
    assert seen == [None, None]


def test_waits_and_silence_are_said_in_words(cast, virtual_clock):
    def throttle(_ctx):
        raise Throttled(retry_after=90)

    toys.script["plan"] = throttle
    aside = dispatch.run_inline(start(cast))
    said = progress(aside)
    assert said.notice == "Microsoft Graph asked us to slow down; continuing at 08:01:30 UTC"
    assert said.sentence == "Play with toys: waiting"
    running = start(cast, "q")
    journal.claim_run(running.pk, dispatch=1, worker="w1")
    assert progress(fresh(running)).notice == ""
    virtual_clock.advance(45)
    assert progress(fresh(running)).notice.startswith("The worker has been silent for 45 seconds")
    journal.rescue_run(running.pk, dispatch=1, why="silent")
    assert progress(fresh(running)).notice == ""


def test_how_much_waits_and_who_works(cast, history):
    rescue.register_worker("w1", embedded=True)
    depth = monitoring.queue_depth()
    assert (depth.queued, depth.waiting, depth.running, monitoring.workers().count()) == (2, 1, 1, 1)
    assert depth.oldest_queued == history["queued"].created_at
    assert queries.run_detail(cast.contoso, history["running"].pk).worker.pk == "w1"


@pytest.mark.parametrize("number", [1, 12])
def test_pages_cost_the_same_for_few_and_many(cast, django_assert_num_queries, number):
    for name in "abcdefghijkl"[:number]:
        start(cast, name)
    with django_assert_num_queries(1):
        for run in queries.run_list(cast.contoso)[:50]:
            assert (run.tenant.slug, run.initiator.name) == ("contoso", "Ana")
    run = OperationRun.all_tenants.latest("id")
    with django_assert_num_queries(3):
        queries.run_detail(cast.contoso, run.pk)
