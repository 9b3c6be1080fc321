"""App protection and targeted app configuration: apps are targeted by an action that replaces the list.

Settings of a targeted configuration are created inline and changed by `changeSettings`. PATCH never touches
apps.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.bodies import cleaned
from tenantatlas.policies.model import Step, WriteContext

from .general import child, create_body, differs, differs_in, patch, post, update_body

_APPS = "apps"
_SETTINGS = "settings"


def create_app_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """POST without apps, then `targetApps`."""
    return (post(ctx, create_body(ctx, without=(_APPS,))), *_target_apps(ctx, _apps(ctx.wanted)))


def update_app_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH where the policy differs, `targetApps` where the apps do."""
    return (*_patched(ctx, (_APPS,)), *_retargeted(ctx))


def update_targeted_configuration(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH, `targetApps` and `changeSettings`, each where what it carries differs."""
    steps = [*_patched(ctx, (_APPS, _SETTINGS)), *_retargeted(ctx)]
    if differs_in(ctx, _SETTINGS):
        body = {_SETTINGS: create_body(ctx).get(_SETTINGS, [])}
        steps.append(child("POST", "changeSettings", body, why="replaces the settings"))
    return tuple(steps)


def _patched(ctx: WriteContext, without: tuple[str, ...]) -> tuple[Step, ...]:
    ignored = ("assignments", *without, *ctx.policy_type.restore.strip_update)
    return (patch(update_body(ctx, without=without)),) if differs(ctx, besides=ignored) else ()


def _retargeted(ctx: WriteContext) -> tuple[Step, ...]:
    changed = differs_in(ctx, _APPS) or differs_in(ctx, "appGroupType")
    return _target_apps(ctx, _apps(ctx.wanted), always=True) if changed else ()


def _apps(body: Json) -> list[Json]:
    rows = body.get(_APPS) or ()
    return [{"mobileAppIdentifier": cleaned(row.get("mobileAppIdentifier"))} for row in rows]


def _target_apps(ctx: WriteContext, apps: list[Json], *, always: bool = False) -> tuple[Step, ...]:
    group_type = ctx.wanted.get("appGroupType")
    if not (apps or group_type or always):
        return ()
    body = {_APPS: apps, **({"appGroupType": group_type} if group_type else {})}
    return (child("POST", "targetApps", body, why="sets the apps"),)
