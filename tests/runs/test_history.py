"""History of an earlier system: read by the one pure function, refused by line, added once, never touched."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from tenantatlas.audit.models import AuditEntry
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict
from tenantatlas.runs import dispatch, endings, journal, monitoring, queries, rescue
from tenantatlas.runs.history import import_runs
from tenantatlas.runs.lifecycle import _FOREIGN_WORDS, Trigger, read_foreign_status
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import progress
from tenantatlas.runs.queries import RunFilters
from tenantatlas.runs.services import cancel_run, retry_failed_items, run_again, start_run


def line(**changes):
    return json.dumps(
        {
            "source": "bulk_operation_run",
            "id": 17,
            "tenant": "contoso",
            "operation": "policy.delete",
            "status": "completed_with_errors",
            "started_at": "2025-03-01T10:00:00Z",
            "ended_at": "2025-03-01T10:05:00+00:00",
            "total": 5,
            "succeeded": 3,
            "failed": 2,
            "initiator": "Ada",
            **changes,
        }
    ).encode()


def imported(cast, *lines):
    return import_runs(lines, actor=cast.otto)


def only():
    return OperationRun.all_tenants.select_related("tenant").get()


def test_a_line_is_a_completed_run_that_reads_like_any_other(cast):
    report = imported(cast, line())
    assert (report.imported, report.known, report.refused) == (1, 0, [])
    run = only()
    assert (run.status, run.outcome, run.operation) == ("completed", "partially_succeeded", "policy.delete")
    assert (run.initiator, run.initiator_name) == (None, "Ada")
    assert run.counts == {"total": 5, "processed": 5, "succeeded": 3, "failed": 2}
    assert run.started_at == datetime(2025, 3, 1, 10, tzinfo=UTC)
    assert progress(run).sentence == "policy.delete: partly succeeded, 5 of 5 done"
    ever = RunFilters(since=datetime(1970, 1, 1, tzinfo=UTC))
    assert list(queries.run_list(cast.contoso, ever)) == [run]
    assert queries.run_detail(cast.contoso, run.pk).took == timedelta(minutes=5)


@pytest.mark.parametrize("word", sorted(_FOREIGN_WORDS))
def test_every_word_of_both_vocabularies_is_mapped_by_the_one_function(cast, word):
    imported(cast, line(status=word, source="restore_run"))
    status, outcome = read_foreign_status(word)
    assert (only().status, only().outcome) == (status.value, outcome.value if outcome else "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "finished-ish"}, "The status 'finished-ish' is not known."),
        ({"source": "cron"}, "The source 'cron' is not known"),
        ({"tenant": "nowhere"}, "There is no tenant called 'nowhere' here."),
        ({"total": "five"}, "This is not a run"),
        ({"failed": -1}, "A count is negative."),
        ({"started_at": "yesterday"}, "started_at is 'yesterday', which is no time."),
        ({"started_at": None, "ended_at": None}, "It does not say when it was."),
        ({"ended_at": "2025-02-01T10:00:00Z"}, "It ended before it started."),
        ({"operation": "x" * 70_000}, "The line is too long to be a run."),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number_and_the_others_are_imported(cast, changes, why):
    report = imported(cast, line(id=1), b"", line(id=2, **changes), line(id=3))
    assert report.imported == 2
    (refused,) = report.refused
    assert refused.line == 3
    assert refused.why.startswith(why)


def test_what_is_no_json_is_refused(cast):
    report = imported(cast, b"{]", b"[]", b"\xff\xfe", line())
    assert [refused.line for refused in report.refused] == [1, 2, 3]
    assert report.imported == 1


def test_importing_twice_adds_nothing(cast):
    lines = [line(id=number) for number in range(3)] + [line(id=0)]
    assert imported(cast, *lines).imported == 3
    again = imported(cast, *lines)
    assert (again.imported, again.known) == (0, 4)
    assert OperationRun.all_tenants.count() == 3
    assert AuditEntry.objects.filter(action="runs.imported").count() == 1


def test_a_run_that_has_ended_since_is_brought_up_to_date(cast):
    imported(cast, line(status="running", ended_at=None))
    assert (only().status, only().is_open) == ("running", False)
    report = imported(cast, line())
    assert (report.imported, report.updated) == (0, 1)
    assert (only().status, only().outcome) == ("completed", "partially_succeeded")
    assert imported(cast, line(status="aborted")).updated == 0


def test_a_tenant_that_one_does_not_manage_is_refused_as_if_it_were_not_there(cast):
    report = import_runs([line(tenant="fabrikam"), line()], actor=cast.ana)
    assert "There is no tenant called 'fabrikam' here." in report.refused[0].why
    assert "the right to manage the tenant's settings" in report.refused[1].why
    assert OperationRun.all_tenants.count() == 0


def test_nothing_moves_what_was_imported(cast, monkeypatch):
    imported(cast, line(status="running", ended_at=None, id=1), line(status="pending", ended_at=None, id=2))
    OperationRun.all_tenants.update(dispatched_at=clock.now() - timedelta(hours=1))
    monkeypatch.setattr(dispatch, "job_states", lambda pairs: dict.fromkeys(pairs, "none"))
    monkeypatch.setattr(dispatch, "hand_over", lambda _run: 1 / 0)
    assert (rescue.dispatch_orphans(older_than=0), rescue.end_waits(), rescue.rescue_lost_runs("w")) == (
        0,
        0,
        0,
    )
    assert monitoring.queue_depth().running == monitoring.queue_depth().queued == 0
    assert not queries.open_runs(cast.contoso).exists()
    for run in OperationRun.all_tenants.select_related("tenant"):
        for ask in (retry_failed_items, run_again):
            with pytest.raises(Conflict, match="history"):
                ask(run, actor=cast.otto, trigger=Trigger.PERSON)
        with pytest.raises(Conflict, match="history"):
            cancel_run(run, actor=cast.otto)
        assert not journal.ask_cancel(run.pk, actor=cast.otto)
        assert progress(run).notice == "It had not ended when it was imported"


def test_history_takes_no_room_from_runs_of_today(cast):
    imported(cast, *(line(status="running", ended_at=None, id=number) for number in range(5)))
    run, _ = start_run(
        "toy.play", tenant=cast.contoso, params={"names": ["a"]}, actor=cast.ana, trigger=Trigger.PERSON
    )
    assert run.waiting_reason == ""


def test_history_is_kept_as_long_after_its_import_as_runs_of_today(cast):
    imported(cast, line())
    days = timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS)
    assert endings.delete_ended_before(clock.now() - days, limit=10) == 0
    assert endings.delete_ended_before(clock.now() + timedelta(seconds=1), limit=10) == 1
