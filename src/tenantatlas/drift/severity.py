"""How much a drift matters. Pure.

targeting grew (a target added, an exclusion or a filter dropped)      high
a policy of a high-risk type appeared, went or changed                 high
only names, descriptions or scope tags changed                         low
everything else                                                        medium
"""

from __future__ import annotations

from collections.abc import Iterable

from tenantatlas.core import json
from tenantatlas.core.json import Json
from tenantatlas.policies.assignments import has_filter, is_exclusion
from tenantatlas.policies.canonical import canonical_form
from tenantatlas.policies.diff import Difference
from tenantatlas.policies.model import PolicyType, Risk

from .models import FindingKind, Severity

_COSMETIC = ("displayName", "name", "description", "roleScopeTagIds")
_INCLUDES, _EXCLUDES = "include", "exclude"


def severity_of_change(
    policy_type: PolicyType, before: Json, after: Json, found: Iterable[Difference]
) -> tuple[Severity, str]:
    """The severity of a change between two composed bodies, and the sentence that says why it is high."""
    old, new = canonical_form(policy_type, before), canonical_form(policy_type, after)
    if widened(old.get("assignments"), new.get("assignments")):
        return Severity.HIGH, "It reaches more than it did: the assignments were widened."
    if _conditions_widened(old, new):
        return Severity.HIGH, "Who it applies to was changed."
    if policy_type.restore.risk is Risk.HIGH:
        return Severity.HIGH, ""
    if all(difference.path.partition("[")[0] in _COSMETIC for difference in found):
        return Severity.LOW, ""
    return Severity.MEDIUM, ""


def severity_of_presence(policy_type: PolicyType, kind: FindingKind) -> Severity:
    """The severity of a policy that appeared, went, or is not known."""
    if kind == FindingKind.UNKNOWN:
        return Severity.LOW
    return Severity.HIGH if policy_type.restore.risk is Risk.HIGH else Severity.MEDIUM


def widened(before: Json, after: Json) -> bool:
    """Whether canonical assignments reach somebody whom they did not reach before."""
    old, new = _targets(before), _targets(after)
    for target, narrowed_by in new["included"].items():
        if target not in old["included"]:
            return True
        if old["included"][target] and narrowed_by != old["included"][target]:
            return True
    return bool(old["excluded"].keys() - new["excluded"].keys())


def _targets(assignments: Json) -> dict[str, dict[bytes, bytes]]:
    """Who is included and excluded, and the filter that narrows each (empty: none)."""
    found: dict[str, dict[bytes, bytes]] = {"included": {}, "excluded": {}}
    for row in assignments or ():
        target = row.get("target") or {}
        who = {name: target[name] for name in ("@odata.type", "groupId", "collectionId") if name in target}
        narrowed = {name: target[name] for name in sorted(target) if name.startswith("deviceAndApp")}
        side = "excluded" if is_exclusion(row) else "included"
        found[side][json.dumps_sorted(who)] = json.dumps_sorted(narrowed) if has_filter(target) else b""
    return found


def _conditions_widened(before: Json, after: Json) -> bool:
    """Conditional access says whom it applies to in its conditions: an exclusion gained or an inclusion lost
    lets somebody past, the reverse catches somebody new. Either is what an admin wants to know first."""
    return bool(
        json.dumps_sorted((before.get("conditions") or {}).get("users"))
        != json.dumps_sorted((after.get("conditions") or {}).get("users"))
    )
