"""A capture whose process is killed with -9 ends, in the next process, with the same set.

Every boundary is passed in `test_interrupted`, within one process; here a few, and in the deep suite more,
with real processes and the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.processes import Install, Killed, templates

from . import workers

DEEP = [("planned", 1), ("items_taken", 1), ("list_recorded", 2), ("items_recorded", 2), ("finished", 1)]
BOUNDARIES = [
    ("list_staged", 1),
    ("documents_read", 1),
    ("documents_stored", 1),
    *(pytest.param(*boundary, marks=pytest.mark.deep) for boundary in DEEP),
]


@pytest.fixture(scope="module")
def peopled(request: pytest.FixtureRequest) -> Iterator[Install]:
    """An install of these tests' own, and a simulated tenant in its home."""
    server = request.getfixturevalue("postgres_server") if connection.vendor == "postgresql" else ""
    with templates(server) as make, make() as install:
        install.call(workers.people)
        yield install


@pytest.fixture(scope="module")
def undisturbed(peopled: Install) -> dict[str, object]:
    """What a capture holds when nobody dies."""
    seen = peopled.call(workers.work, peopled.call(workers.begin))
    assert (seen["outcome"], seen["status"]) == ("succeeded", "complete"), seen["failures"]
    return seen


@pytest.mark.parametrize(("point", "nth"), BOUNDARIES)
def test_a_killed_capture_resumes_to_the_same_set(
    peopled: Install, undisturbed: dict[str, object], point: str, nth: int
) -> None:
    run_id = peopled.call(workers.begin)
    with pytest.raises(Killed):
        peopled.call(workers.work_and_die, run_id, point, nth)

    assert peopled.call(workers.work, run_id) == undisturbed
