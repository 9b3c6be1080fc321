"""Compliance policies: actions for noncompliance are created inline and replaced by an action of their own.

Graph wants exactly one rule, which it calls PasswordRequired, with a block action in it, and answers 400 to a
PATCH that carries rules.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies import paths
from tenantatlas.policies.bodies import cleaned
from tenantatlas.policies.model import Step, WriteContext

from .general import child, create_body, differs, differs_in, patch, post, update_body

_RULES = "scheduledActionsForRule"
_RULE_NAME = "PasswordRequired"


def create_compliance_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """One POST with the actions inline."""
    return (post(ctx, {**create_body(ctx), _RULES: _rules(ctx)}),)


def update_compliance_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH without the actions where the policy differs, then the actions where they do."""
    steps = []
    if differs(ctx, besides=("assignments", _RULES, *ctx.policy_type.restore.strip_update)):
        steps.append(patch(update_body(ctx, without=(_RULES,))))
    if differs_in(ctx, _RULES):
        body = {"deviceComplianceScheduledActionForRules": _rules(ctx)}
        steps.append(child("POST", "scheduleActionsForRules", body, why="replaces the actions"))
    return tuple(steps)


def refuse_without_block_action(body: Json) -> tuple[str, ...]:
    """Graph does not take a compliance policy that never marks a device noncompliant."""
    actions = paths.values(body, f"{_RULES}[].scheduledActionConfigurations[].actionType")
    if "block" in actions:
        return ()
    return ("It has no action that marks devices noncompliant (block); Graph refuses such a policy.",)


def _rules(ctx: WriteContext) -> list[Json]:
    rows = paths.remove(ctx.wanted.get(_RULES) or [], ("[].id", "[].scheduledActionConfigurations[].id"))
    return [{**row, "ruleName": _RULE_NAME} for row in cleaned(rows)]
