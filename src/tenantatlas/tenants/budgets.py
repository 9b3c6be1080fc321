"""Graph budgets shared by every worker of an install on PostgreSQL.

A bucket is one row, moved by one statement: reserving n requests moves the time at which the next may go by
n ÷ rate.
The database's clock counts, since workers on several machines may disagree. (GCRA, as in `graph.budget`.)
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import InterfaceError, OperationalError, connection

from tenantatlas.core import clock
from tenantatlas.graph.budget import Bucket

_NOW = "(extract(epoch FROM clock_timestamp()) * %(scale)s)"

_RESERVE = f"""
    INSERT INTO tenants_budgetrow AS row (bucket, next_at, paused_until)
    VALUES (%(bucket)s, {_NOW} + %(cost)s, 0)
    ON CONFLICT (bucket) DO UPDATE
    SET next_at = GREATEST(row.next_at, row.paused_until, EXCLUDED.next_at - %(cost)s) + %(cost)s
    RETURNING next_at - {_NOW}, paused_until - {_NOW}
"""  # noqa: S608 - built from constants only

_PAUSE = f"""
    INSERT INTO tenants_budgetrow AS row (bucket, next_at, paused_until)
    VALUES (%(bucket)s, 0, {_NOW} + %(seconds)s)
    ON CONFLICT (bucket) DO UPDATE
    SET paused_until = GREATEST(row.paused_until, EXCLUDED.paused_until)
"""  # noqa: S608 - built from constants only

_PAUSED = f"SELECT paused_until - {_NOW} FROM tenants_budgetrow WHERE bucket = %(bucket)s"  # noqa: S608 - likewise


class DatabaseBudgets:
    """`graph.budget.BudgetStore` over rows. Each call is its own short transaction in the calling thread."""

    blocking = True

    def reserve(self, bucket: Bucket, *, count: int, per_second: float, burst: float) -> float:
        """Take `count` requests; the answer is how long to wait before sending them."""
        row = _ask(_RESERVE, {"bucket": bucket.key, "cost": count / per_second, "scale": clock.scale()})
        until_next, pause_left = row or (0.0, 0.0)
        return max(0.0, float(until_next) - burst / per_second, float(pause_left))

    def pause(self, bucket: Bucket, *, seconds: float) -> None:
        """Let nothing of the bucket go for so long; a longer pause in force stays."""
        _ask(_PAUSE, {"bucket": bucket.key, "seconds": seconds, "scale": clock.scale()})

    def paused_for(self, bucket: Bucket) -> float:
        """How much longer the bucket is paused."""
        row = _ask(_PAUSED, {"bucket": bucket.key, "scale": clock.scale()})
        return max(0.0, float(row[0])) if row else 0.0


def _ask(statement: str, values: Mapping[str, str | float]) -> tuple[float, ...] | None:
    """Run one statement; once more on a new connection where the old one has died meanwhile."""
    try:
        return _ask_once(statement, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _ask_once(statement, values)


def _ask_once(statement: str, values: Mapping[str, str | float]) -> tuple[float, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone() if cursor.description else None
