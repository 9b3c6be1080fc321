"""Graph budgets in the database: one rate for all workers."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tenantatlas.core import clock
from tenantatlas.core.clock import SystemClock
from tenantatlas.graph.budget import Bucket
from tenantatlas.tenants.budgets import DatabaseBudgets
from tenantatlas.tenants.models import BudgetRow

BUCKET = Bucket(client_id="app", tenant_guid="tenant", family="family", kind="read")


@pytest.fixture
def budgets(transactional_db):  # noqa: ARG001 - opens the database
    """The store; only PostgreSQL shares budgets."""
    if connection.vendor != "postgresql":
        pytest.skip("budgets are shared on PostgreSQL only (ATLAS_TEST_DATABASE=postgresql)")
    return DatabaseBudgets()


def test_a_burst_goes_at_once_and_the_rest_at_the_rate(budgets):
    waits = [budgets.reserve(BUCKET, count=1, per_second=0.1, burst=3) for _ in range(5)]

    assert waits[:3] == [0.0, 0.0, 0.0]
    assert waits[3] == pytest.approx(10, abs=1)
    assert waits[4] == pytest.approx(20, abs=1)


def test_many_at_once_cost_as_many(budgets):
    assert budgets.reserve(BUCKET, count=20, per_second=1, burst=20) == 0.0
    assert budgets.reserve(BUCKET, count=20, per_second=1, burst=20) == pytest.approx(20, abs=1)


def test_a_pause_holds_the_bucket_and_only_it(budgets):
    other = Bucket(client_id="app", tenant_guid="tenant", family="family", kind="write")
    assert budgets.paused_for(BUCKET) == 0.0

    budgets.pause(BUCKET, seconds=100)
    budgets.pause(BUCKET, seconds=1)

    assert budgets.paused_for(BUCKET) == pytest.approx(100, abs=1)
    assert budgets.reserve(BUCKET, count=1, per_second=1, burst=1) == pytest.approx(100, abs=1)
    assert budgets.reserve(BUCKET, count=1, per_second=1, burst=1) == pytest.approx(101, abs=1)
    assert budgets.reserve(other, count=1, per_second=1, burst=1) == 0.0


def test_scaled_time_counts_scaled_seconds(budgets):
    with clock.use_clock(SystemClock(1000)):
        budgets.pause(BUCKET, seconds=5000)
        assert 0 < budgets.paused_for(BUCKET) <= 5000
    assert BudgetRow.objects.count() == 1


def test_workers_at_once_share_one_rate(budgets):
    waits, starting = [], threading.Barrier(8)

    def work():
        starting.wait()
        for _ in range(5):
            waits.append(budgets.reserve(BUCKET, count=1, per_second=0.01, burst=1))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ordered = sorted(waits)
    assert ordered[0] == 0.0
    for place, wait in enumerate(ordered):
        assert wait == pytest.approx(place * 100, abs=5)
