"""The last step: what will happen in words and numbers, what may do harm, and the confirmation."""

from __future__ import annotations

from collections import Counter

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.core import clock
from tenantatlas.core.errors import ApprovalMissing, AtlasError, Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import group_names
from tenantatlas.restore import approval, queries, services
from tenantatlas.restore.impact import CHANGES
from tenantatlas.restore.mapping import MappingAction
from tenantatlas.restore.models import Restore, RestoreStatus
from tenantatlas.restore.needs import needs_of
from tenantatlas.restore.risks import SHOWN, Friction, friction_of
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.tenants.models import Environment
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest

from .restore_frame import show_step
from .restore_preview import ACTION_ORDER, WRITING, has_expired
from .runs import show_started

#: What each change means for who is meant.
CHANGE_WORDS = {
    "gains": "gains",
    "loses": "loses",
    "exclusions_lost": "is no longer kept out of",
    "exclusions_made": "is kept out of",
    "filter_changed": "gets another filter on",
}
#: What the last button does, by the kind of restore.
VERBS = {"undo": "Take back", "enable": "Enforce", "twins": "Remove"}


@require_GET
def restore_review(request: TenantRequest, restore_id: int) -> HttpResponse:
    """What the preview found, and the confirmation. Nothing is written by looking at it."""
    restore = queries.find_restore(restore_id)
    if restore.status != RestoreStatus.PREVIEWED:
        return redirect("restore_detail", slug=request.tenant.slug, restore_id=restore.pk)
    return _review(request, restore)


@require_POST
def restore_execute(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Execute exactly the plan that was shown."""
    restore = queries.find_restore(restore_id)
    problems = _unconfirmed(request, restore)
    if problems and restore.status == RestoreStatus.PREVIEWED:
        return _review(request, restore, problems=problems, status=400)
    try:
        started = services.execute_restore(
            restore,
            plan_sha256=request.POST.get("plan", ""),
            confirm=_slug_of(request, restore),
            actor=request.user,
            trigger=Trigger.PERSON,
            reason=request.POST.get("reason", "").strip(),
        )
    except (InputError, Conflict) as error:
        if restore.status != RestoreStatus.PREVIEWED:
            raise
        return _review(request, restore, problems=[_problem(error)], status=error.http_status)
    return show_started(request, started)


def friction_for(restore: Restore) -> Friction:
    """How much it takes to confirm this restore."""
    return friction_of(
        risks=restore.risks,
        production=restore.environment == Environment.PRODUCTION,
        deletes=services.deletes(restore),
    )


def _unconfirmed(request: TenantRequest, restore: Restore) -> list[Problem]:
    """What the confirmation lacks; all of it."""
    friction = friction_for(restore)
    problems = []
    if friction is not Friction.PLAIN and not request.POST.get("acknowledged"):
        problems.append(Problem(field="acknowledged", message="Tick that you know what will happen."))
    if friction is Friction.TYPE and not _slug_of(request, restore):
        problems.append(
            Problem(
                field="confirm",
                message=f"The name typed is not that of the tenant: it is {restore.tenant.slug}.",
            )
        )
    return problems


def _slug_of(request: TenantRequest, restore: Restore) -> str:
    """The tenant's slug where the person named the tenant, by slug or by name, or did not have to."""
    typed = request.POST.get("confirm", "").strip()
    known = {restore.tenant.slug, restore.tenant.name.casefold()}
    needless = friction_for(restore) is not Friction.TYPE
    return restore.tenant.slug if needless or typed.casefold() in known else ""


def _problem(error: AtlasError) -> Problem:
    field = "reason" if error.details.get("field") == "reason" else "confirmation"
    return Problem(field=field, message=error.message, hint=error.hint)


def _review(
    request: TenantRequest, restore: Restore, *, problems: list[Problem] | None = None, status: int = 400
) -> HttpResponse:
    counts = restore.counts
    context: dict[str, Json] = {
        "restore": restore,
        "verb": VERBS.get(restore.kind, "Restore"),
        "counts": [(action, counts[action]) for action in ACTION_ORDER if counts.get(action)],
        "writing": sum(counts.get(action, 0) for action in WRITING),
        "expired": has_expired(restore),
        "risks": restore.risks[:SHOWN],
        "more_risks": restore.risks[SHOWN:],
        "impact": _impact(restore),
        "more_targets": restore.impact.get("targets", 0) - len(restore.impact.get("rows", ())),
        "mapped": _mapping_words(restore),
        "friction": friction_for(restore).value,
        "given": request.POST,
        **_approval(request, restore),
    }
    return show_step(request, "Review", context, problems=problems, status=status)


def _approval(request: TenantRequest, restore: Restore) -> dict[str, Json]:
    """Where the second person's approval stands, and what this person may do about it."""
    if not request.tenant.require_approval:
        return {}
    me, row = request.user.pk, approval.approval_of(restore)
    asked_by = row.asked_by_id if row is not None else restore.created_by_id
    missing = _approval_missing(restore)
    given_by_me = row is not None and row.decided_by_id == me
    waits = row is not None and row.decided_at is None
    return {
        "approval": row,
        "approval_missing": missing,
        "approved_by_me": given_by_me and not missing,
        "may_decide": asked_by != me,
        "may_ask": not (waits or given_by_me),
    }


def _approval_missing(restore: Restore) -> str:
    """Why the plan may not be executed, whoever does it; empty where an approval counts."""
    try:
        approval.check_approved(restore, at=clock.now())
    except ApprovalMissing as error:
        return error.message
    return ""


def _impact(restore: Restore) -> list[tuple[str, str, list[tuple[str, Json]]]]:
    """(kind, who, [(what happens, {count, names})]); groups by the name that the cache knows."""
    rows = restore.impact.get("rows", [])
    names = group_names(row["id"] for row in rows if row["kind"] == "group")
    return [
        (
            row["kind"],
            names.get(row["id"], row["id"]),
            [(CHANGE_WORDS[change], row[change]) for change in CHANGES if change in row],
        )
        for row in rows
    ]


def _mapping_words(restore: Restore) -> list[tuple[str, int]]:
    """How what the policies name was decided, counted."""
    counted: Counter[str] = Counter()
    for thing in needs_of(restore).things:
        if thing.decided is None:
            counted[thing.found] += 1
        elif thing.decided.action is None:
            counted["left open"] += 1
        else:
            counted["left out" if thing.decided.action is MappingAction.DROP else "mapped by a person"] += 1
    return sorted(counted.items())
