"""Workers on PostgreSQL, killed and frozen under load: nothing is lost, and nothing done twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg
import pytest

from tests.processes import PATIENCE_SECONDS, Install, Killed, Running, templates

from . import fleet

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("fleet")]

WORKERS = 3
THINGS = 40
#: Open runs at a time: what two workers can have in hand, so that a takeover does not wait for room.
RUNS_AT_ONCE = 6
MOST_TAKEOVER = 1.5 * fleet.LEASE_SECONDS
MOST_DRAIN = 35.0


@dataclass
class Fleet:
    """The workers, the load, and what was seen."""

    install: Install
    database: psycopg.Connection
    seed: int = 6
    workers: dict[str, Running] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)
    after_freezes: list[float] = field(default_factory=list)
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - the same fates each time

    def hire(self) -> None:
        """One more worker, once it is known."""
        running = self.install.start(fleet.serve)
        name = self.install.home / f"worker-{running.process.pid}"
        wait_until(lambda: name.exists() and name.read_text() != "")
        self.workers[name.read_text()] = running

    def feed(self) -> None:
        """Keep the load up."""
        room = RUNS_AT_ONCE - self.count("status <> 'completed'")
        if room > 0:
            first = len(self.begun)
            self.begun += self.install.call(fleet.begin, list(range(first, first + room)), THINGS)

    def count(self, which: LiteralString) -> int:
        """How many runs."""
        counting = "SELECT count(*) FROM runs_operationrun WHERE " + which  # noqa: S608 - words of these tests
        return self.database.execute(counting).fetchone()[0]

    def pick(self) -> str:
        """A worker with something in hand."""
        busy: list[str] = []

        def look() -> bool:
            rows = self.database.execute("SELECT worker FROM runs_operationrun WHERE status = 'running'")
            busy[:] = sorted({worker for (worker,) in rows} & set(self.workers))
            return bool(busy)

        wait_until(look)
        time.sleep(self.chance.uniform(0, 0.4))  # anywhere in its work
        return self.chance.choice(busy)

    def in_hand(self, worker: str) -> dict[int, int]:
        """The runs of that worker, with their dispatch numbers."""
        rows = self.database.execute(
            "SELECT id, dispatch FROM runs_operationrun WHERE status = 'running' AND worker = %s", [worker]
        )
        return dict(rows.fetchall())

    def taken_over(self, left: dict[int, int], since: float) -> list[float]:
        """The seconds until each of these runs was in hand elsewhere.

        One that ended under its worker after all is not waited for: its last commit was on its way already.
        """
        waiting, took = dict(left), []

        def look() -> bool:
            rows = self.database.execute(
                "SELECT id, dispatch, status FROM runs_operationrun "
                "WHERE id = ANY(%s) AND status <> 'queued'",
                [list(waiting)],
            )
            for run, dispatch, status in rows.fetchall():
                if dispatch > waiting[run]:
                    took.append(time.monotonic() - since)
                elif status != "completed":
                    continue
                del waiting[run]
            return not waiting

        wait_until(look, seen=lambda: self.state_of(waiting))
        return took

    def state_of(self, runs: Iterable[int]) -> object:
        """What is to be known of runs that nobody takes."""
        found = self.database.execute(
            "SELECT id, status, dispatch, worker, waiting_reason, attempts, heartbeat_at, now() "
            "FROM runs_operationrun WHERE id = ANY(%s)",
            [list(runs)],
        )
        busy = self.database.execute(
            "SELECT pid, state, wait_event, pg_blocking_pids(pid), left(query, 200) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state <> 'idle'"
        )
        workers = self.database.execute("SELECT id, heartbeat_at, stopped_at FROM runs_worker")
        return found.fetchall(), busy.fetchall(), workers.fetchall()

    def kill(self) -> None:
        """One dies in the middle of its work; the others take over, and a new one comes."""
        worker = self.pick()
        running = self.workers.pop(worker)
        running.send_signal(signal.SIGKILL)
        since = time.monotonic()
        with pytest.raises(Killed):
            running.result()
        self.takeovers += self.taken_over(self.in_hand(worker), since)
        self.hire()

    def freeze(self) -> None:
        """One stops for longer than its lease, others take over, and it wakes."""
        worker = self.pick()
        running = self.workers[worker]
        running.send_signal(signal.SIGSTOP)
        since = time.monotonic()
        try:
            self.after_freezes += self.taken_over(self.in_hand(worker), since)
            wait_until(lambda: time.monotonic() - since > 1.5 * fleet.LEASE_SECONDS)
        finally:
            running.send_signal(signal.SIGCONT)

    def dismiss(self) -> list[float]:
        """All are told to stop, with work in hand; the seconds that each needed."""
        running, self.workers = list(self.workers.values()), {}
        began = time.monotonic()
        for one in running:
            one.send_signal(signal.SIGTERM)
        return [max(one.result(), time.monotonic() - began) for one in running]

    def refused(self) -> int:
        """How often the fence refused somebody."""
        return sum(len(file.read_text().splitlines()) for file in self.install.home.glob("refused-*"))


def wait_until(true: Callable[[], bool], *, seen: Callable[[], object] = tuple) -> None:
    """Look again and again; where that is in vain, say what was seen."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < until, f"waited in vain: {seen()}"
        time.sleep(0.02)


@pytest.fixture
def workers(postgres_server) -> Iterator[Fleet]:
    """A fleet at work on a PostgreSQL database of its own."""
    with templates(postgres_server) as make, make() as install, _database(install) as database:
        install.call(fleet.make_world)
        made = Fleet(install, database)
        try:
            for _ in range(WORKERS):
                made.hire()
            yield made
        finally:
            for running in made.workers.values():
                running.process.kill()


@contextmanager
def _database(install: Install) -> Iterator[psycopg.Connection]:
    with psycopg.connect(install.url, autocommit=True) as connection:
        yield connection


def go_through(workers: Fleet, *, kills: int, freezes: int) -> list[float]:
    """Kill and freeze in any order under load, then stop all at once, and let others do the rest.

    Returns how long each worker took to drain.
    """
    fates = [workers.kill] * kills + [workers.freeze] * freezes
    workers.chance.shuffle(fates)
    for befall in fates:
        workers.feed()
        befall()
    workers.feed()
    wait_until(lambda: workers.count("status = 'running'") > 0)
    drained = workers.dismiss()
    left = workers.count("status <> 'completed'")
    workers.hire()
    workers.hire()
    wait_until(lambda: workers.count("status <> 'completed'") == 0)
    workers.dismiss()
    print(  # noqa: T201 - read with -s
        f"\n{kills} kills, {freezes} freezes, {len(workers.begun)} runs of {THINGS} things; "
        f"takeover of {len(workers.takeovers)} runs after a kill: {_spread(workers.takeovers)}, "
        f"of {len(workers.after_freezes)} after a freeze: {_spread(workers.after_freezes)}; "
        f"{workers.refused()} refused by the fence; {left} runs open when SIGTERM came, "
        f"{max(drained):.1f} s to drain"
    )
    _check_nothing_lost_and_nothing_twice(workers)
    return drained


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s"


def _check_nothing_lost_and_nothing_twice(workers: Fleet) -> None:
    everything = {(run, f"thing{number}") for run in workers.begun for number in range(THINGS)}
    made = Counter(workers.database.execute("SELECT run, thing FROM outside").fetchall())
    assert made.keys() == everything
    assert set(made.values()) == {1}
    assert workers.count("TRUE") == len(workers.begun)
    assert workers.count("outcome = 'succeeded'") == len(workers.begun)
    items = workers.database.execute("SELECT run_id, key FROM runs_runitem WHERE state = 'succeeded'")
    assert set(items.fetchall()) == everything
    ends = Counter(
        workers.database.execute("SELECT run_id FROM runs_runevent WHERE kind = 'ended'").fetchall()
    )
    assert set(ends.values()) == {1}
    assert len(ends) == len(workers.begun)


def test_workers_killed_and_frozen_under_load(workers):
    """How long takeovers last is a measurement, which the deep test makes on a machine of its own."""
    go_through(workers, kills=4, freezes=2)


@pytest.mark.deep
def test_workers_killed_fifty_times_and_frozen_under_load(workers):
    drained = go_through(workers, kills=50, freezes=10)
    assert max(workers.takeovers) <= MOST_TAKEOVER
    assert max(workers.after_freezes) <= MOST_TAKEOVER
    assert workers.refused() > 0
    assert max(drained) <= MOST_DRAIN
