"""In which order the writes go out. Pure.

| phase       | what                                              | order within                        |
|-------------|---------------------------------------------------|-------------------------------------|
| foundations | foundation types, with their children             | who needs whom; families together   |
| policies    | creates and updates of all others, unassigned     | who needs whom; families together   |
| children    | what hangs below them                             | families together                   |
| assignments | assignments of everything so far                  | families together                   |
| priorities  | the order of enrollment configurations            | ascending priority                  |
| Entra       | order 500 and above, report-only                  | contract order, then who needs whom |
| removals    | what an earlier restore made                      | contract order backwards, users first|

Families together: the writes of each throttle family are spread evenly over the phase, so that in this one
order every family can still run at its own budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from tenantatlas.policies.model import PolicyType, Step, StepKind

_ENTRA_ORDER = 500
_PRIORITY_SEGMENT = "/setPriority"


class Phase(IntEnum):
    """A phase of a restore; all of one goes out before the next begins."""

    FOUNDATIONS = 1
    POLICIES = 2
    CHILDREN = 3
    ASSIGNMENTS = 4
    PRIORITIES = 5
    ENTRA = 6
    REMOVALS = 7


@dataclass(frozen=True, kw_only=True)
class ItemSteps:
    """The steps of one item, in the order in which it needs them, and the items that must exist before it.

    A removal comes after the last step of every item in `after`.
    """

    key: str
    policy_type: PolicyType
    steps: tuple[Step, ...]
    needs: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def removes(self) -> bool:
        """Whether nothing is left of the object in the end."""
        return all(step.kind is StepKind.DELETE for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One step in its place. `depends_on` are positions (from 1) of writes that must have succeeded."""

    n: int
    key: str
    phase: Phase
    step: Step
    depends_on: tuple[int, ...]


def place_steps(items: Iterable[ItemSteps]) -> tuple[Placed, ...]:
    """Every step of every item in the one order of the plan. Items must not need each other in a circle."""
    by_key = {item.key: item for item in items}
    ranks = _ranks(by_key)
    buckets: dict[tuple[int, ...], dict[str, list[tuple[str, int]]]] = {}
    for key in sorted(by_key, key=lambda key: (by_key[key].policy_type.restore.order, key)):
        item = by_key[key]
        for index, step in enumerate(item.steps):
            before = sum(each.kind is step.kind for each in item.steps[:index])
            bucket = _bucket(step, before, ranks[key])
            buckets.setdefault(bucket, {}).setdefault(item.policy_type.family, []).append((key, index))
    placed: list[Placed] = []
    latest: dict[str, int] = {}
    made: dict[str, int] = {}
    for bucket in sorted(buckets):
        for key, index in _side_by_side(buckets[bucket]):
            item, n = by_key[key], len(placed) + 1
            begins = [made[each] for each in item.needs] + [latest[each] for each in item.after]
            needs = (latest[key],) if key in latest else sorted(begins)
            placed.append(
                Placed(
                    n=n,
                    key=key,
                    phase=Phase(bucket[0]),
                    step=item.steps[index],
                    depends_on=tuple(needs),
                )
            )
            latest[key] = n
            if item.steps[index].kind is StepKind.CREATE:
                made[key] = n
    return tuple(placed)


def _ranks(by_key: Mapping[str, ItemSteps]) -> dict[str, tuple[int, ...]]:
    """(phase, contract order where it counts, level): greater than the rank of everything the item needs."""
    ranks: dict[str, tuple[int, ...]] = {}

    def rank(key: str) -> tuple[int, ...]:
        if key not in ranks:
            item = by_key[key]
            own = _own_rank(item)
            needed = max((rank(each) for each in item.needs | item.after), default=None)
            ranks[key] = own if needed is None or needed < own else (*needed[:2], needed[2] + 1)
        return ranks[key]

    for key in by_key:
        rank(key)
    return ranks


def _own_rank(item: ItemSteps) -> tuple[int, ...]:
    policy_type = item.policy_type
    order = policy_type.restore.order
    if item.removes:
        return (Phase.REMOVALS, -order, 0)
    if order >= _ENTRA_ORDER:
        return (Phase.ENTRA, order, 0)
    if policy_type.foundation:
        return (Phase.FOUNDATIONS, 0, 0)
    return (Phase.POLICIES, 0, 0)


def _bucket(step: Step, before: int, rank: tuple[int, ...]) -> tuple[int, ...]:
    """Where a step goes: with its item, or later. `before` counts the item's earlier steps of its kind."""
    if rank[0] in (Phase.ENTRA, Phase.REMOVALS):
        return rank
    if step.kind is StepKind.ASSIGN:
        return (Phase.ASSIGNMENTS, 0, before)
    if step.path.endswith(_PRIORITY_SEGMENT):
        return (Phase.PRIORITIES, 0, _priority(step))
    if step.kind is StepKind.CHILD and rank[0] == Phase.POLICIES:
        return (Phase.CHILDREN, 0, before)
    return rank


def _priority(step: Step) -> int:
    body = step.body if isinstance(step.body, dict) else {}
    return int(body.get("priority", 0))


def _side_by_side(families: Mapping[str, list[tuple[str, int]]]) -> list[tuple[str, int]]:
    """The j-th of n writes of a family goes to (j + ½)/n of the way."""
    spread = [
        ((index + 0.5) / len(writes), family, index, write)
        for family, writes in families.items()
        for index, write in enumerate(writes)
    ]
    return [write for _, _, _, write in sorted(spread)]
