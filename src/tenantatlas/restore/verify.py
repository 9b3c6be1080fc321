"""Is the tenant as the plan promised? Compares what was read back with what was wanted. Pure.

equal       the canonical forms are the same
rewritten   they differ only where the policy type declares that the service rewrites: success, listed
differs     anything else: never success
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.core.json import Json
from tenantatlas.policies import paths
from tenantatlas.policies.bodies import same
from tenantatlas.policies.canonical import canonical_form, digest
from tenantatlas.policies.diff import differences
from tenantatlas.policies.model import PolicyType

_LISTED_AT_MOST = 20


class Finding(StrEnum):
    """How what was read back compares."""

    EQUAL = "equal"
    REWRITTEN = "rewritten"
    DIFFERS = "differs"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The finding, the paths that differ, and the digest of what was read."""

    finding: Finding
    paths: tuple[str, ...] = ()
    digest: str = ""


def compare(
    policy_type: PolicyType, *, wanted: Json, live: Json, besides: Iterable[str] = (), strictly: bool = False
) -> Comparison:
    """Compare an object with its promise, leaving aside what is not written yet; strictly: no rewrites."""
    aside = tuple(besides)
    forms = [paths.remove(canonical_form(policy_type, body), aside) for body in (wanted, live)]
    found = digest(policy_type, live)
    if same(*forms):
        return Comparison(finding=Finding.EQUAL, digest=found)
    rewrites = () if strictly else policy_type.restore.rewrites
    equal_but_rewrites = same(*(paths.remove(form, rewrites) for form in forms))
    listed = tuple(each.path for each in differences(policy_type, wanted, live))
    shown = tuple(path for path in listed if path.split(".")[0].split("[")[0] not in aside)
    return Comparison(
        finding=Finding.REWRITTEN if equal_but_rewrites else Finding.DIFFERS,
        paths=shown[:_LISTED_AT_MOST],
        digest=found,
    )


def is_needless(unless: dict[str, Json], live: Json) -> bool:
    """Whether everything that a step would bring is there already."""
    return bool(unless) and all(same(paths.value_at(live, path), value) for path, value in unless.items())
