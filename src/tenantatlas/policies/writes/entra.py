"""Conditional access, named locations and authentication strengths.

Conditional access that was enabled comes back report-only, since an old policy may lock everybody out;
enabling it is a step of its own. Of an authentication strength only the id is named.
`disableResilienceDefaults` must not be sent as false.
"""

from __future__ import annotations

from dataclasses import replace

from tenantatlas.core.json import Json
from tenantatlas.policies import paths
from tenantatlas.policies.bodies import cleaned
from tenantatlas.policies.model import Step, StepKind, WriteContext

from .children import Children
from .general import (
    child,
    create_body,
    delete_item,
    differs,
    differs_in,
    patch,
    post,
    update_body,
)

ENABLED = "enabled"
REPORT_ONLY = "enabledForReportingButNotEnforced"

_COMBINATIONS = "allowedCombinations"
_CONFIGURATIONS = "combinationConfigurations"


def create_conditional_access(ctx: WriteContext) -> tuple[Step, ...]:
    """One POST, not enforced."""
    ctx = replace(ctx, wanted=conditional_access_body(ctx.wanted))
    return (post(ctx, create_body(ctx)),)


def update_conditional_access(ctx: WriteContext) -> tuple[Step, ...]:
    """One PATCH with whole sub-objects, not enforced."""
    ctx = replace(ctx, wanted=conditional_access_body(ctx.wanted))
    return (patch(update_body(ctx)),) if differs(ctx, besides=ctx.policy_type.restore.strip_update) else ()


def conditional_access_body(body: Json) -> Json:
    """The policy as it is written: report-only instead of enabled, the strength by its id."""
    result = paths.copied(body)
    if result.get("state") == ENABLED:
        result["state"] = REPORT_ONLY
    for place in paths.find(result, "grantControls.authenticationStrength"):
        if place.value:
            place.holder[place.key] = {"id": place.value["id"]}
    for place in paths.find(result, "sessionControls.disableResilienceDefaults"):
        place.holder[place.key] = place.value or None
    return result


def update_authentication_strength(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH, then the allowed combinations by their action and the configurations one by one."""
    without = (_COMBINATIONS, _CONFIGURATIONS)
    steps = []
    if differs(ctx, besides=("assignments", *without, *ctx.policy_type.restore.strip_update)):
        steps.append(patch(update_body(ctx, without=without)))
    wanted, live = (list((body or {}).get(_CONFIGURATIONS) or ()) for body in (ctx.wanted, ctx.live))
    steps += _CHILDREN.removals(wanted, live)
    if differs_in(ctx, _COMBINATIONS):
        body = {_COMBINATIONS: ctx.wanted.get(_COMBINATIONS) or []}
        steps.append(child("POST", "updateAllowedCombinations", body, why="sets the allowed combinations"))
    return (*steps, *_CHILDREN.changes(wanted, live))


def _configuration(row: Json) -> Json:
    return cleaned(paths.remove(row, ("id", "createdDateTime", "modifiedDateTime")))


_CHILDREN = Children(
    segment=_CONFIGURATIONS,
    key=("@odata.type", "appliesToCombinations"),
    body=_configuration,
    noun="a combination configuration",
)


def delete_named_location(ctx: WriteContext) -> tuple[Step, ...]:
    """A trusted location is made untrusted first: Graph does not delete it otherwise."""
    live = ctx.live or {}
    if not live.get("isTrusted"):
        return delete_item(ctx)
    body = {"@odata.type": live.get("@odata.type"), "isTrusted": False}
    untrust = Step(kind=StepKind.DELETE, method="PATCH", path="{item}", body=body, why="makes it untrusted")
    return (untrust, *delete_item(ctx))
