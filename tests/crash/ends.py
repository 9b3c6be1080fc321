"""What a run came to, whether its worker died or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests import processes

from . import workers
from .worlds import Ready, Worlds

#: `marked` is these tests' own: the journal says sent, and Graph has heard nothing.
RESTORE_BOUNDARIES = ("intent", "marked", "sent", "reply", "recorded", "assign", "verify")


@dataclass(frozen=True)
class Undisturbed:
    """What runs come to when nobody dies, and how often each tenant's run passes each crash point."""

    passed: Mapping[str, Counter[str]]
    ends: Mapping[str, Any]
    requests: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Killed:
    """What runs came to whose worker died, the tenants that were at their boundary then, and the requests."""

    ends: dict[str, Any]
    hit: list[str]
    requests: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Restores:
    """The previewed restores of some tenants (by number), executed at the same time."""

    worlds: Worlds
    numbers: dict[str, int]

    def undisturbed(self) -> Undisturbed:
        """Nobody dies."""
        with self.worlds.copy() as ready:
            runs = ready.install.call(workers.begin_restores, self.numbers)
            passed = ready.install.call(workers.work, runs)
            ends = self._finish(ready, runs)
            found = Undisturbed(passed, ends, _requests(ready, self.numbers))
        for slug, end in ends.items():
            assert end["run"]["outcome"] == "succeeded", (slug, end["run"])
            assert passed[slug]["intent"] >= 1
        assert not what_is_not_whole(ends)
        return found

    def killed(self, point: str, nth: dict[str, int]) -> Killed:
        """One worker dies there, the next one goes on."""
        with self.worlds.copy() as ready:
            runs = ready.install.call(workers.begin_restores, self.numbers)
            hit = _kill(ready, runs, point, nth)
            return Killed(self._finish(ready, runs), hit, _requests(ready, self.numbers))

    def _finish(self, ready: Ready, runs: dict[str, int]) -> dict[str, Any]:
        told = ready.install.call(workers.resume_restores, runs)
        ready.graph.save()
        judged = ready.install.call(workers.judge_restores, self.numbers)
        return {slug: {"run": told[slug], **judged[slug]} for slug in runs}


@dataclass(frozen=True)
class Captures:
    """Captures of some tenants at the same time."""

    worlds: Worlds
    contents: dict[str, list[tuple[str, int]]]

    def undisturbed(self) -> Undisturbed:
        """Nobody dies."""
        with self.worlds.copy() as ready:
            runs = ready.install.call(workers.begin_captures, self.contents)
            passed = ready.install.call(workers.work, runs)
            ends = ready.install.call(workers.resume_captures, runs)
            found = Undisturbed(passed, ends, _requests(ready, self.contents))
        for slug, end in ends.items():
            assert (end["outcome"], end["set"]) == ("succeeded", "complete"), (slug, end["failures"])
        return found

    def killed(self, point: str, nth: dict[str, int]) -> Killed:
        """One worker dies there, the next one goes on."""
        with self.worlds.copy() as ready:
            runs = ready.install.call(workers.begin_captures, self.contents)
            hit = _kill(ready, runs, point, nth)
            ends = ready.install.call(workers.resume_captures, runs)
            return Killed(ends, hit, _requests(ready, self.contents))


def _kill(ready: Ready, runs: dict[str, int], point: str, nth: dict[str, int]) -> list[str]:
    assert nth, f"no run passes {point}"
    with pytest.raises(processes.Killed, match="-9"):
        ready.install.call(workers.work_and_die, runs, point, nth)
    hit: list[str] = ready.install.call(workers.tell_hit)
    return hit


def _requests(ready: Ready, slugs: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    ready.graph.save()
    counted: dict[str, tuple[int, int]] = ready.install.call(workers.requests_of, list(slugs))
    return counted


def what_differs(ended: Any, undisturbed: Any, where: str = "") -> list[str]:
    """Each place where one end is not like the other, in words."""
    if isinstance(ended, dict) and isinstance(undisturbed, dict):
        return [
            line
            for name in sorted(ended.keys() | undisturbed.keys(), key=str)
            for line in what_differs(ended.get(name), undisturbed.get(name), f"{where}/{name}")
        ]
    if isinstance(ended, list) and isinstance(undisturbed, list):
        more = [f"{where}: {each} besides" for each in ended if each not in undisturbed]
        return more + [f"{where}: {each} is missing" for each in undisturbed if each not in ended]
    return [] if ended == undisturbed else [f"{where}: {ended!r} instead of {undisturbed!r}"]


def what_is_wrong(ends: Mapping[str, Any], undisturbed: Undisturbed) -> list[str]:
    """Where restores did not come to the same results and the same tenant, or a write was lost or doubled."""
    found = []
    for slug, end in ends.items():
        expected = undisturbed.ends[slug]
        for part in ("run", "state"):
            found += what_differs(end[part], expected[part], f"{slug}/{part}")
        found += [f"{slug}: {twin} is a twin" for twin in end["late_twins"]]
    return found + what_is_not_whole(ends)


def what_is_not_whole(ends: Mapping[str, Any]) -> list[str]:
    """Writes of the plans that had no effect, or had it twice where that makes a difference."""
    found = []
    for slug, end in ends.items():
        for write in end["writes"].values():
            had_effect = write["done"] and (write["applied"] or write["needless"])
            if not had_effect or (write["once"] and write["applied"] > 1):
                found.append(f"{slug}: {write}")
    return found
