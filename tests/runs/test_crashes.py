"""A worker may die anywhere: the run goes on in the next process and ends as if nothing had happened."""

from __future__ import annotations

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
