"""Toys with an empty script, and installs that belong to one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.cast import make_cast
from tests.processes import Install, templates

from . import toys


@pytest.fixture(autouse=True)
def _toys():
    toys.script.clear()
    toys.told.clear()
    with toys.registered():
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


@pytest.fixture
def needs_sqlite():
    """This test is about the embedded install."""
    if connection.vendor != "sqlite":
        pytest.skip("about the embedded install")


@pytest.fixture
def needs_postgresql():
    """This test is about several workers."""
    if connection.vendor != "postgresql":
        pytest.skip("about several workers on PostgreSQL; the other pass of the suite has it")
