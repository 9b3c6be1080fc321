"""Enrollment configurations: one by one, the priority last.

A new one gets the lowest rank. `setPriority` to the rank it has already answers 400 (M365DSC PR#4295), so the
step is not sent then. Of the defaults that Microsoft makes, name, description, scope tags and rank are fixed.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.model import Step, StepKind, WriteContext

from .general import create_body, differs, is_built_in, patch, post, update_body

_FIXED_IN_DEFAULTS = ("displayName", "description", "roleScopeTagIds")
_RANK = "priority"


def create_enrollment_configuration(ctx: WriteContext) -> tuple[Step, ...]:
    """POST without a rank, then the rank."""
    return (post(ctx, create_body(ctx, without=(_RANK,))), *_ranked(ctx.wanted))


def update_enrollment_configuration(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH of what may be written, then the rank where it differs."""
    default = is_built_in(ctx.policy_type, ctx.live)
    fixed = (_RANK, *(_FIXED_IN_DEFAULTS if default else ()))
    steps = []
    if differs(ctx, besides=("assignments", *fixed, *ctx.policy_type.restore.strip_update)):
        steps.append(patch(update_body(ctx, without=fixed)))
    if not default and (ctx.live or {}).get(_RANK) != ctx.wanted.get(_RANK):
        steps += _ranked(ctx.wanted)
    return tuple(steps)


def _ranked(wanted: Json) -> tuple[Step, ...]:
    rank = wanted.get(_RANK)
    if not rank:
        return ()
    return (
        Step(
            kind=StepKind.CHILD,
            method="POST",
            path="{item}/setPriority",
            body={_RANK: rank},
            unless={_RANK: rank},
            why="sets the priority",
        ),
    )
