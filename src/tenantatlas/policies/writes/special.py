"""Types that are written in the usual way but for one rule of their own."""

from __future__ import annotations

from dataclasses import replace

from tenantatlas.core.json import Json
from tenantatlas.policies import paths
from tenantatlas.policies.model import Step, StepKind, WriteContext

from .general import create_by_post, update_by_patch

_ROLE_TYPE = "#microsoft.graph.deviceAndAppManagementRoleDefinition"


def create_role_definition(ctx: WriteContext) -> tuple[Step, ...]:
    """POST with the one type that Graph accepts, and permissions as resource actions only."""
    return create_by_post(replace(ctx, wanted=_role(ctx.wanted)))


def update_role_definition(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH likewise: sent together with their old mirror, permissions would be united with it."""
    return update_by_patch(replace(ctx, wanted=_role(ctx.wanted)))


def _role(body: Json) -> Json:
    actions = [paths.value_at(row, "resourceActions") or [] for row in body.get("rolePermissions") or ()]
    permissions = [{"resourceActions": each} for each in actions]
    return {**body, "@odata.type": _ROLE_TYPE, "rolePermissions": permissions}


def create_autopilot_profile(ctx: WriteContext) -> tuple[Step, ...]:
    """POST; an empty locale (the user's choice) is refused there and set by a PATCH."""
    if ctx.wanted.get("locale") != "":
        return create_by_post(ctx)
    body = {"@odata.type": ctx.wanted.get("@odata.type"), "locale": ""}
    step = Step(kind=StepKind.CHILD, method="PATCH", path="{item}", body=body, why="leaves the language open")
    return (*create_by_post(replace(ctx, wanted=paths.remove(ctx.wanted, ("locale",)))), step)


def create_driver_profile(ctx: WriteContext) -> tuple[Step, ...]:
    """POST; a deferral is required with automatic approval and refused with manual."""
    return create_by_post(replace(ctx, wanted=_driver(ctx.wanted)))


def update_driver_profile(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH likewise."""
    return update_by_patch(replace(ctx, wanted=_driver(ctx.wanted)))


def _driver(body: Json) -> Json:
    manual = body.get("approvalType") == "manual"
    return paths.remove(body, ("deploymentDeferralInDays",)) if manual else body
