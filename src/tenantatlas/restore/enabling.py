"""Enforcing conditional access that came back report-only: one PATCH of its state. Pure.

What is enforced is the policy as it is in the tenant at the preview, and no other: a change in between is
refused like any other change since the preview.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.model import Step, StepKind
from tenantatlas.policies.writes.entra import ENABLED, REPORT_ONLY

from .match import Match
from .planned import Reason
from .softening import CONDITIONAL_ACCESS
from .world import Source

#: The only write of such a plan.
STEP = Step(
    kind=StepKind.UPDATE, method="PATCH", path="{item}", body={"state": ENABLED}, why="enforces the policy"
)


def enabled(source: Source, match: Match, live: Json) -> Json | Reason:
    """The body to end with, nothing where it is enforced already, or why it is not enforced."""
    if source.policy_type.key != CONDITIONAL_ACCESS:
        return Reason(code="not_access", message="Only conditional access is enabled in a step of its own.")
    if not match.live_id or live is None:
        return Reason(code="not_there", message="It is not in the tenant.")
    state = live.get("state")
    if state == ENABLED:
        return None
    if source.body.get("state") != ENABLED:
        return Reason(code="never_enabled", message="It was not enabled when it was captured.")
    if state != REPORT_ONLY:
        return Reason(code="disabled", message="Somebody disabled it since: enable it in the admin center.")
    return {**live, "state": ENABLED}
