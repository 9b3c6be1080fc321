"""A capture of every policy type, its worker killed with -9 at every boundary: the next worker's set is the
set that would have been.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from .ends import Captures, Undisturbed, what_differs
from .worlds import SLOTS, groups_of_types, worlds

GROUPS = groups_of_types()
CONTENTS = {slot: [(group[slot], 0) for group in GROUPS if slot in group] for slot in SLOTS}
#: Passed once for each collection or chunk of policies …
BY_TYPE = ("list_staged", "list_recorded", "documents_read", "documents_stored", "items_recorded")
#: … and once for each run.
BY_RUN = ("planned", "rolled_up", "finished")
_EACH = range(1, len(GROUPS) + 1)
BOUNDARIES = [*((point, nth) for point in BY_TYPE for nth in _EACH), *((point, 1) for point in BY_RUN)]


@pytest.fixture(scope="module")
def captures(database_server: str) -> Iterator[Captures]:
    """In each tenant one policy of every type of its slot."""
    with worlds(CONTENTS, server=database_server) as made:
        yield Captures(made, CONTENTS)


@pytest.fixture(scope="module")
def undisturbed(captures: Captures) -> Undisturbed:
    """The sets when nobody dies."""
    return captures.undisturbed()


def _chosen() -> list[tuple[str, int]]:
    """On PostgreSQL each boundary once."""
    if connection.vendor == "postgresql":
        return [(point, nth % len(GROUPS) + 1) for nth, point in enumerate(BY_TYPE)] + BOUNDARIES[
            -len(BY_RUN) :
        ]
    return BOUNDARIES


@pytest.mark.parametrize(("point", "nth"), _chosen())
def test_killed_there_the_set_is_the_same(
    captures: Captures, undisturbed: Undisturbed, point: str, nth: int
) -> None:
    killed = captures.killed(point, {slot: min(nth, undisturbed.passed[slot][point]) for slot in SLOTS})

    assert not what_differs(killed.ends, undisturbed.ends)
