"""One stored object and its past."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tenantatlas.core.json import Json


@dataclass(frozen=True, kw_only=True)
class State:
    """An object at one time: its own properties, the rows below it, what is never shown."""

    body: dict[str, Json]
    children: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    hidden: Mapping[str, Json] = field(default_factory=dict)

    def rows(self, name: str) -> tuple[Json, ...]:
        """The rows of one child."""
        return self.children.get(name, ())

    def with_rows(self, name: str, rows: Iterable[Json]) -> State:
        """The same with other rows in one child."""
        return replace(self, children={**self.children, name: tuple(rows)})

    def with_properties(self, **changes: Json) -> State:
        """The same with other values of some properties."""
        return replace(self, body={**self.body, **changes})


class SimObject:
    """One object and its past versions: (seconds, state), None = deleted."""

    __slots__ = ("id", "sequence", "versions")

    def __init__(self, object_id: str, sequence: int) -> None:
        self.id = object_id
        self.sequence = sequence
        self.versions: list[tuple[float, State | None]] = []

    @property
    def newest(self) -> State | None:
        """What is stored now; None = deleted."""
        return self.versions[-1][1] if self.versions else None

    @property
    def latest(self) -> State:
        """What is stored now, of an object that exists."""
        state = self.newest
        if state is None:
            raise LookupError(f"{self.id} is deleted")
        return state

    def seen_at(self, moment: float) -> State | None:
        """What a replica that stopped at that time shows."""
        shown: State | None = None
        for at, state in self.versions:
            if at > moment:
                break
            shown = state
        return shown

    def write(self, at: float, state: State | None, *, keep_past: bool) -> None:
        """Store a new version."""
        if not keep_past:
            self.versions.clear()
        self.versions.append((at, state))


def fold(collection: str) -> str:
    """A collection's path without version, in lower case."""
    path = "/" + collection.strip("/").lower()
    for version in ("/beta/", "/v1.0/"):
        if path.startswith(version):
            path = path[len(version) - 1 :]
    return path
