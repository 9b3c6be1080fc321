"""The parent of the processes that are killed: everything imported, nothing running."""

from __future__ import annotations

from pathlib import Path

from tests.processes import Install

from . import workers


def test_a_child_starts_with_one_thread_and_no_engine(tmp_path: Path) -> None:
    seen = Install(tmp_path).call(workers.look_around)

    assert seen["threads"] == 1
    assert seen["imported"]
    assert not seen["engine"]
    assert seen["connections"] == 0
