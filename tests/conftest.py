"""What every test may ask for: the cast, a key, a clock that stands still, the database of the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.sqlite3 import base as sqlite
from hypothesis import settings as hypothesis_settings

from tenantatlas.audit import triggers
from tenantatlas.core import clock
from tenantatlas.core.clock import VirtualClock
from tenantatlas.graph.transport import current_transport
from tenantatlas.simulator.transport import SimulatorTransport

from .postgres import NoPostgres, server_url

pytest_plugins = ("tests.canary",)

#: What `make test-deep` asks for, where a test does not say how many examples it wants.
hypothesis_settings.register_profile("deep", max_examples=2000, deadline=None)

#: The fixtures behind which the session's database is.
_DATABASES = frozenset({"db", "transactional_db", "make_install"})


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server; skips, saying why, where there is none (required with CI=true)."""
    try:
        with server_url() as url:
            yield url
    except NoPostgres as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"PostgreSQL: {error}")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(request: pytest.FixtureRequest) -> None:
    """Point the suite's database at the session's PostgreSQL, when the suite runs on it."""
    request.getfixturevalue("django_db_modify_db_settings_parallel_suffix")
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("postgresql") or os.environ.get("TEST_DATABASE_URL"):
        return
    from tenantatlas.config.databases import postgresql_database  # noqa: PLC0415 - tests of config may fail alone

    place = postgresql_database(request.getfixturevalue("postgres_server"))
    for target in (database, connections["default"].settings_dict):
        target.update({name: place[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")})
        target["OPTIONS"] = place["OPTIONS"]


@pytest.fixture(scope="session", autouse=True)
def _emptied_audit_trail() -> Iterator[None]:
    """Between tests the database is emptied; only then may audit entries go."""
    flush = sqlite.DatabaseOperations.sql_flush

    def flush_audit_too(self, style, tables, **options):
        statements = flush(self, style, tables, **options)
        return [*triggers.dropping("sqlite"), *statements, *triggers.creating("sqlite")]

    sqlite.DatabaseOperations.sql_flush = flush_audit_too
    yield
    sqlite.DatabaseOperations.sql_flush = flush


@pytest.fixture(scope="session", autouse=True)
def _key_file() -> None:
    """The key of the session's home folder."""
    from tenantatlas.tenants.vault import make_key_file  # noqa: PLC0415 - needs the app registry

    if not Path(settings.ATLAS_KEY_FILE).exists():
        make_key_file()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """After every test: what the simulator was asked to write is what was planned, in the plan's order."""
    yield
    transport = current_transport()
    opened = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    if opened and isinstance(transport, SimulatorTransport) and transport.simulator.writes():
        from .conformance.writes_equal_plan import assert_all_writes_planned  # noqa: PLC0415 - needs the apps

        assert_all_writes_planned(transport.simulator)


@pytest.fixture
def virtual_clock() -> Iterator[VirtualClock]:
    """Time that moves only when somebody waits."""
    with clock.use_clock(VirtualClock()) as installed:
        yield installed  # type: ignore[misc] - use_clock is typed by the protocol


@pytest.fixture
def cast(db: None):  # noqa: ARG001 - opens the database
    """Ana, Olu, Eve and Otto, in Contoso and Fabrikam."""
    from .cast import make_cast  # noqa: PLC0415 - needs the app registry

    return make_cast()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL only the tests that use the session's database: the others have passed already."""
    if os.environ.get("ATLAS_TEST_DATABASE") != "postgresql":
        return
    kept = [item for item in items if _uses_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def _uses_the_database(item: pytest.Item) -> bool:
    """In this process, or in an install of its own on the same server."""
    named = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or not _DATABASES.isdisjoint(named)
