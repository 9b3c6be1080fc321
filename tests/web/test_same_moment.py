"""Two clicks that reach the server at the same moment, in two threads: one run, and one place to look."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.processes import templates

from . import clicking

ROUNDS = 10


def test_clicks_at_the_same_moment_are_one_run(request: pytest.FixtureRequest, db: None) -> None:  # noqa: ARG001 - says which database
    server = request.getfixturevalue("postgres_server") if connection.vendor == "postgresql" else ""
    with templates(server) as make, make() as install:
        *told, kept = install.call(clicking.click_at_once, ROUNDS)
    for each in told:
        assert {status for status, _ in each["answers"]} == {302}, each
        assert len({where for _, where in each["answers"]}) == 1, each
        assert each["runs"] == 1, each
    assert kept == {"uploads": ROUNDS}
