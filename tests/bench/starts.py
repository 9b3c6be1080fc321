"""How long it takes to start work: until somebody has it in hand, and when many ask for the same at once."""

from __future__ import annotations

import contextlib
import multiprocessing

from tests.processes import templates

from . import workers
from .table import Row, milliseconds

PROCESSES = THREADS = 8
_MOST_DISPATCH_SECONDS = 0.5


def measure_dispatch(*, database: str, server: str, starts: int) -> Row:
    """From `start_run` in one process to the item in hand in an idle worker beside it."""
    context = multiprocessing.get_context("forkserver")
    told, ready, over = context.Queue(), context.Event(), context.Event()
    with templates(server) as make, make() as install:
        worker = install.start(workers.serve, told, ready, over)
        try:
            ready.wait()
            took = install.call(workers.dispatch, starts, told)
        finally:
            over.set()
            worker.result()
    slow = sorted(took)[int(0.99 * len(took))]
    return Row(
        what=f"dispatch, {starts} starts one by one",
        database=database,
        result=milliseconds(took),
        target=f"p99 ≤ {_MOST_DISPATCH_SECONDS * 1000:.0f} ms",
        details="from the start to the item in hand, in another process",
        missed=slow > _MOST_DISPATCH_SECONDS,
    )


def measure_storm(*, database: str, server: str, rounds: int) -> Row:
    """Sixty-four callers start the same work at the same moment, again and again."""
    context = multiprocessing.get_context("forkserver")
    together = context.Barrier(PROCESSES * THREADS)
    with contextlib.ExitStack() as stack:
        install = stack.enter_context(stack.enter_context(templates(server))())
        running = [install.start(workers.storm, THREADS, rounds, together) for _ in range(PROCESSES)]
        answers = [one.result() for one in running]
    for number in range(rounds):
        calls = [call for answer in answers for call in answer[number]]
        assert len(calls) == PROCESSES * THREADS
        assert len({call.run for call in calls}) == 1, "more than one run"
        assert sum(call.created for call in calls) == 1, "more than one was told that it is new"
    took = [call.seconds for answer in answers for one in answer for call in one]
    return Row(
        what=f"start, {PROCESSES * THREADS} identical at once, {rounds} times",
        database=database,
        result=milliseconds(took),
        target="one run each time",
        details=f"{PROCESSES * THREADS - 1} callers are handed it, in {PROCESSES} processes",
    )
