"""A fake Graph in the place of the network, a virtual clock, a client."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.budget import MemoryBudgets
from tenantatlas.graph.client import GraphClient, GraphTarget, Secret
from tenantatlas.graph.clouds import CLOUDS
from tenantatlas.graph.transport import install_transport

from .fake import CLIENT, SECRET, TENANT, FakeGraph


@pytest.fixture
def graph() -> Iterator[FakeGraph]:
    """What answers in the place of the network."""
    fake = FakeGraph()
    previous = install_transport(fake)
    yield fake
    install_transport(previous)


MakeClient = Callable[..., GraphClient]


@pytest.fixture
def make_client(graph: FakeGraph, virtual_clock: VirtualClock) -> MakeClient:  # noqa: ARG001 - installed
    """A client of the fake tenant, with its own budgets and its own dice."""

    def make(**changes: object) -> GraphClient:
        settings: dict[str, object] = {
            "cloud": CLOUDS["global"],
            "tenant_guid": TENANT,
            "client_id": CLIENT,
            "credential": Secret(value=SECRET),
            "share": 1.0,
        }
        budgets = changes.pop("budgets", None) or MemoryBudgets()
        target = GraphTarget(**{**settings, **changes})  # type: ignore[arg-type] - a few named settings
        return GraphClient(target, budgets=budgets, rng=random.Random(7))  # type: ignore[arg-type] # noqa: S311

    return make


@pytest.fixture
def client(make_client: MakeClient) -> GraphClient:
    """The usual client."""
    return make_client()
