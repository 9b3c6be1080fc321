"""Drift: what comparisons found and what became of it, the comparisons, and the baseline."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import IMPORTED, SetStatus
from tenantatlas.backups.queries import find_set, set_list
from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json
from tenantatlas.drift import deciding, queries
from tenantatlas.drift.models import Finding, FindingKind, FindingState, Severity
from tenantatlas.drift.operations import Against, DriftParams
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import does, doing
from tenantatlas.web import filters
from tenantatlas.web.differing import names_in
from tenantatlas.web.exports import export_response
from tenantatlas.web.requests import TenantRequest, require

from .runs import run_of, start

FINDINGS_PER_PAGE = 50
COMPARISONS = 20
SETS_OFFERED = 20
TABS = ("findings", "comparisons", "ignored")
ALL = "all"
COLUMNS = (
    "finding",
    "state",
    "severity",
    "kind",
    "type",
    "name",
    "id",
    "summary",
    "first_seen",
    "last_seen",
    "comparison",
    "reason",
    "ignored_until",
)


@require_GET
@filters.remembered("drift")
def drift(request: TenantRequest) -> HttpResponseBase:
    """What was found, gravest first; or the comparisons; or what is left out of them."""
    tab = filters.chosen(request, "tab", TABS, "findings")
    asked = {
        "state": filters.chosen(request, "state", {*FindingState.values, ALL}, FindingState.NEW.value),
        "severity": filters.chosen(request, "severity", Severity.values),
        "kind": filters.chosen(request, "kind", FindingKind.values),
        "type": filters.chosen(request, "type", {each.key for each in all_types()}),
        "q": filters.text(request, "q"),
    }
    found = _matching(asked)
    if file := export_response(
        request, name="drift", columns=COLUMNS, rows=(queries.finding_facts(one) for one in found.iterator())
    ):
        return file
    context: dict[str, Json] = {
        "title": "Drift",
        "section": "drift",
        "tab": tab,
        "tabs": [("findings", "Findings"), ("comparisons", "Comparisons"), ("ignored", "Ignored settings")],
        "baseline": queries.baseline_of_tenant(),
        **_comparable(),
        **_part(request, tab, found, asked),
    }
    return render(request, "web/drift/list.html", context)


def _comparable() -> dict[str, Json]:
    """What can be compared: sets, one of them preselected, and inventories, or why those cannot be."""
    sets = list(set_list().exclude(status=SetStatus.CAPTURING)[:SETS_OFFERED])
    complete = (each for each in sets if each.status == SetStatus.COMPLETE and each.source != IMPORTED)
    known = len(queries.two_inventories(DriftParams(against=Against.INVENTORY).selection))
    return {
        "sets": sets,
        "latest": next(complete, None),
        "why_no_inventories": ("There is no inventory yet.", "There is only one yet.", "")[known],
    }


def _part(
    request: TenantRequest, tab: str, found: QuerySet[Finding], asked: dict[str, str]
) -> dict[str, Json]:
    if tab == "comparisons":
        runs = OperationRun.objects.filter(doing("drift.generate")).order_by("-pk")
        return {"runs": runs[:COMPARISONS]}
    if tab == "ignored":
        return {"settings": queries.ignored_settings()}
    counts = queries.state_counts()
    page = filters.page_of(request, found, FINDINGS_PER_PAGE)
    return {
        "page": page,
        "rows": [(one, queries.state_of(one)) for one in page.object_list],
        "asked": asked,
        "filtered": any(asked[name] for name in ("severity", "kind", "type", "q")),
        "states": [(each.value, each.label, counts[each.value]) for each in FindingState],
        "total": sum(counts.values()),
        "severities": Severity.choices,
        "kinds": FindingKind.choices,
        "types": [(each.key, each.label) for each in all_types()],
    }


def _matching(asked: dict[str, str]) -> QuerySet[Finding]:
    state = None if asked["state"] == ALL else FindingState(asked["state"])
    found = queries.finding_list(state=state, types=[asked["type"]] if asked["type"] else [])
    for name in ("severity", "kind"):
        if asked[name]:
            found = found.filter(**{name: asked[name]})
    return found.filter(name__icontains=asked["q"]) if asked["q"] else found


@require_POST
def start_drift(request: TenantRequest) -> HttpResponse:
    """Start a comparison: of a set, of the baseline, or of the two newest inventories."""
    chosen = request.POST.get("set", "")
    if chosen in (Against.BASELINE, Against.INVENTORY):
        return start(request, "drift.generate", {"against": chosen})
    if not chosen.isdecimal():
        messages.error(request, "Choose a backup set to compare with.")
        return redirect("drift", slug=request.tenant.slug)
    return start(request, "drift.generate", {"set": int(chosen)})


@require_POST
def choose_baseline(request: TenantRequest) -> HttpResponse:
    """Make a set the baseline; it is kept from then on."""
    require(request, Capability.BACKUP_KEEP)
    chosen = request.POST.get("set", "")
    found = find_set(int(chosen) if chosen.isdecimal() else 0)
    deciding.choose_baseline(found, actor=request.user)
    messages.success(request, f"The baseline is now {found.name}. It is kept.")
    return redirect("drift", slug=request.tenant.slug)


@require_GET
def drift_report(request: TenantRequest, run_id: int) -> HttpResponse:
    """What one comparison found, gravest first."""
    run = run_of(run_id)
    if not does(run, "drift.generate"):
        raise NotFound
    severity = filters.chosen(request, "severity", Severity.values)
    kind = filters.chosen(request, "kind", FindingKind.values)
    found = queries.findings_of_run(run.pk)
    severities = list(found.values_list("severity", flat=True))
    if severity:
        found = found.filter(severity=severity)
    if kind:
        found = found.filter(kind=kind)
    page = filters.page_of(request, found, FINDINGS_PER_PAGE)
    context = {
        "title": "Drift",
        "section": "drift",
        "run": run,
        "page": page,
        "rows": [(one, queries.state_of(one)) for one in page.object_list],
        "names": names_in(each for one in page.object_list for each in one.differences),
        "total": len(severities),
        "severities": [
            (each.value, each.label, severities.count(each.value))
            for each in Severity
            if each.value in severities
        ],
        "severity": severity,
        "kinds": FindingKind.choices,
        "kind": kind,
        "result": queries.comparison_in_words(run) if severities and not run.is_open else "",
        "to_restore": queries.to_restore(run.pk).count() if severities else 0,
        "set": run.context.get("set"),
        "newer": queries.set_after(run.created_at) if run.context.get("set") else None,
    }
    return render(request, "web/drift/report.html", context)
