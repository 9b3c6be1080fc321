"""A restore of 30 policies over eight types, and a capture of them, killed with -9 at every single passing of
every boundary, on both databases.

Tenants with the same contents are worked side by side, and one death hits each of them at another passing.
`make test-deep` runs this; each test prints what it saw.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from . import policies
from .ends import RESTORE_BOUNDARIES, Captures, Restores, Undisturbed, what_differs, what_is_wrong
from .test_captures import BY_RUN, BY_TYPE
from .worlds import SLOTS, Worlds, worlds

pytestmark = [pytest.mark.deep, pytest.mark.parametrize("database", ["sqlite", "postgresql"], scope="module")]

#: How many tenants one death hits.
SIDE_BY_SIDE = SLOTS[:3]
CONTENTS = {slot: list(policies.THIRTY) for slot in SIDE_BY_SIDE}
TYPES = sorted({key for key, _ in policies.THIRTY})
MOST_EXTRA_REQUESTS = 20


@dataclass
class Table:
    """What was seen, a line for each boundary."""

    heads: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def show(self, title: str) -> str:
        """As Markdown."""
        lines = [self.heads, ("---",) * len(self.heads), *self.rows]
        table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
        return f"\n\n### {title}\n\n{table}\n\n{time.monotonic() - self.began:.0f} seconds.\n"


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, database: str) -> str:
    """The server of that database; "" for SQLite."""
    return str(request.getfixturevalue("postgres_server")) if database == "postgresql" else ""


@pytest.fixture(scope="module")
def lost(server: str) -> Iterator[Worlds]:
    """The policies lost in each tenant, and their restore previewed."""
    with worlds(CONTENTS, {slot: [TYPES] for slot in SIDE_BY_SIDE}, server=server) as made:
        yield made


@pytest.fixture(scope="module")
def there(server: str) -> Iterator[Worlds]:
    """The policies there in each tenant."""
    with worlds(CONTENTS, server=server) as made:
        yield made


def deaths(undisturbed: Undisturbed, point: str) -> Iterator[dict[str, int]]:
    """Every passing of the point once: one death hits each tenant at another one."""
    passed = {slot: undisturbed.passed[slot][point] for slot in SIDE_BY_SIDE}
    most_last = sorted(SIDE_BY_SIDE, key=lambda slot: passed[slot])
    for last in range(max(passed.values()), 0, -len(most_last)):
        numbers = dict(zip(reversed(most_last), range(last, 0, -1), strict=False))
        yield {slot: nth for slot, nth in numbers.items() if nth <= passed[slot]}


def test_a_restore_killed_at_every_hit(
    lost: Worlds, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    restores = Restores(lost, {slot: numbers[0] for slot, numbers in lost.restores.items()})
    undisturbed = restores.undisturbed()
    actions = [item["action"] for item in undisturbed.ends["slot1"]["run"]["items"].values()]
    assert len(policies.THIRTY) == 30 == actions.count("create") + actions.count("update")
    table = Table(("boundary", "hits", "kills", "duplicates", "differences"))
    wrong: list[str] = []
    for point in RESTORE_BOUNDARIES:
        hits, kills, doubled, differing = 0, 0, 0, len(wrong)
        for nth in deaths(undisturbed, point):
            killed = restores.killed(point, nth)
            hits, kills = hits + len(killed.hit), kills + 1
            doubled += sum(duplicates(end) for end in killed.ends.values())
            wrong += [f"{point} {nth}: {each}" for each in what_is_wrong(killed.ends, undisturbed)]
        table.rows.append((point, hits, kills, doubled, len(wrong) - differing))
    with capsys.disabled():
        print(table.show(f"Restore of 30 policies over {len(TYPES)} types, {database}"))  # noqa: T201 - for people
    assert not wrong, "\n".join(wrong)


def duplicates(end: Any) -> int:
    """How many writes that must happen once happened again."""
    return sum(write["applied"] - 1 for write in end["writes"].values() if write["once"] and write["applied"])


def test_a_capture_killed_at_every_hit(
    there: Worlds, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    captures = Captures(there, CONTENTS)
    undisturbed = captures.undisturbed()
    assert undisturbed.passed["slot1"].keys() >= {*BY_TYPE, *BY_RUN}
    table = Table(("boundary", "hits", "kills", "extra requests, most", "mean", "differences"))
    wrong: list[str] = []
    most = 0
    for point in sorted(set().union(*undisturbed.passed.values())):
        hits, kills, extra, differing = 0, 0, [], len(wrong)
        for nth in deaths(undisturbed, point):
            killed = captures.killed(point, nth)
            hits, kills = hits + len(killed.hit), kills + 1
            extra += [killed.requests[slot][0] - undisturbed.requests[slot][0] for slot in killed.requests]
            found = what_differs(killed.ends, undisturbed.ends)
            wrong += [f"{point} {nth}: {each}" for each in found]
        most = max(most, *extra)
        mean = f"{sum(extra) / len(extra):.1f}"
        table.rows.append((point, hits, kills, max(extra), mean, len(wrong) - differing))
    title = f"Capture of {undisturbed.ends['slot1']['policies']} policies over {len(TYPES)} types, {database}"
    with capsys.disabled():
        print(table.show(f"{title} ({undisturbed.requests['slot1'][0]} requests when nobody dies)"))  # noqa: T201 - for people
    assert not wrong, "\n".join(wrong)
    assert most <= MOST_EXTRA_REQUESTS
