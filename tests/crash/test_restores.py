"""A restore of every policy type, its worker killed with -9 at every boundary: the next worker ends it as if
nothing had happened.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from . import policies
from .ends import RESTORE_BOUNDARIES, Restores, Undisturbed, what_is_wrong
from .worlds import SLOTS, Worlds, groups_of_types, worlds

GROUPS = groups_of_types()
OF_SLOT = {slot: [group[slot] for group in GROUPS if slot in group] for slot in SLOTS}


@pytest.fixture(scope="module")
def every_type(database_server: str) -> Iterator[Worlds]:
    """In each tenant one policy of every type of its slot, lost, and a restore of each previewed."""
    contents = {slot: [(key, 0) for key in types] for slot, types in OF_SLOT.items()}
    previews = {slot: [[key] for key in types] for slot, types in OF_SLOT.items()}
    with worlds(contents, previews, server=database_server) as made:
        yield made


class Group:
    """One type in each tenant, restored at the same time."""

    def __init__(self, every_type: Worlds, number: int) -> None:
        self.types = GROUPS[number]
        numbers = {slot: every_type.restores[slot][number] for slot in self.types}
        self.restores = Restores(every_type, numbers)
        self.undisturbed: Undisturbed = self.restores.undisturbed()


@pytest.fixture(scope="module")
def groups() -> dict[int, Group]:
    """The groups that have been worked undisturbed so far."""
    return {}


@pytest.fixture
def group(request: pytest.FixtureRequest, every_type: Worlds, groups: dict[int, Group]) -> Group:
    """The group of that number."""
    number: int = request.param
    if number not in groups:
        groups[number] = Group(every_type, number)
    return groups[number]


def _chosen() -> list[tuple[int, str]]:
    """Every type at every boundary; on PostgreSQL every type at one, and every boundary."""
    every = [(number, point) for number in range(len(GROUPS)) for point in RESTORE_BOUNDARIES]
    if connection.vendor == "postgresql":
        return [(number, point) for number, point in every if RESTORE_BOUNDARIES.index(point) == number % 7]
    return every


@pytest.mark.parametrize(("group", "point"), _chosen(), indirect=["group"])
def test_killed_there_it_ends_the_same(group: Group, point: str) -> None:
    nth = {slot: 1 for slot in group.types if group.undisturbed.passed[slot][point]}

    killed = group.restores.killed(point, nth)

    assert killed.hit == sorted(nth)
    assert not what_is_wrong(killed.ends, group.undisturbed)


@pytest.mark.parametrize("group", range(len(GROUPS)), indirect=True)
def test_every_type_passes_every_boundary(group: Group) -> None:
    for slot, key in group.types.items():
        assigned = bool(policies.sample(key, guid="").body.get("assignments"))
        missed = {point for point in RESTORE_BOUNDARIES if not group.undisturbed.passed[slot][point]}
        assert missed == (set() if assigned else {"assign"}), key


def test_every_restorable_type_has_a_group() -> None:
    assert sorted(key for group in GROUPS for key in group.values()) == sorted(policies.restorable_types())
