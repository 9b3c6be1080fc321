"""A restore of every type, its worker killed with -9 at every boundary: the next worker ends it as if not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.processes import Killed

from . import workers
from .worlds import SLOTS, Ready, Worlds, groups_of_types, worlds

GROUPS = groups_of_types()
#: `marked` is these tests' own: the journal says sent, and Graph has heard nothing.
BOUNDARIES = ("intent", "marked", "sent", "reply", "recorded", "assign", "verify")


@pytest.fixture(scope="module")
def every_type(request: pytest.FixtureRequest) -> Iterator[Worlds]:
    """In each tenant every policy type of its slot, one policy each, lost, and a restore of each previewed."""
    server = request.getfixturevalue("postgres_server") if connection.vendor == "postgresql" else ""
    of_slot = {slot: [group[slot] for group in GROUPS if slot in group] for slot in SLOTS}
    contents = {slot: [(key, 0) for key in types] for slot, types in of_slot.items()}
    previews = {slot: [[key] for key in types] for slot, types in of_slot.items()}
    with worlds(contents, previews, server=server) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(every_type: Worlds) -> dict[int, Any]:
    """What a group's restores come to when nobody dies, and which boundaries they pass; made when asked for."""
    return {}


def restores_of(every_type: Worlds, group: int) -> dict[str, int]:
    return {slot: every_type.restores[slot][group] for slot in GROUPS[group]}


def finish(ready: Ready, numbers: dict[str, int], runs: dict[str, int]) -> dict[str, Any]:
    told = ready.install.call(workers.resume_restores, runs)
    ready.graph.save()
    judged = ready.install.call(workers.judge_restores, numbers)
    return {slot: {"run": told[slot], **judged[slot]} for slot in numbers}


def end_of(every_type: Worlds, undisturbed: dict[int, Any], group: int) -> Any:
    if group not in undisturbed:
        numbers = restores_of(every_type, group)
        with every_type.copy() as ready:
            runs = ready.install.call(workers.begin_restores, numbers)
            passed = ready.install.call(workers.work, runs)
            undisturbed[group] = passed, finish(ready, numbers, runs)
    return undisturbed[group]


@pytest.mark.parametrize("group", range(len(GROUPS)))
@pytest.mark.parametrize("point", BOUNDARIES)
def test_killed_there_it_ends_the_same(
    every_type: Worlds, undisturbed: dict[int, Any], group: int, point: str
) -> None:
    passed, expected = end_of(every_type, undisturbed, group)
    numbers = restores_of(every_type, group)
    nth = {slot: 1 for slot in numbers if passed[slot][point]}
    with every_type.copy() as ready:
        runs = ready.install.call(workers.begin_restores, numbers)
        with pytest.raises(Killed):
            ready.install.call(workers.work_and_die, runs, point, nth)
        ended = finish(ready, numbers, runs)
    for slot, end in ended.items():
        assert end["run"] == expected[slot]["run"], GROUPS[group][slot]
        assert end["state"] == expected[slot]["state"], GROUPS[group][slot]
        assert not end["late_twins"]
        for write in end["writes"].values():
            assert write["done"] and (write["applied"] or write["needless"]), write
            assert write["applied"] <= 1 or not write["once"], write
