"""The engine under the runs: how it is launched, what it may be trusted with, and how it goes down."""

from __future__ import annotations

import logging
import shutil
import signal
import sqlite3
import stat
import time

import pytest
from dbos import _serialization
from django.db import transaction

from tenantatlas.runs import dispatch, engine
from tenantatlas.runs.lock import HomeLock
from tests.processes import Killed

from . import players


def sqlite_only(test):
    """About the embedded install."""
    return pytest.mark.sqlite_only(pytest.mark.usefixtures("needs_sqlite")(test))


#: The other pass of the suite has these.
postgresql_only = pytest.mark.usefixtures("needs_postgresql")


def await_file(path, seconds=30.0):
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not appear"
        time.sleep(0.02)


def test_a_run_is_these_steps_in_this_order(install):
    """Golden: recovery replays recorded steps by position. Another order needs another function name."""
    run_id, _ = install.call(players.begin)
    install.call(players.work, run_id)
    status, name, steps = install.call(players.steps_of, run_id, 1)
    assert (status, name) == ("SUCCESS", "work_run 1")
    assert steps == ["begin", "plan", "work", "finish"]


@sqlite_only
def test_only_explicit_commands_launch_anything(install):
    (install.home / "engine.db").unlink()
    assert install.call(players.check_and_migrate) == (1, False, False)


def test_a_planted_pickle_is_not_read(install):
    install.call(players.plant_pickle)
    run_id, _ = install.call(players.begin)
    assert install.call(players.work, run_id)["outcome"] == "succeeded"
    status, ran = install.call(players.status_of_planted)
    assert not ran
    assert status == "ERROR"


@pytest.mark.parametrize("read", [_serialization.deserialize_value, _serialization.deserialize_exception])
def test_pickles_are_refused_wherever_the_engine_reads(read):
    with pytest.raises(engine.PickleRefused):
        read("gASVAQAAAAAAAABOLg==", "py_pickle", _serialization.DBOSPortableJSON)
    written, _ = _serialization.serialize_value(
        {"a": 1}, _serialization.WorkflowSerializationFormat.NATIVE, None
    )
    assert written == '"dict"'


@sqlite_only
def test_the_embedded_store_is_private_and_patient(install):
    run_id, _ = install.call(players.begin)
    install.call(players.work, run_id)
    for name in ("engine.db", "lock"):
        assert stat.S_IMODE((install.home / name).stat().st_mode) == 0o600
    with sqlite3.connect(install.home / "engine.db") as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


@sqlite_only
def test_works_with_the_clock_of_newer_pythons(install):
    (install.home / "engine.db").unlink()
    run_id, _ = install.call(players.begin)
    assert install.call(players.work_as_newer_python, run_id)["outcome"] == "succeeded"


def test_the_clock_that_old_sqlite_lacks():
    now = time.time()
    assert abs(engine._unixepoch("subsec") - now) < 5
    assert isinstance(engine._unixepoch(), int)


def test_the_engine_does_not_print(install, capfd):
    run_id, _ = install.call(players.begin)
    install.call(players.work, run_id)
    shown = capfd.readouterr()
    assert "dbos" not in (shown.out + shown.err).lower()
    assert logging.getLogger("dbos").level in (logging.NOTSET, logging.WARNING)


@sqlite_only
def test_a_second_worker_on_sqlite_is_refused_with_a_sentence(install):
    lock = HomeLock(install.home)
    lock.acquire()
    try:
        said = install.call(players.launch_or_say)
    finally:
        lock.release()
    assert said.startswith("conflict: Another process (")
    assert "is already working in" in said
    assert install.call(players.launch_or_say) == "worked"


@sqlite_only
def test_the_lock_can_be_looked_at(tmp_path):
    lock, other = HomeLock(tmp_path), HomeLock(tmp_path)
    assert not lock.held_by_anyone()
    lock.acquire()
    assert lock.held_by_anyone()
    assert other.held_by_anyone()
    lock.release()
    lock.release()
    assert not other.held_by_anyone()


def test_a_command_beside_a_server_only_hands_over(install):
    server = install.start(players.serve, 0)
    await_file(install.home / "up")
    (install.home / "go").touch()
    run_id, _ = install.call(players.begin)
    seen = install.call(players.begin_and_wait, run_id)
    server.send_signal(signal.SIGTERM)
    with pytest.raises(AssertionError, match="DoesNotExist"):
        server.result()
    assert seen["outcome"] == "succeeded"
    assert not seen["was_worker"]


def test_sigterm_parks_what_is_in_hand_and_the_next_worker_goes_on(install):
    run_id, _ = install.call(players.begin)
    server = install.start(players.serve, run_id)
    await_file(install.home / "in_hand")
    server.send_signal(signal.SIGTERM)
    parked = server.result()
    assert parked["seconds"] < 10
    assert (parked["status"], parked["dispatch"], parked["in_hand"]) == ("queued", 2, [])
    assert parked["items"]["a"] == "succeeded"
    done = install.call(players.work, run_id)
    assert (done["outcome"], done["items"]) == ("succeeded", dict.fromkeys("abcd", "succeeded"))
    assert done["told"].count("process a") == 1


def test_work_that_does_not_stop_is_left_behind_and_taken_over(install):
    run_id, _ = install.call(players.begin)
    with pytest.raises(Killed):
        install.call(players.hang)
    done = install.call(players.work, run_id)
    assert (done["outcome"], done["items"]) == ("succeeded", dict.fromkeys("abcd", "succeeded"))


@sqlite_only
def test_a_damaged_store_is_said_in_a_sentence_and_can_be_moved_away(install):
    run_id, _ = install.call(players.begin)
    (install.home / "engine.db").write_bytes(b"this is no database" * 500)
    said = install.call(players.launch_or_say)
    assert said.startswith("storage: The engine's store")
    assert "not a database" in said
    (install.home / "engine.db").unlink()
    assert install.call(players.work, run_id)["outcome"] == "succeeded"


@postgresql_only
def test_connections_are_given_back(install):
    """Engine threads would keep Django's connections open for ever."""
    runs = [install.call(players.begin, "toy.play", {"names": [name]})[0] for name in "abcdefgh"]
    most, after = install.call(players.work_many, runs)
    assert most <= 1 + engine._POOL + sum(engine.RUNS_AT_ONCE.values()) + 2
    assert after <= 2


def test_a_wait_ends_by_itself(install):
    run_id, _ = install.call(players.begin)
    done = install.call(players.wait_a_little, run_id)
    assert done["outcome"] == "succeeded"
    assert done["dispatch"] == 2
    assert done["events"] == ["queued", "claimed", "waiting", "claimed", "ended"]


def test_a_run_whose_bookkeeping_breaks_is_given_up_and_others_go_on(install):
    broken, *others = [install.call(players.begin, "toy.play", {"names": [name]})[0] for name in "abc"]
    lost, fine = install.call(players.poison, broken, others)
    assert [one["outcome"] for one in fine] == ["succeeded", "succeeded"]
    assert (lost["status"], lost["outcome"]) == ("completed", "partially_succeeded")
    assert lost["failures"][0]["code"] == "internal"
    assert lost["items"] == {"a": "succeeded"}
    assert lost["told"].count("process a") == 0  # told only where a file is named
    assert lost["events"] == ["queued", "claimed", *["rescued", "claimed"] * 2, "rescued", "ended"]
    assert "canary9876543" not in str(lost)


def test_writers_of_one_tenant_take_turns(install):
    runs = [install.call(players.begin, "toy.write", {"names": list(names)})[0] for names in ("abc", "def")]
    done = install.call(players.work_all, runs)
    assert [one["outcome"] for one in done] == ["succeeded", "succeeded"]
    order = [line.split()[1] in "abc" for line in done[0]["told"] if line.startswith("process")]
    assert order in ([True] * 3 + [False] * 3, [False] * 3 + [True] * 3)


def test_the_engine_forgets_what_has_ended(install):
    run_id, _ = install.call(players.begin)
    install.call(players.work, run_id)
    assert install.call(players.forget_engine_history) == (1, 0)


@sqlite_only
@pytest.mark.parametrize("point", ["planned", "items_recorded", "finished"])
def test_a_lost_engine_store_loses_no_work(install, point):
    """The engine's file may lose its last commits at power loss, at worst all of them: ours is the truth."""
    run_id, _ = install.call(players.begin)
    with pytest.raises(Killed):
        install.call(players.work_and_crash, run_id, point, 1)
    for file in install.home.glob("engine.db*"):
        file.unlink()
    done = install.call(players.work, run_id)
    assert (done["outcome"], done["items"]) == ("succeeded", dict.fromkeys("abcd", "succeeded"))


@sqlite_only
def test_an_engine_store_from_before_the_end_changes_nothing(install, tmp_path):
    run_id, _ = install.call(players.begin)
    with pytest.raises(Killed):
        install.call(players.work_and_crash, run_id, "items_recorded", 1)
    for file in install.home.glob("engine.db*"):
        shutil.copy2(file, tmp_path)
    before = install.call(players.work, run_id)
    for file in install.home.glob("engine.db*"):
        file.unlink()
    for file in tmp_path.glob("engine.db*"):
        shutil.copy2(file, install.home)
    other, _ = install.call(players.begin, "toy.play", {"names": ["z"]})
    install.call(players.work, other)
    after = install.call(players.tell, run_id)
    assert after["items"] == before["items"]
    assert after["events"] == before["events"]


@postgresql_only
def test_a_paused_worker_is_replaced_and_fenced_when_it_wakes(install):
    run_id, _ = install.call(players.begin)
    first = install.start(players.serve, run_id)
    await_file(install.home / "in_hand")
    first.send_signal(signal.SIGSTOP)
    done = install.call(players.work, run_id)
    assert (done["outcome"], done["dispatch"]) == ("succeeded", 2)
    assert "rescued" in done["events"]
    (install.home / "go").touch()
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    first.result()
    after = install.call(players.tell, run_id)
    assert {**after, "told": []} == {**done, "told": []}


@postgresql_only
def test_two_workers_share_the_work(install):
    runs = [install.call(players.begin, "toy.play", {"names": [name]})[0] for name in "pqrstu"]
    crew = [install.start(players.work_all, runs) for _ in range(2)]
    for one in crew:
        assert {run["outcome"] for run in one.result()} == {"succeeded"}
    told = install.call(players.tell, runs[0])["told"]
    assert sorted(line for line in told if line.startswith("process")) == [
        f"process {name}" for name in "pqrstu"
    ]


@postgresql_only
@pytest.mark.usefixtures("transactional_cast")
def test_on_postgresql_the_job_is_part_of_the_transaction():
    dispatch.prepare()

    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        engine.hand_over(7, 1, bulk=False)
        engine.hand_over(7, 1, bulk=False)
        raise Undone
    assert dispatch.job_states([(7, 1)]) == {(7, 1): engine.JobState.NONE}
    with transaction.atomic():
        engine.hand_over(8, 1, bulk=True)
    assert dispatch.job_states([(8, 1)]) == {(8, 1): engine.JobState.WAITING}
    dispatch.drop_job(8, 1)
    assert dispatch.job_states([(8, 1)]) == {(8, 1): engine.JobState.OVER}
