"""Conditional access comes back report-only: an old policy may lock everybody out. Pure."""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.writes.entra import ENABLED, REPORT_ONLY

CONDITIONAL_ACCESS = "conditionalAccess.policies"
#: What the plan says of a policy that was enabled.
WAS_ENABLED = "It was enabled and comes back report-only. Enabling it is a step of its own."


def soften(policy_type: PolicyType, wanted: Json) -> tuple[Json, tuple[str, ...]]:
    """The body to write instead, and what to know about it; unchanged where nothing is enforced by it."""
    if policy_type.key != CONDITIONAL_ACCESS or wanted.get("state") != ENABLED:
        return wanted, ()
    notes = [WAS_ENABLED]
    if not excluded(wanted):
        notes.append("It excludes nobody: exclude an emergency account before you enable it.")
    return {**wanted, "state": REPORT_ONLY}, tuple(notes)


def excluded(body: Json) -> dict[str, tuple[str, ...]]:
    """Who the policy leaves alone: kind of reference → ids. Empty where it leaves nobody alone."""
    users = (body.get("conditions") or {}).get("users") or {}
    names = {"excludeUsers": "users", "excludeGroups": "groups", "excludeRoles": "roles"}
    found = {kind: tuple(users.get(name) or ()) for name, kind in names.items()}
    return {kind: ids for kind, ids in found.items() if ids}
