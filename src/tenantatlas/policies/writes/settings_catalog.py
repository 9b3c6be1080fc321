"""Settings catalog policies: settings travel inside the policy, and an update is a PUT of all of it.

PATCH with settings answers 400 (M365DSC PR#4722). Of `templateReference` only `templateId` may be sent.
Assignments survive a PUT. Where the live policy carries a `creationSource` (enrollment families), the PUT
must send it back.
"""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.policies.model import Step, StepKind, WriteContext

from .general import create_body, post

_SERVER_MADE = ("settings[].id", "settings[].settingDefinitions", "creationSource", "priorityMetaData")


def create_settings_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """One POST with all settings inline."""
    return (post(ctx, _body(ctx)),)


def put_settings_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """One PUT of the whole policy."""
    body = _body(ctx)
    source = (ctx.live or {}).get("creationSource")
    if source is not None:
        body["creationSource"] = source
    return (Step(kind=StepKind.UPDATE, method="PUT", path="{item}", body=body, why="replaces all settings"),)


def _body(ctx: WriteContext) -> Json:
    body = create_body(ctx, without=_SERVER_MADE)
    template = (body.pop("templateReference", None) or {}).get("templateId")
    return {**body, "templateReference": {"templateId": template}} if template else body
