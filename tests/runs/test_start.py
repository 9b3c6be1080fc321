"""Starting: who may, what is one work, and what is written down about it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from tenantatlas.accounts.capabilities import Role
from tenantatlas.accounts.models import User
from tenantatlas.audit.models import AuditEntry
from tenantatlas.audit.queries import verify_chain
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError, NotAllowed, NotFound, WritesHeld
from tenantatlas.notifications.models import Notification
from tenantatlas.runs import chronicle, dispatch, endings, journal
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun, RunEvent, RunItem
from tenantatlas.runs.registry import Fenced
from tenantatlas.runs.services import cancel_run, retry_failed_items, start_run
from tenantatlas.tenants.models import Membership, Tenant

from . import toys


def start(cast, operation="toy.play", **changes):
    what = {
        "tenant": cast.contoso,
        "params": {"names": ["a", "b"]},
        "actor": cast.ana,
        "trigger": Trigger.PERSON,
    }
    return start_run(operation, **{**what, **changes})


def test_a_start_is_a_queued_run_and_nothing_else_happens(cast):
    run, created = start(cast)
    assert created
    assert (run.status, run.outcome, run.initiator_name) == ("queued", "", "Ana")
    assert run.params == {"names": ["a", "b"], "lanes": 1, "note": ""}
    assert run.subject == "2 toys of Contoso"
    assert toys.told == []


def test_an_identical_start_is_given_the_run_that_does_it_already(cast):
    first, _ = start(cast)
    again, created = start(cast, params={"names": ["b", "a"], "note": "not part of the identity"})
    by_somebody_else, also_created = start(cast, actor=cast.otto)
    assert (again.pk, created) == (first.pk, False)
    assert (by_somebody_else.pk, also_created) == (first.pk, False)


@pytest.mark.parametrize(
    "changes",
    [{"params": {"names": ["a"]}}, {"params": {"names": ["a", "b"], "lanes": 2}}, {"nonce": "now-1"}],
)
def test_other_work_is_another_run(cast, changes):
    first, _ = start(cast)
    other, created = start(cast, **changes)
    assert created
    assert other.pk != first.pk


def test_tenants_do_not_share_runs(cast):
    first, _ = start(cast, actor=cast.otto)
    other, created = start(cast, tenant=cast.fabrikam, actor=cast.otto)
    assert created
    assert (first.tenant, other.tenant) == (cast.contoso, cast.fabrikam)


def test_after_the_end_the_same_work_is_a_new_run(cast):
    first, _ = start(cast)
    dispatch.run_inline(first)
    second, created = start(cast)
    assert created
    assert second.pk != first.pk


def test_a_nonce_is_started_once_even_after_its_run_has_ended(cast):
    first, _ = start(cast, nonce="form-1")
    dispatch.run_inline(first)
    again, created = start(cast, nonce="form-1")
    assert (again.pk, created) == (first.pk, False)


def test_the_database_itself_refuses_a_second_open_run(cast):
    run, _ = start(cast)
    twin = OperationRun(
        tenant=cast.contoso,
        operation=run.operation,
        subject="twin",
        initiator_name="Ana",
        trigger="person",
        identity_hash=run.identity_hash,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "completed"},
        {"outcome": "succeeded"},
        {"status": "completed", "outcome": "", "ended_at": "now"},
        {"status": "completed", "outcome": "fine", "ended_at": "now"},
        {"status": "queued", "ended_at": "now"},
    ],
)
def test_outcome_if_and_only_if_completed(cast, changes):
    run, _ = start(cast)
    if changes.get("ended_at"):
        changes["ended_at"] = run.created_at
    with pytest.raises(IntegrityError), transaction.atomic():
        OperationRun.all_tenants.filter(pk=run.pk).update(**changes)


def test_a_reader_may_not_start_and_is_told_what_it_needs(cast):
    with pytest.raises(NotAllowed, match="the right to sync the inventory"):
        start(cast, actor=cast.olu)
    assert not OperationRun.all_tenants.exists()


def test_a_stranger_is_told_that_there_is_no_such_tenant(cast):
    with pytest.raises(NotFound):
        start(cast, actor=cast.eve)


def test_only_the_product_itself_starts_without_a_person(cast):
    with pytest.raises(NotAllowed):
        start(cast, actor=None, trigger=Trigger.SCHEDULE)
    run, created = start(cast, actor=None, trigger=Trigger.SYSTEM)
    assert created
    assert run.initiator is None
    assert dispatch.run_inline(run).outcome == "succeeded"


def test_an_unknown_operation_names_its_neighbours(cast):
    with pytest.raises(InputError) as caught:
        start(cast, "toy.plya")
    assert "toy.play" in caught.value.hint


def test_an_old_key_starts_the_operation_of_today(cast):
    run, _ = start(cast, "toy.old_name")
    again, created = start(cast, "toy.play")
    assert run.operation == "toy.play"
    assert (again.pk, created) == (run.pk, False)


@pytest.mark.parametrize(
    ("params", "field"),
    [({"nmaes": ["a"]}, "nmaes"), ({"names": "a"}, "names"), ({"lanes": "many"}, "lanes")],
)
def test_parameters_that_cannot_be_used_name_the_field(cast, params, field):
    with pytest.raises(InputError) as caught:
        start(cast, params=params)
    assert caught.value.details["field"] == field
    assert field in str(caught.value)


def test_held_writes_refuse_writers_only(cast):
    Tenant.objects.filter(pk=cast.contoso.pk).update(writes_held=True)
    cast.contoso.refresh_from_db()
    with pytest.raises(WritesHeld):
        start(cast, "toy.write")
    assert start(cast)[1]


def test_what_is_written_down_about_a_run(cast):
    run, _ = start(cast)
    dispatch.run_inline(run)
    actions = list(AuditEntry.objects.order_by("sequence").values_list("action", "subject", "actor_name"))
    assert actions == [
        ("run.started:toy.play", f"run/{run.pk}", "Ana"),
        ("run.ended:toy.play", f"run/{run.pk}", "TenantAtlas"),
    ]
    assert verify_chain(cast.contoso.pk).intact
    assert kinds(run) == ["queued", "claimed", "ended"]


def kinds(run):
    return list(RunEvent.all_tenants.filter(run=run).order_by("id").values_list("kind", flat=True))


def test_the_initiator_is_told_once_and_again_when_it_ends(cast):
    run, _ = start(cast)
    start(cast, actor=cast.otto)
    Notification.objects.update(read=True)
    dispatch.run_inline(run)
    told = Notification.objects.get()
    assert (told.user, told.subject, told.read) == (cast.ana, f"run/{run.pk}", False)
    assert (told.url, told.tone) == (f"/t/contoso/runs/{run.pk}/", "success")
    assert told.title == "Play with toys succeeded: 2 toys of Contoso"


def test_nothing_is_written_down_about_a_start_that_joins(cast):
    start(cast)
    entries = AuditEntry.objects.count()
    start(cast)
    assert AuditEntry.objects.count() == entries
    assert Notification.objects.count() == 1


def test_a_start_that_fails_half_way_leaves_nothing(cast, monkeypatch):
    monkeypatch.setattr(chronicle, "record_event", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        start(cast)
    assert not OperationRun.all_tenants.exists()
    assert not Notification.objects.exists()


# ── Cancelling ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_that_never_started_is_cancelled_at_once(cast):
    run, _ = start(cast)
    run = cancel_run(run, actor=cast.ana)
    assert (run.status, run.outcome) == ("completed", "cancelled")
    assert kinds(run) == ["queued", "cancel_asked", "ended"]
    assert toys.told == [("ended", "cancelled")]
    assert AuditEntry.objects.filter(action="run.cancel_asked:toy.play", actor_name="Ana").count() == 1


def test_cancelling_twice_or_too_late_changes_nothing(cast):
    run, _ = start(cast)
    cancel_run(run, actor=cast.ana)
    entries = AuditEntry.objects.count()
    again = cancel_run(run, actor=cast.otto)
    assert again.cancel_asked_by == "Ana"
    assert AuditEntry.objects.count() == entries


def test_a_reader_may_not_cancel(cast):
    run, _ = start(cast)
    with pytest.raises(NotAllowed):
        cancel_run(run, actor=cast.olu)


def test_cancel_stops_between_items_and_lists_what_was_not_started(cast):
    run, _ = start(cast, params={"names": list("abcdefgh")})
    toys.script["b"] = lambda ctx, _item: cancel_run(ctx.run, actor=cast.ana) and None
    run = dispatch.run_inline(run)
    assert run.outcome == "cancelled"
    assert run.counts == {"total": 8, "processed": 8, "succeeded": 2, "not_started": 6}
    assert [what for what in toys.told if what[0] == "process"] == [("process", "a"), ("process", "b")]
    assert ("finish",) in toys.told


def test_a_cancel_that_comes_when_all_is_done_changes_nothing(cast):
    run, _ = start(cast)
    toys.script["finish"] = lambda ctx: cancel_run(ctx.run, actor=cast.ana)
    assert dispatch.run_inline(run).outcome == "succeeded"


# ── Trying again ──────────────────────────────────────────────────────────────────────────────────────────


def failing(*names):
    for name in names:
        toys.script[name] = raise_conflict


def raise_conflict(_ctx, _item):
    from tenantatlas.core.errors import Rejected  # noqa: PLC0415 - kept beside what raises it

    raise Rejected("No.", hint="Ask nicely.", details={"request_id": "r-1", "graph_code": "BadRequest"})


def test_a_retry_does_only_what_went_wrong(cast):
    run, _ = start(cast, params={"names": list("abcd")})
    failing("b", "d")
    run = dispatch.run_inline(run)
    assert run.outcome == "partially_succeeded"
    assert run.failures == [{"code": "rejected", "message": "No.", "hint": "Ask nicely.", "count": 2}]
    toys.script.clear()
    toys.told.clear()
    child, created = retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)
    assert created
    assert child.parent == run
    child = dispatch.run_inline(child)
    assert child.outcome == "succeeded"
    assert [what for what in toys.told if what[0] in {"plan", "process"}] == [
        ("process", "b"),
        ("process", "d"),
    ]


def test_a_run_is_retried_once_then_its_child_is(cast):
    run, _ = start(cast)
    failing("a")
    run = dispatch.run_inline(run)
    child, _ = retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)
    child = dispatch.run_inline(child)
    again, created = retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)
    assert (again.pk, created) == (child.pk, False)
    grandchild, created = retry_failed_items(child, actor=cast.ana, trigger=Trigger.PERSON)
    assert created
    assert grandchild.subject == "Again: 2 toys of Contoso"


def test_a_retry_inherits_related_ids(cast):
    run, _ = start(cast)
    toys.script["plan"] = lambda ctx: ctx.set_context(set=12)
    failing("a")
    run = dispatch.run_inline(run)
    child, _ = retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)
    assert (run.context, child.context) == ({"set": 12}, {"set": 12})


def test_there_must_be_something_to_retry(cast):
    run, _ = start(cast)
    with pytest.raises(Conflict, match="not ended"):
        retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)
    run = dispatch.run_inline(run)
    with pytest.raises(Conflict, match="nothing to do again"):
        retry_failed_items(run, actor=cast.ana, trigger=Trigger.PERSON)


def test_a_retry_needs_the_capability_too(cast):
    run, _ = start(cast)
    failing("a")
    run = dispatch.run_inline(run)
    with pytest.raises(NotAllowed):
        retry_failed_items(run, actor=cast.olu, trigger=Trigger.PERSON)


# ── Dispatch ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db(transaction=True)
def test_a_hand_over_that_throws_completes_the_run_at_once(transactional_cast, monkeypatch):
    from tenantatlas.runs import engine  # noqa: PLC0415 - the engine is not needed elsewhere here

    cast = transactional_cast
    monkeypatch.setattr(dispatch, "alive", lambda: True)
    monkeypatch.setattr(engine, "hand_over", lambda *_args, **_options: 1 / 0)
    run, created = start(cast)
    stored = OperationRun.all_tenants.get(pk=run.pk)
    assert created
    for one in (run, stored):
        assert (one.status, one.outcome) == ("completed", "failed")
        assert one.failures[0]["code"] == "queue.dispatch_failed"
    assert Notification.objects.get().tone == "danger"
    again, created_again = start(cast)
    assert created_again
    assert again.pk != run.pk


def test_a_removed_initiator_blocks_the_work(cast):
    run, _ = start(cast)
    Membership.objects.filter(user=cast.ana).delete()
    run = dispatch.run_inline(run)
    assert (run.outcome, run.failures[0]["code"]) == ("blocked", "not_allowed")
    assert ("process", "a") not in toys.told


def test_a_switched_off_initiator_blocks_the_work(cast):
    run, _ = start(cast)
    User.objects.filter(pk=cast.ana.pk).update(is_active=False)
    assert dispatch.run_inline(run).outcome == "blocked"


@pytest.mark.usefixtures("virtual_clock")
@pytest.mark.parametrize("how", ["removed", "lowered", "switched off"])
def test_losing_the_right_in_the_middle_stops_the_rest_within_a_minute_or_an_item(cast, how):
    """Eight seconds an item: what is lost during the third one is used for one more at most."""
    run, _ = start(cast, params={"names": list("abcdefghijkl")})
    begun = clock.monotonic()

    def lose():
        if how == "removed":
            Membership.objects.filter(user=cast.ana).delete()
        elif how == "lowered":
            Membership.objects.filter(user=cast.ana).update(role=Role.READER, grants=[])
        else:
            User.objects.filter(pk=cast.ana.pk).update(is_active=False)

    def play(_ctx, item):
        clock.sleep(8)
        if item.key == "c":
            lose()

    toys.script.update(dict.fromkeys("abcdefghijkl", play))
    run = dispatch.run_inline(run)

    assert (run.outcome, run.failures[0]["code"]) == ("partially_succeeded", "not_allowed")
    assert "any more" in run.failures[0]["message"]
    played = [what[1] for what in toys.told if what[0] == "process"]
    assert played[:3] == list("abc")
    assert len(played) <= 4
    assert clock.monotonic() - begun - 24 <= 60
    states = dict(RunItem.all_tenants.filter(run=run).values_list("key", "state"))
    assert {states[key] for key in "efghijkl"} == {"not_started"}


# ── A completed run never changes ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "queued", "outcome": "", "ended_at": None},
        {"outcome": "failed"},
        {"counts": {"total": 1}},
        {"params": {}},
        {"failures": [{"code": "x"}]},
    ],
)
def test_the_database_refuses_to_change_a_completed_run(cast, changes):
    run, _ = start(cast)
    run = dispatch.run_inline(run)
    with pytest.raises((IntegrityError, Exception), match="never changes"), transaction.atomic():
        OperationRun.all_tenants.filter(pk=run.pk).update(**changes)


def test_nothing_of_ours_moves_a_completed_run(cast):
    run, _ = start(cast)
    run = dispatch.run_inline(run)
    same = {"dispatch": run.dispatch}
    assert not journal.claim_run(run.pk, worker="w", **same)
    assert not journal.put_aside(run.pk, reason="throttled", until=None, **same)
    assert not journal.rescue_run(run.pk, why="", **same)
    assert not journal.note_breakdown(run.pk, why="", **same)
    assert not journal.end_wait(run.pk, **same)
    assert not journal.ask_cancel(run.pk, actor=None)
    assert not endings.end_unstarted(run.pk, error=None, **same)
    assert endings.finish_run(run.pk, **same) is None
    with pytest.raises(Fenced):
        journal.beat(run.pk, **same)
    untouched = OperationRun.all_tenants.get(pk=run.pk)
    for field in OperationRun._meta.concrete_fields:
        assert getattr(untouched, field.attname) == getattr(run, field.attname)


def test_deleting_people_leaves_completed_runs(cast):
    run, _ = start(cast)
    dispatch.run_inline(run)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE runs_operationrun SET initiator_id = NULL WHERE id = %s", [run.pk])
    assert OperationRun.all_tenants.get(pk=run.pk).initiator_name == "Ana"
    assert RunItem.all_tenants.filter(run=run).count() == 2
