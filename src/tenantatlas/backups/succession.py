"""Under which ids a policy of the tenant in scope was known: what restores say that they made again.

Restores stand above this package, so they say it through a teller that they hand in when the app starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tenantatlas.policies.succession import Made, kin

#: Of these policy types: (type, the id that a policy had, the id that it was given), oldest first.
Teller = Callable[[Iterable[str]], Iterable[tuple[str, str, str]]]

_tellers: list[Teller] = []


def add_teller(teller: Teller) -> None:
    """Ask this one too from now on; once, however often it is added."""
    if teller not in _tellers:
        _tellers.append(teller)


def made_again(type_keys: Iterable[str]) -> dict[str, Made]:
    """What was made from what, by policy type; a type of which nothing was is left out. One query."""
    asked = sorted(set(type_keys))
    found: dict[str, list[tuple[str, str]]] = {}
    for teller in _tellers:
        for type_key, source_id, made_id in teller(asked):
            found.setdefault(type_key, []).append((source_id, made_id))
    return dict(found)


def ids_of(type_key: str, graph_id: str) -> frozenset[str]:
    """Every id that this policy is known to have had, with its own. One query."""
    return kin(graph_id, made_again([type_key]).get(type_key, ()))
