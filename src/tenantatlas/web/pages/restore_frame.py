"""What the steps of the restore wizard share. The state of the wizard is a saved draft."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from tenantatlas.core.errors import Conflict
from tenantatlas.core.json import Json
from tenantatlas.restore import queries, services
from tenantatlas.restore.models import OPEN_STATUSES, Restore
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest
from tenantatlas.web.wizard import steps


def draft_of(restore_id: int) -> Restore:
    """A restore that may still be changed; `Conflict` for one that was executed."""
    restore = queries.find_restore(restore_id)
    if restore.status not in OPEN_STATUSES:
        raise Conflict("This restore has been executed.", hint="Begin another restore from its backup set.")
    return restore


def save(request: TenantRequest, draft: Restore, **changes: Any) -> Restore:
    """Save the draft with these changes of its choice; everything else stays as it was chosen."""
    params = replace(services.choice_of(draft), **changes)
    return services.save_draft(request.tenant, params, actor=request.user, restore=draft)


def show_step(
    request: TenantRequest,
    step: str,
    context: dict[str, Json],
    *,
    problems: list[Problem] | None = None,
    status: int = 400,
) -> HttpResponse:
    """A step of the wizard; with problems, they stand at its top and each leads to its field."""
    template = f"web/restore/{step.lower()}.html"
    frame = step_frame(request, step, context.get("restore"))
    values = {**frame, "problems": problems or [], **context}
    return render(request, template, values, status=status if problems else 200)


def step_frame(request: TenantRequest, step: str, restore: Restore | None) -> dict[str, Json]:
    """What every step shows around itself."""
    return {
        "title": f"Restore: {step.lower()}",
        "section": "restore",
        "steps": steps(request.tenant.slug, restore, step),
    }
