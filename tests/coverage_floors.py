"""Branch coverage of the finished suite: 100 % for the pure modules, 90 % for every other package."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

PURE = (
    "core/",
    "policies/",
    "runs/lifecycle.py",
    "runs/dedupe.py",
    "restore/plan.py",
    "restore/mapping.py",
    "schedules/due.py",
    "schedules/cron.py",
)
ELSEWHERE = 90.0
#: Property tests draw their examples by chance: so much may be missing once without failing the suite.
CHANCE = 0.5


def package_of(path: str) -> tuple[str, float]:
    """The name under which a file is counted, and its floor."""
    inside = path.split("tenantatlas/", 1)[-1]
    for pure in PURE:
        if inside.startswith(pure):
            return pure.rstrip("/"), 100.0
    return inside.split("/", 1)[0], ELSEWHERE


def main() -> int:
    """Print the table; exit 1 when a package is below its floor by more than chance."""
    coverage = Coverage()
    coverage.load()  # what pytest put together; combining alone would begin without it
    with contextlib.suppress(NoDataError):  # where no process left anything besides
        coverage.combine()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report), ignore_errors=True)
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    totals: dict[tuple[str, float], list[int]] = defaultdict(lambda: [0, 0])
    for path, entry in files.items():
        if "/migrations/" in path:
            continue
        summary = entry["summary"]
        covered = summary["covered_lines"] + summary["covered_branches"]
        possible = summary["num_statements"] + summary["num_branches"]
        sums = totals[package_of(path)]
        sums[0] += covered
        sums[1] += possible
    out = io.StringIO()
    below = False
    for (name, floor), (covered, possible) in sorted(totals.items()):
        share = 100.0 * covered / possible if possible else 100.0
        short = share + 1e-9 < floor
        below |= share < floor - CHANCE
        out.write(f"  {name:<24} {share:6.1f} %   floor {floor:.0f} %{'   BELOW' if short else ''}\n")
    sys.stdout.write("Branch coverage\n" + out.getvalue())
    return int(below)


if __name__ == "__main__":
    raise SystemExit(main())
