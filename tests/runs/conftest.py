"""Toys with an empty script, and installs that belong to one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.cast import make_cast
from tests.processes import Install, templates

from . import toys


@pytest.fixture(autouse=True)
def _empty_script():
    toys.script.clear()
    toys.told.clear()
    yield
    toys.script.clear()


@pytest.fixture
def transactional_cast(transactional_db):  # noqa: ARG001 - opens the database
    """The cast, where commits are real."""
    return make_cast()


@pytest.fixture(scope="session")
def make_install(request: pytest.FixtureRequest):
    """Installs on the database that this pass of the suite is about."""
    server = request.getfixturevalue("postgres_server") if connection.vendor == "postgresql" else ""
    with templates(server) as make:
        yield make


@pytest.fixture
def install(make_install) -> Iterator[Install]:
    """An install of this test's own: a home, a database with the cast, no worker."""
    with make_install() as made:
        yield made
