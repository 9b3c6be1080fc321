"""Waiting on the loop: in order on a virtual clock, scaled on a real one; lanes as wide as latency asks."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tenantatlas.core import clock
from tenantatlas.core.clock import SystemClock, VirtualClock
from tenantatlas.graph.budget import Bucket, MemoryBudgets
from tenantatlas.graph.client import Read
from tenantatlas.graph.lanes import Lane
from tenantatlas.graph.waiting import LoopThread, loop_thread, stop_waiting_when

from .conftest import MakeClient
from .fake import FakeGraph, refusal, reply


def test_a_virtual_clock_moves_to_the_earliest_who_waits(virtual_clock: VirtualClock):
    woken: list[tuple[float, float]] = []

    async def sleeper(moment: float) -> None:
        await loop_thread().wait_until(moment)
        woken.append((moment, clock.monotonic()))

    async def all_of_them() -> None:
        await asyncio.gather(*(sleeper(moment) for moment in (5, 1, 3, 1, 0)))

    loop_thread().run(all_of_them())
    assert woken == [(0, 0), (1, 1), (1, 1), (3, 3), (5, 5)]
    assert virtual_clock.monotonic() == 5


def test_one_who_gives_up_holds_up_nobody(virtual_clock: VirtualClock):
    async def both() -> None:
        early = asyncio.create_task(loop_thread().wait_until(2))
        await asyncio.sleep(0)
        early.cancel()
        await loop_thread().wait_until(4)

    loop_thread().run(both())
    assert virtual_clock.monotonic() == 4


def test_a_scaled_clock_waits_less():
    with clock.use_clock(SystemClock(scale=1000)):
        before = clock.monotonic()
        loop_thread().run(loop_thread().wait_until(before + 20))
        assert 20 <= clock.monotonic() - before < 5000


def test_an_error_comes_to_the_one_who_asked():
    async def fail() -> None:
        raise TimeoutError("of its own")

    for stop in (None, lambda: False):
        with pytest.raises(TimeoutError, match="of its own"):
            if stop is None:
                loop_thread().run(fail())
            else:
                with stop_waiting_when(stop):
                    loop_thread().run(fail())


def test_a_loop_thread_can_be_stopped():
    thread = LoopThread()
    assert thread.run(asyncio.sleep(0, "done")) == "done"
    thread.stop()
    assert not thread.loop.is_running()


def test_a_lane_grows_and_shrinks_with_the_latency():
    lane = Lane(per_second=50, each=20, cap=8)
    assert lane.room == 8
    for _ in range(60):
        lane.note(0.5)
    assert lane.room == 3
    for _ in range(60):
        lane.note(0.01)
    assert lane.room == 2
    for _ in range(60):
        lane.note(30)
    assert lane.room == 8


def test_a_lane_lets_in_as_many_as_it_has_room_for():
    async def story() -> tuple[int, int]:
        lane, most, inside = Lane(per_second=1, each=1, cap=3), 0, 0

        async def one() -> None:
            nonlocal most, inside
            async with lane:
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        tasks = [asyncio.create_task(one()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[5:8]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return most, sum(result is None for result in done)

    assert loop_thread().run(story()) == (3, 17)


class BlockingBudgets(MemoryBudgets):
    """A store that may only be called beside the loop."""

    blocking = True

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[str] = set()

    def reserve(self, bucket: Bucket, *, count: int, per_second: float, burst: float) -> float:
        self.threads.add(threading.current_thread().name)
        return super().reserve(bucket, count=count, per_second=per_second, burst=burst)


def test_a_store_that_blocks_is_asked_beside_the_loop(graph: FakeGraph, make_client: MakeClient):
    budgets = BlockingBudgets()
    client = make_client(budgets=budgets)
    graph.on("GET", "/beta/x/0", refusal(429, retry_after="4"), reply(200, {}))
    graph.fallback = lambda _: reply(200, {})
    outcomes = client.read_many(Read(key=str(n), path=f"/beta/x/{n}", family="apps") for n in range(50))
    assert all(outcome.error is None for outcome in outcomes.values())
    assert budgets.threads
    assert all(name.startswith("graph-aside") for name in budgets.threads)


def test_a_503_that_says_when_is_believed_up_to_a_minute(graph: FakeGraph, make_client: MakeClient):
    client = make_client()
    graph.on(
        "GET", "/beta/x/1", refusal(503, retry_after="30"), refusal(503, retry_after="9999"), reply(200, {})
    )
    client.get("/beta/x/1", family="apps")
    first, second, third = (seen.at for seen in graph.journal)
    assert 30 <= second - first <= 31
    assert 60 <= third - second <= 61


def test_refusals_in_a_row_can_be_counted(graph: FakeGraph, make_client: MakeClient):
    client = make_client()
    graph.fallback = lambda _: refusal(403)
    reads = [Read(key=str(n), path=f"/beta/x/{n}", family="apps") for n in range(2)]
    client.read_many(reads)
    assert client.refused_in_a_row("apps") == 2
    assert client.refused_in_a_row("rbac") == 0
