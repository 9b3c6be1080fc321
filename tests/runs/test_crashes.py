"""A worker may die anywhere: the run goes on in the next process and ends as if nothing had happened."""

from __future__ import annotations

import contextlib

import pytest

from tests.processes import Killed

from . import players

BOUNDARIES = [
    ("claimed", 1),
    ("items_added", 1),
    ("planned", 1),
    ("items_taken", 1),
    ("before_item", 1),
    ("after_item", 2),
    ("items_processed", 1),
    ("items_recorded", 1),
    ("items_taken", 2),
    ("items_recorded", 2),
    ("rolled_up", 1),
    ("finished", 1),
    ("ended", 1),
]


@pytest.mark.parametrize(("point", "nth"), BOUNDARIES)
def test_resumes_after_sigkill(install, point, nth):
    run_id, _ = install.call(players.begin)
    with pytest.raises(Killed):
        install.call(players.work_and_crash, run_id, point, nth)
    after = install.call(players.work, run_id)
    assert (after["status"], after["outcome"]) == ("completed", "succeeded")
    assert after["items"] == dict.fromkeys("abcd", "succeeded")
    assert after["counts"] == {"total": 4, "processed": 4, "succeeded": 4}
    assert after["events"][-1] == "ended"
    assert after["events"].count("ended") == 1
    assert after["runs"] == 1


DEEP = [
    (operation, point, nth)
    for operation in ("toy.play", "toy.write")
    for point, most in {
        "claimed": 1,
        "items_added": 1,
        "planned": 1,
        "items_taken": 3,
        "before_item": 7,
        "after_item": 7,
        "items_processed": 3,
        "items_recorded": 3,
        "rolled_up": 1,
        "finished": 1,
        "ended": 1,
    }.items()
    for nth in range(1, most + 1)
]


@pytest.mark.deep
@pytest.mark.parametrize(("operation", "point", "nth"), DEEP)
def test_resumes_wherever_it_was_killed_and_killed_again(install, operation, point, nth):
    params = {"names": list("abcdefg")}
    undisturbed, _ = install.call(players.begin, operation, params)
    expected = install.call(players.work, undisturbed)
    run_id, created = install.call(players.begin, operation, params)
    assert created
    for times in (nth, 1):
        with contextlib.suppress(Killed):
            install.call(players.work_and_crash, run_id, point, times)
    after = install.call(players.work, run_id)
    for what in ("status", "outcome", "counts", "items"):
        assert after[what] == expected[what]
    assert after["events"].count("ended") == 1
