"""Sixty-four people press the same button at the same moment: one run, and everybody is shown it."""

from __future__ import annotations

import multiprocessing

import pytest

from . import players

PROCESSES = THREADS = 8


def storm(install, rounds):
    context = multiprocessing.get_context("forkserver")
    together, between = context.Barrier(PROCESSES * THREADS), context.Barrier(PROCESSES)
    running = [install.start(players.storm, THREADS, rounds, together, between) for _ in range(PROCESSES)]
    answers = [one.result() for one in running]
    for number in range(rounds):
        calls = [call for answer in answers for call in answer[number]]
        assert len(calls) == PROCESSES * THREADS
        assert len({run_id for run_id, _ in calls}) == 1
        assert sum(created for _, created in calls) == 1
    run_id, created = install.call(players.begin)
    assert created
    assert install.call(players.tell, run_id)["runs"] == rounds + 1


def test_64_identical_starts_are_one_run(install):
    storm(install, rounds=20)


@pytest.mark.deep
def test_64_identical_starts_are_one_run_a_hundred_times(install):
    storm(install, rounds=100)


@pytest.mark.usefixtures("needs_postgresql")
def test_starts_before_any_worker_do_not_wait_for_each_other(install):
    runs = install.call(players.start_before_any_worker, 12)
    assert len(runs) == 6
    assert {run["status"] for run in runs} == {"queued"}
