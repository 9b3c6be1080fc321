"""The writes that Graph saw are the writes of the plan: order, method, path and body.

The suite asks that of every test in which something ran against the simulator in the test's own process (see
`tests/conftest.py`). Suites with several processes call these functions themselves.
"""

from __future__ import annotations

from typing import Any

from tenantatlas.core import json
from tenantatlas.restore.models import Restore, WriteRecord, WriteResult, WriteState
from tenantatlas.restore.planned import PlannedWrite, fill_bytes, fill_placeholders
from tenantatlas.restore.stored import load_plan
from tenantatlas.runs.lifecycle import Outcome
from tenantatlas.simulator.journal import Entry
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.tenants.scope import tenant_scope


def assert_all_writes_planned(simulator: Simulator) -> None:
    """Every write that came belongs to the plan of an executed restore, of any tenant."""
    known: set[str] = set()
    for restore in Restore.all_tenants.filter(records__isnull=False).select_related("tenant").distinct():
        with tenant_scope(restore.tenant):
            known |= assert_writes_equal_plan(simulator, restore)
    others = [
        (entry.method, entry.path)
        for entry in simulator.journal
        if entry.is_write and entry.tenant and entry.client_request_id not in known
    ]
    assert not others, "writes came that no journal knows"


def assert_writes_equal_plan(
    simulator: Simulator, restore: Restore, *, over_network: bool = False
) -> set[str]:
    """Every write that came for this restore is in its plan, first attempts in the plan's order; and our
    journal knows every one of them. Returns the request ids of the restore's writes.

    Writes on their way at the same time may overtake each other in a network: there, they left in the plan's
    order, and none came before what it depends on.
    """
    plan = {write.n: write for write in load_plan(restore).writes}
    records = list(WriteRecord.objects.filter(restore=restore).order_by("pk"))
    by_request = {record.client_request_id: record.n for record in records}
    ids = {record.item: record.graph_id for record in records if record.graph_id}
    seen = [
        (by_request[entry.client_request_id], entry)
        for entry in simulator.journal
        if entry.is_write and entry.client_request_id in by_request
    ]
    for n, entry in seen:
        assert _said(entry) == _planned(plan[n], ids), f"write {n} is not the planned one"
    firsts = list(dict.fromkeys(n for n, _ in seen))
    left = list(dict.fromkeys(record.n for record in records if record.sent_at is not None))
    started = left if over_network else firsts
    assert started == sorted(started), "writes did not start in the order of the plan"
    for n in firsts:
        early = [
            each for each in plan[n].depends_on if each in firsts and firsts.index(each) > firsts.index(n)
        ]
        assert not early, f"write {n} came before {early}, which it depends on"
    for n in plan:
        _check_attempts(n, [record for record in records if record.n == n], [number for number, _ in seen])
    if restore.execute_run is not None and restore.execute_run.outcome == Outcome.SUCCEEDED:
        needless = {record.n for record in records if record.result == WriteResult.NEEDLESS}
        assert set(plan) == set(firsts) | needless, "a write of a plan that succeeded never came"
    return set(by_request)


def _check_attempts(n: int, attempts: list[WriteRecord], seen: list[int]) -> None:
    came = seen.count(n)
    sent = [record for record in attempts if record.state != WriteState.INTENDED]
    assert came <= len(sent), f"write {n} came {came} times and was journaled {len(sent)} times"
    if any(record.result == WriteResult.APPLIED for record in attempts):
        assert came >= 1, f"write {n} is called applied and never came"


def _said(entry: Entry) -> tuple[str, str, Any]:
    return entry.method, entry.path.lower(), None if entry.body is None else json.dumps_sorted(entry.body)


def _planned(write: PlannedWrite, ids: dict[str, str]) -> tuple[str, str, Any]:
    return write.method, fill_placeholders(write.path, ids).lower(), fill_bytes(write.body, ids)
