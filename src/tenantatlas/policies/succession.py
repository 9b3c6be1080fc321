"""Which policy of an earlier state is which one of a later state. Pure.

A policy that a restore made again has a new id. Restores record which id came from which, and a state that
knew the old one means the new one by it. In this order, and never two policies for one:

1. the same id;
2. what was made from it;
3. what was made from that again;
4. what was made from the same policy, further back.

Where several could be it, the one made last is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tenantatlas.core.json import Json

from . import references
from .model import PolicyType

#: (the id that a policy had, the id of what a restore made from it), oldest first.
Made = Sequence[tuple[str, str]]
_Steps = Mapping[str, frozenset[str]]


def pair(earlier: Iterable[str], later: Iterable[str], made: Made) -> dict[str, str]:
    """The later id of each earlier one that is still there under some id."""
    old, new = set(earlier), set(later)
    pairs = {graph_id: graph_id for graph_id in old & new}
    onward, either_way = _steps(made), _steps([*made, *_backwards(made)])
    ways: tuple[Callable[[str], frozenset[str]], ...] = (
        lambda graph_id: onward.get(graph_id, frozenset()),
        lambda graph_id: _reached(graph_id, onward),
        lambda graph_id: _reached(graph_id, either_way),
    )
    place = {made_id: number for number, (_, made_id) in enumerate(made)}
    free = new - old
    for way in ways:
        for graph_id in sorted((old & either_way.keys()) - pairs.keys()):
            could = way(graph_id) & free
            if could:
                pairs[graph_id] = max(could, key=lambda each: (place.get(each, -1), each))
                free.remove(pairs[graph_id])
    return pairs


def kin(graph_id: str, made: Made) -> frozenset[str]:
    """Every id that this policy is known to have had, with its own."""
    return _reached(graph_id, _steps([*made, *_backwards(made)])) | {graph_id}


def renamed(policy_type: PolicyType, earlier: Json, later: Json, made: Mapping[str, Made]) -> Json:
    """The earlier body, naming what was made again as the later one names it. `made` is by kind."""
    named: dict[str, tuple[set[str], set[str]]] = {}
    for side, body in enumerate((earlier, later)):
        for found in references.find(policy_type, body):
            named.setdefault(found.kind, (set(), set()))[side].add(found.id)
    pairs = {kind: pair(*sides, made[kind]) for kind, sides in named.items() if kind in made}
    if not any(was != now for each in pairs.values() for was, now in each.items()):
        return earlier
    return references.rewrite(
        policy_type, earlier, lambda kind, graph_id: pairs.get(kind, {}).get(graph_id, references.KEEP)
    )


def _steps(made: Made) -> _Steps:
    found: dict[str, set[str]] = {}
    for source, made_id in made:
        found.setdefault(source, set()).add(made_id)
    return {source: frozenset(ids) for source, ids in found.items()}


def _backwards(made: Made) -> Made:
    return [(made_id, source) for source, made_id in made]


def _reached(start: str, steps: _Steps) -> frozenset[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = steps.get(waiting.pop(), frozenset()) - found
        found |= fresh
        waiting += fresh
    return frozenset(found)
