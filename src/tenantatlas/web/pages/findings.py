"""One finding: what differs, who decided what about it, and the way back to the baseline."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.succession import ids_of
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, InputError, NotFound
from tenantatlas.drift import deciding, queries
from tenantatlas.drift.models import Finding, FindingKind, FindingState, IgnoredSetting
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.restore.params import PreviewParams
from tenantatlas.restore.services import save_draft
from tenantatlas.web.differing import names_in
from tenantatlas.web.requests import TenantRequest, require

DAYS = 30
SIGHTINGS = 20


@require_GET
def finding_detail(request: TenantRequest, finding_id: int) -> HttpResponse:
    """What differs, since when, and what was decided."""
    finding = queries.find_finding(finding_id)
    state = queries.state_of(finding)
    held = finding.kind in (FindingKind.CHANGED, FindingKind.REMOVED)
    context = {
        "title": f"Drift of {finding.name}",
        "section": "drift",
        "finding": finding,
        "state": state,
        "names": names_in(finding.differences),
        "open": state != FindingState.RESOLVED,
        "policy": _policy_of(finding),
        "sightings": finding.sightings.order_by("-run_id")[:SIGHTINGS],
        "restorable": held and finding.backup_set_id is not None,
        "newer": queries.set_after(finding.found_at) if finding.backup_set_id else None,
        "until": (clock.now() + timedelta(days=DAYS)).date().isoformat(),
    }
    return render(request, "web/drift/finding.html", context)


def _policy_of(finding: Finding) -> Policy | None:
    """The policy as the tenant has it: what a restore made of it, where that is what is there now."""
    ids = ids_of(finding.type_key, finding.graph_id)
    found = Policy.objects.filter(type_key=finding.type_key, graph_id__in=ids)
    return max(found, key=lambda each: (each.presence == Presence.PRESENT, each.pk), default=None)


@require_POST
def acknowledge_ticked(request: TenantRequest) -> HttpResponse:
    """Acknowledge the ticked findings."""
    require(request, Capability.DRIFT_RUN)
    ticked = [int(each) for each in request.POST.getlist("finding") if each.isdecimal()]
    found = Finding.objects.filter(pk__in=ticked).exclude(state=FindingState.RESOLVED)
    rows = list(found.select_related("tenant"))
    for finding in rows:
        deciding.acknowledge_finding(finding, actor=request.user)
    if rows:
        messages.success(request, f"Acknowledged {len(rows)} finding{'' if len(rows) == 1 else 's'}.")
    else:
        messages.error(request, "No finding is ticked. Tick those to acknowledge.")
    return redirect("drift", slug=request.tenant.slug)


@require_POST
def restore_found(request: TenantRequest) -> HttpResponse:
    """Begin a restore of what was found: the ticked findings, or all of one comparison."""
    require(request, Capability.RESTORE_PREVIEW)
    ticked = [int(each) for each in request.POST.getlist("finding") if each.isdecimal()]
    run = request.POST.get("comparison", "")
    if run.isdecimal():
        found = queries.to_restore(int(run))
    else:
        found = Finding.objects.filter(queries.RESTORABLE, pk__in=ticked)
    chosen = set(found.values_list("backup_set_id", "graph_id"))
    sets = {backup_set for backup_set, _ in chosen}
    if len(sets) != 1:
        messages.error(request, _SETS_TO_RESTORE if sets else _NOTHING_TO_RESTORE)
        return redirect("drift", slug=request.tenant.slug)
    params = PreviewParams(set=sets.pop(), policies=tuple(sorted(graph_id for _, graph_id in chosen)))
    draft = save_draft(request.tenant, params, actor=request.user)
    return redirect("restore_options", slug=request.tenant.slug, restore_id=draft.pk)


_NOTHING_TO_RESTORE = (
    "Nothing that can be restored is ticked. Tick policies that were changed or removed since a backup set."
)
_SETS_TO_RESTORE = "The ticked findings were compared with different backup sets. Tick those of one set."


@require_POST
def finding_acknowledge(request: TenantRequest, finding_id: int) -> HttpResponse:
    """Somebody has seen it."""
    require(request, Capability.DRIFT_RUN)
    finding = queries.find_finding(finding_id)
    deciding.acknowledge_finding(finding, actor=request.user)
    messages.success(request, "Acknowledged. It is new again when the policy drifts otherwise.")
    return _back(request, finding_id)


@require_POST
def finding_reopen(request: TenantRequest, finding_id: int) -> HttpResponse:
    """Take back what was decided."""
    require(request, Capability.DRIFT_RUN)
    deciding.reopen_finding(queries.find_finding(finding_id), actor=request.user)
    messages.success(request, "The finding is new again.")
    return _back(request, finding_id)


@require_POST
def finding_ignore(request: TenantRequest, finding_id: int) -> HttpResponse:
    """Ignore it, or one of its settings, for a reason and until a day."""
    require(request, Capability.DRIFT_RUN)
    finding = queries.find_finding(finding_id)
    path = request.POST.get("path", "")
    try:
        until = _end_of(request.POST.get("until", ""))
        reason = request.POST.get("reason", "")
        if path:
            deciding.ignore_setting(finding, path=path, actor=request.user, reason=reason, until=until)
            messages.success(request, "The setting is left out of comparisons from now on.")
        else:
            deciding.ignore_finding(finding, actor=request.user, reason=reason, until=until)
            messages.success(request, "The finding is ignored.")
    except InputError as error:
        messages.error(request, _sentence(error))
    return _back(request, finding_id)


@require_POST
def setting_heed(request: TenantRequest, setting_id: int) -> HttpResponse:
    """Compare an ignored setting again."""
    require(request, Capability.DRIFT_RUN)
    ignored = IgnoredSetting.objects.select_related("tenant").filter(pk=setting_id).first()
    if ignored is None:
        raise NotFound
    deciding.stop_ignoring_setting(ignored, actor=request.user)
    messages.success(request, "Comparisons tell of this setting again.")
    return redirect("drift", slug=request.tenant.slug)


def _end_of(day: str) -> datetime:
    try:
        chosen = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError("Give the day until which it is ignored.", details={"field": "until"}) from None
    return datetime.combine(chosen.date(), time.max, tzinfo=UTC)


def _sentence(error: AtlasError) -> str:
    return f"{error.message} {error.hint}".strip()


def _back(request: TenantRequest, finding_id: int) -> HttpResponse:
    return redirect("finding_detail", slug=request.tenant.slug, finding_id=finding_id)
