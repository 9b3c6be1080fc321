"""The database under test: the suite's own."""

from __future__ import annotations

import pytest
from django.db import connection


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> str:
    """Where installs have their databases: a PostgreSQL server when the suite runs on one, "" for SQLite."""
    if connection.vendor != "postgresql":
        return ""
    server: str = request.getfixturevalue("postgres_server")
    return server
