"""Bringing the children of an object from what is there to what is wanted, one write each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tenantatlas.core.json import Json
from tenantatlas.policies.bodies import same
from tenantatlas.policies.canonical import natural_key
from tenantatlas.policies.model import Step

from .general import add_child, child


@dataclass(frozen=True, kw_only=True)
class Children:
    """Rows of a sub-collection. `segment` is its path below the object, `key` what identifies a row in it;
    `body` gives what is written of a row.
    """

    segment: str
    key: tuple[str, ...]
    body: Callable[[Json], Json]
    noun: str

    def added(self, row: Json) -> Step:
        """The POST that makes a row."""
        return add_child(self.segment, self.body(row), twin_by=self.key, why=f"adds {self.noun}")

    def changes(self, wanted: Iterable[Json], live: Iterable[Json]) -> tuple[Step, ...]:
        """What adds and changes rows, in the order of the wanted ones."""
        there = {natural_key(row, self.key): row for row in live}
        steps = [self._change(row, there.get(natural_key(row, self.key))) for row in wanted]
        return tuple(step for step in steps if step is not None)

    def removals(self, wanted: Iterable[Json], live: Iterable[Json]) -> tuple[Step, ...]:
        """What removes the rows that are not wanted."""
        kept = {natural_key(row, self.key) for row in wanted}
        gone = [row for row in live if natural_key(row, self.key) not in kept]
        return tuple(
            child("DELETE", f"{self.segment}/{row['id']}", None, why=f"removes {self.noun}") for row in gone
        )

    def _change(self, row: Json, live: Json | None) -> Step | None:
        if live is None:
            return self.added(row)
        if same(self.body(row), self.body(live)):
            return None
        return child("PATCH", f"{self.segment}/{live['id']}", self.body(row), why=f"changes {self.noun}")
