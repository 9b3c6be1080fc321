"""Browsers in which the cast is signed in."""

from __future__ import annotations

import pytest
from django.test import Client

from tenantatlas.accounts.models import User
from tenantatlas.backups.models import BackupSet
from tests.simulated import World, world  # noqa: F401 - a fixture

from .wizard import lose_some


def client_of(user: User) -> Client:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def otto(world: World) -> Client:  # noqa: F811 - the fixture
    """Otto's browser: owner of everything."""
    return client_of(world.cast.otto)


@pytest.fixture
def ana(world: World) -> Client:  # noqa: F811 - the fixture
    """Ana's browser: operator of Contoso, granted restore."""
    return client_of(world.cast.ana)


@pytest.fixture
def olu(world: World) -> Client:  # noqa: F811 - the fixture
    """Olu's browser: reader of Contoso."""
    return client_of(world.cast.olu)


@pytest.fixture
def eve(world: World) -> Client:  # noqa: F811 - the fixture
    """Eve's browser: a stranger to Contoso."""
    return client_of(world.cast.eve)


@pytest.fixture
def lost(world: World) -> BackupSet:  # noqa: F811 - the fixture
    """A set of three policies; since then one was deleted and one changed."""
    return lose_some(world)
