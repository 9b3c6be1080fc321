"""How long a capture and a restore take, as multiples of what Graph's limits allow.

The bound of a capture counts what has to be asked, not what was: every address that was read counts once, at
Graph's whole budget. The bound of a restore is the one that its preview shows: families go side by side, the
phases of the plan one after the other. What is asked twice, asked in vain or waited for is ours, and shows in
the ratio.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tenantatlas.graph.limits import bound_seconds
from tenantatlas.policies.registry import all_types

from . import contents
from .product import GUID, SLUG, Product, Worker, free_ports
from .table import Row

#: How many times as fast time runs. A faster clock would measure this machine instead of Graph's limits.
CAPTURE_SCALE, RESTORE_SCALE, MIXED_RESTORE_SCALE = 1.0, 8.0, 3.0
MOST_OF_BOUND = 1.25
_MOST_THROTTLED = 0.02

Entry = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run that was measured."""

    seconds: float
    entries: list[Entry]
    policies: int
    peak_mb: float
    shown_bound: float = 0.0

    @property
    def bound(self) -> float:
        """The least seconds that it takes."""
        return self.shown_bound or self.least

    @property
    def least(self) -> float:
        """The least seconds for these requests, each made once, if none had to wait for another."""
        reads = {_address(entry) for entry in self.entries if entry["method"] == "GET"}
        writes = [entry for entry in self.entries if entry["method"] != "GET" and entry["applied"]]
        return bound_seconds(
            Counter(_family_of(path) for path in reads),
            Counter(_family_of(entry["path"]) for entry in writes),
        )

    @property
    def throttled(self) -> float:
        """Which share of the requests Graph refused with 429."""
        refused = sum(entry["status"] == HTTPStatus.TOO_MANY_REQUESTS for entry in self.entries)
        return refused / len(self.entries)

    def row(self, what: str, database: str) -> Row:
        """The measurement, as a row."""
        ratio = self.seconds / self.bound
        return Row(
            what=what,
            database=database,
            result=f"{ratio:.2f} of the bound",
            target=f"≤ {MOST_OF_BOUND}, 429 ≤ {_MOST_THROTTLED:.0%}",
            details=(
                f"{self.seconds:.0f} s, bound {self.bound:.0f} s{self._without_phases()}; "
                f"429 {self.throttled:.1%}; "
                f"{len(self.entries) / self.policies:.1f} requests a policy; peak {self.peak_mb:.0f} MB"
            ),
            missed=ratio > MOST_OF_BOUND or self.throttled > _MOST_THROTTLED,
        )

    def _without_phases(self) -> str:
        apart = self.bound > self.least * 1.01
        return f" ({self.least:.0f} s without phases: {self.seconds / self.least:.2f})" if apart else ""


def _address(entry: Entry) -> str:
    """What a read was about. The pages of a list count as one, which keeps the bound low."""
    return str(entry["path"])


_PLACES = sorted(
    ((policy_type.path.split("/", 2)[2], policy_type.family) for policy_type in all_types()),
    key=lambda place: -len(place[0]),
)


def _family_of(path: str) -> str:
    """The throttle family of an address; what no policy type claims belongs to the directory."""
    bare = path.split("/", 2)[2]
    return next((family for prefix, family in _PLACES if bare.startswith(prefix)), "identityAndAccess")


def measure(*, database: str, url: str, mixed: bool, policies: int) -> Iterator[Row]:
    """Capture a tenant of so many policies, lose all of them, and restore them."""
    tenant = "a mixed tenant" if mixed else "one family"
    with tempfile.TemporaryDirectory(prefix="tenantatlas-bench-") as folder:
        product = Product(home=Path(folder), database_url=url, ports=free_ports())
        with product.graph(scale=CAPTURE_SCALE):
            product.connect()
            product.fill(contents.named())
            bodies = list(contents.mixed(policies, guid=GUID) if mixed else contents.one_family(policies))
            product.fill(bodies)
            types = _types_argument(mixed=mixed)
            with product.worker() as worker:
                backup = ("backup", "-t", SLUG, "--wait", *types)
                captured, work = _timed(product, worker, len(bodies), *backup)
            yield work.row(f"capture of {len(bodies)} policies, {tenant}", database)
        with product.graph(scale=MIXED_RESTORE_SCALE if mixed else RESTORE_SCALE):
            product.clear(_lost(bodies))
            with product.worker() as worker:
                before = product.requests()
                preview = ("restore", "preview", "-t", SLUG, "--set", str(captured["set"]), *types, "--wait")
                previewed = product.run(*preview)
                assert not any(_is_write(entry) for entry in product.journal(before)), "a preview wrote"
                chosen = (str(previewed["restore"]), "--plan", previewed["plan_sha256"])
                execute = ("restore", "execute", *chosen, "--confirm", SLUG, "--wait")
                _, work = _timed(product, worker, len(bodies), *execute)
                work = replace(work, shown_bound=previewed["bound_seconds"])
            writes = sum(_is_write(entry) and entry["applied"] for entry in work.entries)
            plan = product.rows("restore", "plan", str(previewed["restore"]))
            conditional = sum(bool(write["unless"]) for write in plan)
            assert len(plan) - conditional <= writes <= len(plan), "writes were lost or doubled"
            yield work.row(f"restore of {len(bodies)} policies, {tenant}", database)


def _timed(product: Product, worker: Worker, policies: int, *arguments: str) -> tuple[dict[str, Any], Work]:
    before = product.requests()
    worker.forget_peak()
    answer = product.run(*arguments)
    work = Work(
        seconds=product.seconds_of(int(answer["run"])),
        entries=[entry for entry in product.journal(before) if _counts(entry)],
        policies=policies,
        peak_mb=worker.peak_mb(),
    )
    return answer, work


def _counts(entry: Entry) -> bool:
    """Whether Graph counts it: not sign-in, and of a batch its parts."""
    return entry["path"].startswith(("/beta/", "/v1.0/")) and not entry["path"].endswith("/$batch")


def _is_write(entry: Entry) -> bool:
    return _counts(entry) and entry["method"] != "GET" and not entry["path"].endswith("/getByIds")


def _types_argument(*, mixed: bool) -> tuple[str, ...]:
    return ("--types", ",".join(contents.MIX) if mixed else "configurationPolicies")


def _lost(bodies: Iterable[tuple[str, Any]]) -> list[str]:
    return sorted({collection for collection, _ in bodies})
