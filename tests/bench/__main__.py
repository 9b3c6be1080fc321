"""`python -m tests.bench [NAME …]`: measure, and print one Markdown table.

Names: capture-restore (one family), mixed, dispatch, storm, people, pages; none means all of them.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantatlas.config.settings.test")

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import tests.processes  # noqa: F401 - sets Django up
from tests.postgres import NoPostgres, fresh_database, server_url

from . import pages, people, speed, starts
from .fill import Sizes
from .table import Row, render

_DATABASES = ("sqlite", "postgresql")
Bench = Callable[..., Iterable[Row]]


def _speed(database: str, server: str, asked: argparse.Namespace, *, mixed: bool) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fresh_database(server)) if server else ""
        yield from speed.measure(database=database, url=url, mixed=mixed, policies=asked.policies)


def _dispatch(database: str, server: str, asked: argparse.Namespace) -> Iterator[Row]:
    yield starts.measure_dispatch(database=database, server=server, starts=asked.starts)


def _storm(database: str, server: str, asked: argparse.Namespace) -> Iterator[Row]:
    yield starts.measure_storm(database=database, server=server, rounds=asked.rounds)


def _people(database: str, server: str, asked: argparse.Namespace) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fresh_database(server)) if server else ""
        yield from people.measure(database=database, url=url, times=asked.presses)


def _pages(database: str, server: str, asked: argparse.Namespace) -> Iterator[Row]:
    sizes = Sizes().divided(asked.divide)
    yield from pages.measure(database=database, server=server, sizes=sizes, visits=asked.visits)


_BENCHES: dict[str, Bench] = {
    "capture-restore": partial(_speed, mixed=False),
    "mixed": partial(_speed, mixed=True),
    "dispatch": _dispatch,
    "storm": _storm,
    "people": _people,
    "pages": _pages,
}


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_BENCHES))
    parser.add_argument("--database", choices=_DATABASES, help="only this one")
    parser.add_argument("--policies", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=100, help="of the storm")
    parser.add_argument("--starts", type=int, default=200, help="of the dispatch")
    parser.add_argument("--presses", type=int, default=20, help="of each of the people, in each way")
    parser.add_argument("--visits", type=int, default=40, help="of each page")
    parser.add_argument("--divide", type=int, default=1, help="how many times fewer rows than promised")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(_BENCHES)
    if unknown:
        parser.error(f"there is no benchmark {sorted(unknown)[0]!r}")
    return asked


@contextlib.contextmanager
def _servers(only: str | None) -> Iterator[dict[str, str]]:
    """The databases to measure on, with the address of a server where one is needed."""
    with contextlib.ExitStack() as stack:
        found = {}
        if only != "postgresql":
            found["SQLite"] = ""
        if only != "sqlite":
            try:
                found["PostgreSQL"] = stack.enter_context(server_url())
            except NoPostgres as error:
                sys.stderr.write(f"PostgreSQL is left out: {error}\n")
        yield found


def main() -> int:
    """Exit 1 where a target was missed."""
    asked = _asked()
    rows: list[Row] = []
    with _servers(asked.database) as servers:
        for name in asked.names or _BENCHES:
            for database, server in servers.items():
                for row in _BENCHES[name](database, server, asked):
                    sys.stderr.write(f"{row.what}, {row.database}: {row.result}; {row.details}\n")
                    rows.append(row)
    sys.stdout.write(render(rows))
    return int(any(row.missed for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
