"""What a synchronisation looks at, and when two of them are the same work."""

from __future__ import annotations

import pytest

from tenantatlas.inventory.models import TypeRead
from tenantatlas.inventory.operations import SyncParams
from tenantatlas.inventory.selection import selection_hash
from tenantatlas.policies.registry import all_types
from tests.simulated import World

FOUNDATIONS = {policy_type.key for policy_type in all_types() if policy_type.foundation}
OTHERS = {policy_type.key for policy_type in all_types()} - FOUNDATIONS


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (SyncParams(), FOUNDATIONS | OTHERS),
        (SyncParams(foundations=False), OTHERS),
        (SyncParams(types=("configurationPolicies",)), FOUNDATIONS | {"configurationPolicies"}),
        (SyncParams(types=("configurationPolicies",), foundations=False), {"configurationPolicies"}),
        (SyncParams(types=("assignmentFilters",), foundations=False), {"assignmentFilters"}),
    ],
)
def test_a_selection(params: SyncParams, expected: set[str]) -> None:
    assert {policy_type.key for policy_type in params.selected} == expected


def test_two_ways_to_say_the_same_are_the_same_work(world: World) -> None:
    one = world.start("inventory.sync", types=["configurationPolicies"], foundations=True)
    other = world.start(
        "inventory.sync", types=["assignmentFilters", "configurationPolicies"], foundations=True
    )
    assert one.pk == other.pk
    assert world.start("inventory.sync", types=["configurationPolicies"], foundations=False).pk != one.pk
    everything = world.start("inventory.sync")
    named = world.start("inventory.sync", types=[policy_type.key for policy_type in all_types()])
    assert everything.pk == named.pk


def test_foundations_come_along(world: World) -> None:
    world.work("inventory.sync", types=["configurationPolicies"], foundations=True)
    assert set(TypeRead.objects.values_list("type_key", flat=True)) == FOUNDATIONS | {"configurationPolicies"}


def test_the_hash_is_of_the_set_of_types() -> None:
    types = all_types()
    assert selection_hash(types) == selection_hash(reversed(types))
    assert selection_hash(types) != selection_hash(types[1:])
