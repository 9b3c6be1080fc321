"""Groups that nobody has seen for long are forgotten."""

from __future__ import annotations

from tenantatlas.runs.registry import RunContext
from tenantatlas.runs.retention import retention_step

from .services import forget_old_groups


@retention_step("groups", label="Groups that are gone")
def remove_old_groups(ctx: RunContext) -> int:  # noqa: ARG001 - the run's tenant is in scope
    """Groups last seen longer ago than they are kept. Their ids are shown plainly from then on."""
    return forget_old_groups()
