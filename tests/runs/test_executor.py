"""Working a run: every item once, in order within its lane; what goes wrong ends where it should."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError

from tenantatlas.accounts.capabilities import Role
from tenantatlas.core import clock
from tenantatlas.core.errors import (
    Cancelled,
    Conflict,
    Rejected,
    SignInFailed,
    Snoozed,
    StorageFailed,
    Throttled,
    Unavailable,
)
from tenantatlas.runs import dispatch, executor, items, journal, lanes
from tenantatlas.runs.context import Crew, Hand, Word, WorkContext
from tenantatlas.runs.lifecycle import ItemState, Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem
from tenantatlas.runs.registry import Fenced, ItemResult, ItemSpec
from tenantatlas.runs.services import cancel_run, start_run
from tenantatlas.tenants.models import Tenant
from tests.factories import MembershipFactory, TenantFactory

from . import toys


def start(cast, operation="toy.play", names="abcd", **params):
    run, _ = start_run(
        operation,
        tenant=cast.contoso,
        params={"names": list(names), **params},
        actor=cast.ana,
        trigger=Trigger.PERSON,
    )
    return run


def fresh(run):
    return OperationRun.all_tenants.select_related("tenant").get(pk=run.pk)


def states(run):
    return dict(RunItem.all_tenants.filter(run=run).order_by("position").values_list("key", "state"))


def raises(error):
    def act(_ctx, _item=None):
        raise error

    return act


def processed():
    return [what[1] for what in toys.told if what[0] == "process"]


def alone(run):
    return Hand.alone("w1"), {"dispatch": run.dispatch}


def test_each_item_once_in_the_order_of_its_lane(cast):
    run = dispatch.run_inline(start(cast, names="abcdefg", lanes=2))
    assert run.outcome == "succeeded"
    assert processed() == list("acegbdf")
    assert [what for what in toys.told if what[0] in {"plan", "finish", "ended"}] == [
        ("plan",),
        ("finish",),
        ("ended", "succeeded"),
    ]


def test_a_run_without_items_succeeds(cast):
    run = dispatch.run_inline(start(cast, names=""))
    assert (run.outcome, run.counts) == ("succeeded", {"total": 0, "processed": 0})


def test_an_error_about_an_item_is_that_items_result(cast):
    error = Rejected("Graph said no.", hint="Read it.", details={"request_id": "r-9", "graph_code": "Bad"})
    toys.script["b"] = raises(error)
    run = dispatch.run_inline(start(cast))
    item = RunItem.all_tenants.get(run=run, key="b")
    assert run.outcome == "partially_succeeded"
    assert (item.state, item.reason, item.message, item.hint) == (
        "failed",
        "rejected",
        "Graph said no.",
        "Read it.",
    )
    assert item.request_id == "r-9"
    assert item.details == {"request_id": "r-9", "graph_code": "Bad"}


def test_nothing_good_is_failed(cast):
    for name in "abcd":
        toys.script[name] = raises(Unavailable())
    run = dispatch.run_inline(start(cast))
    assert (run.outcome, run.failures[0]["count"]) == ("failed", 4)


def test_each_message_is_counted_by_itself(cast):
    said = {"a": "Apps is missing.", **dict.fromkeys("bcd", "Scripts is missing.")}
    for name, message in said.items():
        toys.script[name] = raises(Unavailable(message))
    run = dispatch.run_inline(start(cast))
    assert [(row["message"], row["count"]) for row in run.failures] == [
        ("Scripts is missing.", 3),
        ("Apps is missing.", 1),
    ]


def test_many_messages_end_in_a_number(cast):
    names = [f"n{number}" for number in range(8)]
    for name in names:
        toys.script[name] = raises(Unavailable(f"About {name}."))
    run = dispatch.run_inline(start(cast, names=names))
    assert len(run.failures) == 6
    assert run.failures[-1]["message"] == "3 more items say something else."


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SignInFailed("The secret has expired."), "blocked"),
        (StorageFailed("Disk full."), "blocked"),
        (Conflict("Stale."), "failed"),
    ],
)
def test_an_error_about_the_run_stops_it(cast, error, outcome):
    toys.script["a"] = raises(error)
    run = dispatch.run_inline(start(cast))
    assert run.outcome == outcome
    assert states(run) == {"a": "failed", "b": "not_started", "c": "not_started", "d": "not_started"}
    assert (run.error["code"], run.failures[0]["code"]) == (error.code, error.code)
    assert ("finish",) in toys.told


def test_a_stop_after_a_success_is_partly_succeeded(cast):
    toys.script["c"] = raises(SignInFailed())
    assert dispatch.run_inline(start(cast)).outcome == "partially_succeeded"


def test_work_may_end_itself_when_it_was_told_to_stop(cast):
    def stop(ctx, _item):
        cancel_run(ctx.run, actor=cast.ana)
        raise Cancelled

    toys.script["b"] = stop
    run = dispatch.run_inline(start(cast))
    assert run.outcome == "cancelled"
    assert states(run)["d"] == "not_started"


@pytest.mark.parametrize("where", ["plan", "finish"])
def test_planning_may_end_itself_too(cast, where):
    def stop(ctx):
        cancel_run(ctx.run, actor=cast.ana)
        raise Cancelled

    toys.script[where] = stop
    run = dispatch.run_inline(start(cast))
    assert run.status == "completed"
    assert run.error is None


def test_ending_itself_without_being_told_is_an_error(cast):
    toys.script["plan"] = raises(Cancelled())
    assert dispatch.run_inline(start(cast)).outcome == "failed"


def test_a_plan_that_fails_ends_the_run(cast):
    toys.script["plan"] = raises(Unavailable("Graph is away."))
    run = dispatch.run_inline(start(cast))
    assert (run.outcome, run.failures[0]["message"]) == ("failed", "Graph is away.")


def test_a_finish_that_fails_spoils_success(cast):
    toys.script["finish"] = raises(StorageFailed("Disk full."))
    run = dispatch.run_inline(start(cast))
    assert (run.outcome, run.failures[0]["code"]) == ("partially_succeeded", "storage")


def test_our_own_bugs_end_the_run_with_a_reference(cast, caplog):
    toys.script["b"] = raises(KeyError("what"))
    run = dispatch.run_inline(start(cast))
    assert run.status == "completed"
    assert run.error["code"] == "internal"
    reference = run.error["message"].rpartition("reference ")[2].rstrip(").")
    assert any(getattr(record, "reference", "") == reference for record in caplog.records)
    assert "what" not in str(run.failures)


def test_an_unknown_operation_ends_the_run(cast):
    run = start(cast)
    OperationRun.all_tenants.filter(pk=run.pk).update(operation="gone.forever")
    run = dispatch.run_inline(run)
    assert (run.outcome, run.failures[0]["code"]) == ("failed", "input")


def test_parameters_of_another_version_end_the_run(cast):
    run = start(cast)
    OperationRun.all_tenants.filter(pk=run.pk).update(params={"gone": 1})
    run = dispatch.run_inline(run)
    assert (run.outcome, run.failures[0]["code"]) == ("failed", "input")


def test_a_forgotten_result_is_our_bug(cast, monkeypatch):
    monkeypatch.setattr(toys.Play, "process_chunk", lambda _self, _ctx, _items: iter(()))
    assert dispatch.run_inline(start(cast)).error["code"] == "internal"


def test_a_result_for_an_item_that_has_ended_is_refused(cast):
    run = start(cast)
    done = ItemResult(key="a", state=ItemState.SUCCEEDED)
    hand, same = alone(run)
    executor.begin(run.pk, hand=hand, **same)
    executor.plan(run.pk, hand=hand, **same)
    items.record_results(run.pk, results=[done], **same)
    with pytest.raises(ValueError, match="2 results for 1 open items"):
        items.record_results(run.pk, results=[done, ItemResult(key="b", state=ItemState.FAILED)], **same)
    assert states(run)["b"] == "pending"


def test_secrets_do_not_reach_the_row(cast):
    toys.script["a"] = raises(Rejected("client_secret=abcdef123456 is wrong", hint="password=hunter22"))
    run = dispatch.run_inline(start(cast))
    item = RunItem.all_tenants.get(run=run, key="a")
    assert "abcdef123456" not in item.message
    assert "hunter22" not in item.hint


def test_incomplete_is_partly_succeeded_at_best(cast):
    toys.script["finish"] = lambda ctx: ctx.mark_incomplete("partial_list", "One list was cut short.")
    run = dispatch.run_inline(start(cast))
    assert (run.outcome, run.failures[0]["code"]) == ("partially_succeeded", "partial_list")


def test_items_may_be_added_on_the_way(cast):
    def add(ctx, _item):
        assert ctx.add_items([ItemSpec(key="z", label="Late"), ItemSpec(key="a", label="Known")]) == 1

    toys.script["b"] = add
    run = dispatch.run_inline(start(cast))
    assert states(run)["z"] == "succeeded"
    assert run.counts["total"] == 5


def test_a_result_can_be_stored_before_the_chunk_is_over(cast):
    def record(ctx, item):
        ctx.record(ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="early"))
        assert RunItem.all_tenants.get(run=ctx.run, key=item.key).state == "succeeded"

    class Early(toys.Play):
        def process_chunk(self, ctx, items):
            for item in items:
                record(ctx, item)
            return ()

    run = start(cast, names="a")
    hand, same = alone(run)
    executor.begin(run.pk, hand=hand, **same)
    executor.plan(run.pk, hand=hand, **same)
    context = WorkContext(fresh(run), op=Early(), hand=hand)
    lanes._do_chunk(context, items.take_items(run.pk, lane="lane0", size=3, **same))
    assert states(run) == {"a": "succeeded"}


# ── Waiting ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_throttle_puts_the_run_aside(cast, virtual_clock):
    run = start(cast)
    toys.script["c"] = raises(Throttled(retry_after=300))
    aside = dispatch.run_inline(run)
    assert (aside.status, aside.waiting_reason) == ("queued", "throttled")
    assert aside.waiting_until == virtual_clock.now() + timedelta(seconds=300)
    assert aside.dispatch == run.dispatch + 1
    assert kinds(run) == ["queued", "claimed", "throttled"]
    toys.script.clear()
    assert journal.end_wait(run.pk, dispatch=aside.dispatch)
    done = dispatch.run_inline(fresh(run))
    assert done.outcome == "succeeded"
    assert processed() == ["a", "b", "c", "c", "d"]
    assert ("settle", "c") in toys.told


def kinds(run):
    return list(RunEvent.all_tenants.filter(run=run).order_by("id").values_list("kind", flat=True))


def test_a_short_throttle_is_the_items_failure(cast):
    toys.script["c"] = raises(Throttled(retry_after=20))
    run = dispatch.run_inline(start(cast))
    assert (run.outcome, run.failures[0]["code"]) == ("partially_succeeded", "throttled")


def test_a_throttled_plan_is_put_aside(cast, virtual_clock):
    toys.script["plan"] = raises(Throttled())
    aside = dispatch.run_inline(start(cast))
    assert (aside.status, aside.waiting_until) == ("queued", virtual_clock.now() + timedelta(seconds=30))


def until_it_ends(run, virtual_clock):
    """The run worked whenever its wait is over; how many seconds of waiting that took."""
    began = virtual_clock.now()
    while True:
        run = dispatch.run_inline(run)
        if not run.is_open:
            return run, (virtual_clock.now() - began).total_seconds()
        virtual_clock.advance((run.waiting_until - virtual_clock.now()).total_seconds())
        assert journal.end_wait(run.pk, dispatch=run.dispatch)
        run = fresh(run)


@pytest.mark.parametrize(("retry_after", "hours"), [(61, 1), (3600, 24), (86_400, 96), (2_000_000, 96)])
@pytest.mark.parametrize(("names", "outcome"), [("bc", "failed"), ("abc", "partially_succeeded")])
def test_throttled_for_ever_ends_within_the_budget(
    cast, virtual_clock, monkeypatch, retry_after, hours, names, outcome
):
    monkeypatch.setattr(settings, "ATLAS_THROTTLE_BUDGET_HOURS", float(hours))
    toys.script["b"] = toys.script["c"] = raises(Throttled(retry_after=retry_after))
    done, seconds = until_it_ends(start(cast, names=names), virtual_clock)
    assert (done.outcome, done.failures[0]["code"]) == (outcome, "throttled")
    assert seconds <= hours * 3600
    assert states(done)["c"] == "not_started"
    again = virtual_clock.now() + timedelta(seconds=retry_after)
    assert f"{again:%Y-%m-%d %H:%M} UTC" in done.failures[0]["hint"]
    assert done.may_retry


def test_each_item_that_gets_through_renews_the_patience(cast, virtual_clock, monkeypatch):
    """Two days for three items: none took longer than the budget."""
    monkeypatch.setattr(settings, "ATLAS_THROTTLE_BUDGET_HOURS", 24.0)
    seen = []

    def now_and_then(_ctx, item):
        if seen.count(item.key) < 16:
            seen.append(item.key)
            raise Throttled(retry_after=3600)

    for name in "abc":
        toys.script[name] = now_and_then
    done, seconds = until_it_ends(start(cast, names="abc"), virtual_clock)
    assert done.outcome == "succeeded"
    assert seconds == 48 * 3600


def test_one_lane_waits_while_the_others_go_on(cast, virtual_clock):
    until = virtual_clock.now() + timedelta(hours=2)
    toys.script["a"] = raises(Snoozed(until, reason="approval"))
    aside = dispatch.run_inline(start(cast, names="abcdef", lanes=2))
    assert (aside.status, aside.waiting_reason, aside.waiting_until) == ("queued", "approval", until)
    assert [states(aside)[name] for name in "bdf"] == ["succeeded"] * 3


def test_the_earliest_wait_decides(cast, virtual_clock):
    toys.script["a"] = raises(Snoozed(virtual_clock.now() + timedelta(hours=2), reason="approval"))
    toys.script["b"] = raises(Throttled(retry_after=90))
    aside = dispatch.run_inline(start(cast, names="ab", lanes=2))
    assert aside.waiting_until == virtual_clock.now() + timedelta(seconds=90)


def test_waits_shrink_with_the_time_scale(cast):
    with clock.use_clock(clock.SystemClock(scale=100)):
        before = clock.now()
        toys.script["a"] = raises(Throttled(retry_after=1000))
        aside = dispatch.run_inline(start(cast))
        assert aside.waiting_until - before < timedelta(seconds=30)


def test_cancelling_a_waiting_run_wakes_it_and_settles_what_was_in_hand(cast, virtual_clock):
    toys.script["b"] = raises(Throttled(retry_after=3000))
    aside = dispatch.run_inline(start(cast, "toy.write"))
    aside = cancel_run(aside, actor=cast.ana)
    assert (aside.status, aside.waiting_until) == ("queued", virtual_clock.now())
    toys.script["settle"] = lambda _ctx, item: (
        ItemResult(key="b", state=ItemState.SUCCEEDED, action="found") if item.key == "b" else None
    )
    journal.end_wait(aside.pk, dispatch=aside.dispatch)
    done = dispatch.run_inline(fresh(aside))
    assert done.outcome == "cancelled"
    assert states(done) == {"a": "succeeded", "b": "succeeded", "c": "not_started", "d": "not_started"}


@pytest.mark.usefixtures("virtual_clock")
def test_what_the_run_in_hand_waits_for_is_shown(cast):
    seen = []

    def wait(ctx, _item):
        ctx.set_waiting("throttled", clock.now() + timedelta(seconds=9))
        seen.append(fresh(ctx.run))
        ctx.set_waiting("", None)
        seen.append(fresh(ctx.run))

    toys.script["a"] = wait
    run = dispatch.run_inline(start(cast))
    assert [(one.status, one.waiting_reason) for one in seen] == [("running", "throttled"), ("running", "")]
    assert kinds(run) == ["queued", "claimed", "throttled", "ended"]


# ── Who may write ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_writer_per_tenant(cast):
    first, second = start(cast, "toy.write", "ab"), start(cast, "toy.write", "cd")
    executor.begin(first.pk, dispatch=1, hand=Hand.alone("w1"))
    assert Tenant.objects.get(pk=cast.contoso.pk).writer_run == first.pk
    waiting = dispatch.run_inline(second)
    assert (waiting.status, waiting.waiting_reason) == ("queued", "tenant_busy")
    again = dispatch.run_inline(waiting)
    assert again.waiting_reason == "tenant_busy"
    assert kinds(second) == ["queued", "waiting"]
    first = dispatch.run_inline(first)
    assert first.outcome == "succeeded"
    assert Tenant.objects.get(pk=cast.contoso.pk).writer_run is None
    assert fresh(second).waiting_until <= clock.now()
    assert dispatch.run_inline(fresh(second)).outcome == "succeeded"


def test_two_slugs_of_one_microsoft_tenant_have_one_writer(cast):
    twin = TenantFactory(slug="contoso-too", tenant_guid=cast.contoso.tenant_guid)
    MembershipFactory(tenant=twin, user=cast.otto, role=Role.OWNER)
    executor.begin(start(cast, "toy.write").pk, dispatch=1, hand=Hand.alone("w1"))
    params = {"names": ["z"]}
    other, _ = start_run("toy.write", tenant=twin, params=params, actor=cast.otto, trigger=Trigger.PERSON)
    waiting = dispatch.run_inline(other)
    assert (waiting.status, waiting.waiting_reason) == ("queued", "tenant_busy")


def test_readers_do_not_wait_for_writers(cast):
    writer, reader = start(cast, "toy.write"), start(cast, "toy.play")
    executor.begin(writer.pk, dispatch=1, hand=Hand.alone("w1"))
    assert dispatch.run_inline(reader).outcome == "succeeded"


def test_a_claim_that_nobody_holds_any_more_is_taken(cast):
    gone = dispatch.run_inline(start(cast, "toy.write", "x"))
    Tenant.objects.filter(pk=cast.contoso.pk).update(writer_run=gone.pk)
    assert dispatch.run_inline(start(cast, "toy.write")).outcome == "succeeded"


def test_writes_held_while_queued_block_the_run(cast):
    run = start(cast, "toy.write")
    Tenant.objects.filter(pk=cast.contoso.pk).update(writes_held=True)
    run = dispatch.run_inline(run)
    assert (run.outcome, run.failures[0]["code"]) == ("blocked", "writes_held")
    assert processed() == []


# ── Workers that die, and workers that come back ──────────────────────────────────────────────────────────


def begun(cast, operation="toy.play", names="abcd"):
    """A run planned by w1, with its first items in w1's hand."""
    run = start(cast, operation, names)
    hand, same = alone(run)
    assert executor.begin(run.pk, hand=hand, **same) is Word.GO
    assert executor.plan(run.pk, hand=hand, **same) is Word.GO
    items.take_items(run.pk, lane="lane0", size=2, **same)
    toys.told.clear()
    return run


def test_the_same_dispatch_goes_on_in_the_next_process(cast):
    run = begun(cast)
    word = executor.work(run.pk, dispatch=1, hand=Hand.alone("w2"))
    assert word is Word.DONE
    assert toys.told[:3] == [("settle", "a"), ("settle", "b"), ("process", "a")]
    assert "rescued" in kinds(run)
    assert fresh(run).worker == "w2"


def test_a_zombie_is_fenced_everywhere(cast):
    run = begun(cast)
    assert journal.rescue_run(run.pk, dispatch=1, why="silent")
    done = dispatch.run_inline(fresh(run))
    assert done.outcome == "succeeded"
    toys.told.clear()
    for part in (executor.begin, executor.plan, executor.work, executor.finish):
        assert part(run.pk, dispatch=1, hand=Hand.alone("w1")) is Word.GONE
    assert toys.told == []
    zombie = WorkContext(fresh(run), op=toys.Play(), hand=Hand.alone("w1"))
    zombie.dispatch = 1
    for act in (
        zombie.beat,
        lambda: zombie.record(ItemResult(key="a", state=ItemState.FAILED)),
        lambda: zombie.add_items([ItemSpec(key="z", label="z")]),
        lambda: zombie.set_context(set=1),
        lambda: zombie.set_waiting("throttled", None),
        lambda: zombie.mark_incomplete("x", "y"),
    ):
        with pytest.raises(Fenced):
            act()
    assert fresh(run).context == {}


def test_a_zombie_in_the_middle_of_a_chunk_stops(cast):
    def be_rescued(ctx, _item):
        journal.rescue_run(ctx.run.pk, dispatch=ctx.dispatch, why="silent")
        ctx.beat()

    toys.script["b"] = be_rescued
    run = dispatch.run_inline(start(cast))
    assert run.status == "queued"
    assert processed() == ["a", "b"]
    assert states(run) == {"a": "in_hand", "b": "in_hand", "c": "in_hand", "d": "pending"}


def test_an_item_that_kills_its_worker_three_times_is_given_up(cast):
    run = begun(cast)
    OperationRun.all_tenants.filter(pk=run.pk).update(stalls=3)
    assert executor.work(run.pk, dispatch=1, hand=Hand.alone("w1")) is Word.DONE
    assert states(run) == {"a": "failed", "b": "failed", "c": "succeeded", "d": "succeeded"}
    assert RunItem.all_tenants.get(run=run, key="a").reason == "worker_lost"


def test_a_write_that_kills_its_worker_is_unknown(cast):
    run = begun(cast, "toy.write")
    OperationRun.all_tenants.filter(pk=run.pk).update(stalls=3)
    executor.work(run.pk, dispatch=1, hand=Hand.alone("w1"))
    assert states(run)["a"] == "unknown"


def test_a_plan_that_kills_its_worker_ends_the_run(cast):
    run = start(cast)
    OperationRun.all_tenants.filter(pk=run.pk).update(stalls=3)
    run = dispatch.run_inline(run)
    assert (run.outcome, run.failures[0]["code"]) == ("failed", "worker_lost")


def test_a_finish_that_kills_its_worker_is_left_out_in_the_end(cast):
    run = begun(cast)
    executor.work(run.pk, dispatch=1, hand=Hand.alone("w1"))
    OperationRun.all_tenants.filter(pk=run.pk).update(stalls=7)
    toys.told.clear()
    assert executor.finish(run.pk, dispatch=1, hand=Hand.alone("w1")) is Word.DONE
    assert ("finish",) not in toys.told
    assert fresh(run).status == "completed"


def test_what_cannot_be_settled_is_unknown(cast):
    run = begun(cast)
    toys.script["settle"] = raises(Unavailable("Graph is away."))
    executor.work(run.pk, dispatch=1, hand=Hand.alone("w1"))
    assert states(run)["a"] == "unknown"


def test_settling_may_wait(cast, virtual_clock):
    run = begun(cast)
    toys.script["settle"] = raises(Snoozed(virtual_clock.now() + timedelta(minutes=5), reason="settling"))
    assert executor.work(run.pk, dispatch=1, hand=Hand.alone("w1")) is Word.ASIDE
    assert fresh(run).waiting_reason == "settling"
    assert states(run)["a"] == "in_hand"


def test_an_interrupted_write_is_unknown_when_the_run_stops(cast):
    run = begun(cast, "toy.write")
    journal.note_error(run.pk, dispatch=1, error=SignInFailed())
    executor.finish(run.pk, dispatch=1, hand=Hand.alone("w1"))
    assert states(run) == {"a": "unknown", "b": "unknown", "c": "not_started", "d": "not_started"}


def test_a_process_that_is_asked_to_stop_parks_the_run(cast):
    run = start(cast)
    hand = Hand(worker="w1", crew=Crew.ALONE, stopping=threading.Event())
    toys.script["b"] = lambda _ctx, _item: hand.stopping.set()
    assert executor.execute(run.pk, dispatch=1, hand=hand) is Word.PARKED
    parked = fresh(run)
    assert (parked.status, parked.waiting_reason, parked.dispatch) == ("queued", "", 2)
    assert states(run) == {"a": "succeeded", "b": "succeeded", "c": "pending", "d": "pending"}
    assert dispatch.run_inline(parked).outcome == "succeeded"


def test_our_database_being_away_is_nobodys_failure(cast):
    run = start(cast)
    toys.script["b"] = raises(OperationalError("server closed the connection"))
    hand, same = alone(run)
    executor.begin(run.pk, hand=hand, **same)
    executor.plan(run.pk, hand=hand, **same)
    with pytest.raises(OperationalError):
        executor.work(run.pk, hand=hand, **same)
    assert fresh(run).status == "running"
    toys.script.clear()
    assert executor.work(run.pk, hand=hand, **same) is Word.DONE


def test_the_parts_may_be_repeated(cast):
    run = start(cast)
    hand, same = alone(run)
    for part in (executor.begin, executor.plan, executor.work, executor.finish):
        part(run.pk, hand=hand, **same)
        part(run.pk, hand=hand, **same)
    assert processed() == list("abcd")
    assert toys.told.count(("plan",)) == 1
    assert toys.told.count(("ended", "succeeded")) == 1


# ── Lanes on threads ──────────────────────────────────────────────────────────────────────────────────────


def side_by_side():
    return Hand(worker="w1", crew=Crew.SIDE_BY_SIDE, stopping=threading.Event())


@pytest.mark.django_db(transaction=True)
def test_lanes_run_side_by_side(transactional_cast):
    together = threading.Barrier(3)

    def meet(_ctx, _item):
        together.wait(20)

    for name in "abc":
        toys.script[name] = meet
    run = start(transactional_cast, names="abcdef", lanes=3)
    assert executor.execute(run.pk, dispatch=1, hand=side_by_side()) is Word.DONE
    done = fresh(run)
    assert (done.outcome, done.counts["succeeded"]) == ("succeeded", 6)


@pytest.mark.django_db(transaction=True)
def test_the_heart_notices_a_cancel_while_an_item_is_in_hand(transactional_cast):
    seen = threading.Event()

    def wait_for_cancel(ctx, _item):
        cancel_run(ctx.run, actor=transactional_cast.ana)
        while not ctx.cancelled():
            seen.wait(0.05)

    toys.script["a"] = wait_for_cancel
    run = start(transactional_cast)
    executor.execute(run.pk, dispatch=1, hand=side_by_side())
    assert fresh(run).outcome == "cancelled"
    assert processed() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_the_heart_notices_that_the_run_was_taken_away(transactional_cast):
    pause = threading.Event()

    def be_slow(ctx, _item):
        journal.rescue_run(ctx.run.pk, dispatch=1, why="silent")
        while not ctx.cancelled():
            pause.wait(0.05)

    toys.script["a"] = be_slow
    run = start(transactional_cast)
    assert executor.execute(run.pk, dispatch=1, hand=side_by_side()) is Word.GONE
    assert fresh(run).status == "queued"
    assert processed() == ["a"]


@pytest.mark.django_db(transaction=True)
def test_an_error_in_one_lane_halts_the_others(transactional_cast):
    pause, begun_too = threading.Event(), threading.Event()

    def fail(_ctx, _item):
        begun_too.wait(20)
        raise SignInFailed

    toys.script["a"] = fail

    def wait_for_halt(ctx, _item):
        begun_too.set()
        while not ctx.cancelled():
            pause.wait(0.05)

    toys.script["b"] = wait_for_halt
    run = start(transactional_cast, names="abcd", lanes=2)
    executor.execute(run.pk, dispatch=1, hand=side_by_side())
    done = fresh(run)
    assert (done.outcome, done.error["code"]) == ("partially_succeeded", "sign_in")
    assert states(run) == {"a": "failed", "b": "succeeded", "c": "not_started", "d": "not_started"}
