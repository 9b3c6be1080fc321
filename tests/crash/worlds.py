"""Installs in which everything is ready to be executed, and killed. Made once, copied for every death."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.processes import Install, templates

from . import policies, workers
from .graph import Graph, free_ports, graph_of

#: Tenants whose runs one process works at the same time: one death hits all of them.
SLOTS = ("slot1", "slot2", "slot3", "slot4", "slot5", "slot6")


def groups_of_types() -> list[dict[str, str]]:
    """All restorable types in groups: a tenant for each."""
    types = policies.restorable_types()
    number = -(-len(types) // len(SLOTS))
    return [dict(zip(SLOTS, types[first::number], strict=False)) for first in range(number)]


@dataclass(frozen=True)
class Ready:
    """A copy, with its Graph running."""

    install: Install
    graph: Graph


@dataclass(frozen=True)
class Worlds:
    """A maker of copies; `restores` has the previewed restores of each tenant, in the order asked for."""

    copy: Callable[[], AbstractContextManager[Ready]]
    restores: dict[str, list[int]]


@contextlib.contextmanager
def worlds(
    contents: dict[str, list[tuple[str, int]]],
    previews: dict[str, list[list[str]]] | None = None,
    *,
    server: str = "",
) -> Iterator[Worlds]:
    """Tenants with these policies (type, number); with `previews` they are captured, lost, and a restore
    previewed for each list of types.
    """
    ports = free_ports()
    restores: dict[str, list[int]] = {}

    def fill(install: Install) -> None:
        install.call(workers.fill_simulator, contents)
        with graph_of(install, ports):
            install.call(workers.connect, list(contents), ports.url)
            if previews is None:
                return
            sets = install.call(workers.capture, contents)
        install.call(workers.lose, contents)
        with graph_of(install, ports):
            restores.update(install.call(workers.preview, sets, previews))

    with templates(server, fill=fill, measured=False) as make:

        @contextlib.contextmanager
        def copy() -> Iterator[Ready]:
            with make() as install, graph_of(install, ports) as graph:
                yield Ready(install, graph)

        yield Worlds(copy, restores)
