"""The log of a run: what happened, in order of time, by how much it matters."""

from __future__ import annotations

from tenantatlas.core.errors import Rejected
from tenantatlas.runs import dispatch, logbook
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.logbook import Level
from tenantatlas.runs.services import start_run

from . import toys


def refuse(_ctx, _item):
    raise Rejected("client_secret=canary5554443 is wrong")


def worked(cast):
    toys.script["b"] = refuse
    run, _ = start_run(
        "toy.play", tenant=cast.contoso, params={"names": list("abc")}, actor=cast.ana, trigger=Trigger.PERSON
    )
    return dispatch.run_inline(run)


def test_the_timeline_and_the_ends_of_items_are_one_log_in_order_of_time(cast):
    lines = list(logbook.log_lines(worked(cast)))
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert lines[0].message == "Queued: Started by Ana"
    assert lines[-1].message == "Ended: Partly succeeded"
    assert lines[-1].level == Level.WARNING
    assert {line.item: line.level for line in lines if line.item} == {
        "a": Level.INFO,
        "b": Level.ERROR,
        "c": Level.INFO,
    }
    assert "canary5554443" not in str(lines)


def test_a_level_shows_its_own_and_those_above(cast):
    run = worked(cast)
    assert [line.item for line in logbook.log_lines(run, least=Level.ERROR)] == ["b"]
    assert [line.item for line in logbook.log_lines(run, least=Level.WARNING)] == ["b", ""]


def test_the_newest_are_the_end_of_the_same_log(cast):
    run = worked(cast)
    every = list(logbook.log_lines(run))
    newest = logbook.newest_lines(run, most=3)
    assert sorted(line.message for line in newest) == sorted(line.message for line in every[-3:])
    assert newest[0].at >= newest[-1].at
