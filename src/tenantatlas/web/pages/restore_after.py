"""What may follow an ended restore: enforcing, undoing, doing it again. Each begins with a preview."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.restore import approval, enablement, queries, services, undo
from tenantatlas.restore.params import PreviewParams
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.web.requests import TenantRequest, require

from .runs import say_started


@require_POST
def restore_enable(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview enforcing policies that came back report-only."""
    require(request, Capability.RESTORE_PREVIEW)
    restore = queries.find_restore(restore_id)
    return _follow_up(request, enablement.enable_params(restore, request.POST.getlist("policy")))


@require_POST
def restore_undo(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview taking the whole restore back."""
    require(request, Capability.RESTORE_PREVIEW)
    return _follow_up(request, undo.undo_params(queries.find_restore(restore_id)))


@require_POST
def restore_again(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview the same restore once more: same source, scope, options and decisions."""
    require(request, Capability.RESTORE_PREVIEW)
    return _follow_up(request, undo.rerun_params(queries.find_restore(restore_id)))


@require_POST
def restore_remove_twin(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview removing the second object that a lost answer made."""
    require(request, Capability.RESTORE_PREVIEW)
    restore = queries.find_restore(restore_id)
    return _follow_up(request, undo.twin_params(restore, request.POST.get("twin", "")))


@require_POST
def restore_ask_approval(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Ask a second person to approve the plan."""
    require(request, Capability.RESTORE_EXECUTE)
    restore = queries.find_restore(restore_id)
    approval.ask_approval(restore, actor=request.user)
    messages.success(request, "Everybody who may approve it was told.")
    return redirect("restore_review", slug=request.tenant.slug, restore_id=restore.pk)


@require_POST
def restore_decide(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Approve or decline exactly the plan that was shown."""
    require(request, Capability.RESTORE_EXECUTE)
    restore = queries.find_restore(restore_id)
    approve = request.POST.get("decision") == "approve"
    approval.decide(
        restore,
        plan=request.POST.get("plan", ""),
        approve=approve,
        actor=request.user,
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, "Approved." if approve else "Declined.")
    return redirect("restore_review", slug=request.tenant.slug, restore_id=restore.pk)


def _follow_up(request: TenantRequest, params: PreviewParams) -> HttpResponse:
    draft, run, created = services.preview_follow_up(
        request.tenant, params, actor=request.user, trigger=Trigger.PERSON
    )
    if run is not None:
        say_started(request, run, created=created)
    return redirect("restore_preview", slug=request.tenant.slug, restore_id=draft.pk)
