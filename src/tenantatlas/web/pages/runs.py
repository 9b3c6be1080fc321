"""Operations: the list, a run, its live band and items, cancel and retry."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import NotFound
from tenantatlas.core.ids import sha256_hex
from tenantatlas.runs import queries, services
from tenantatlas.runs.lifecycle import ItemState, Outcome, RunStatus, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import label_of
from tenantatlas.tenants.queries import has_capability
from tenantatlas.web.htmx import render_page_or_part, unchanged
from tenantatlas.web.requests import TenantRequest

ITEMS_PER_PAGE = 50
RUNS_PER_PAGE = 50
BAD = (
    ItemState.FAILED,
    ItemState.SKIPPED,
    ItemState.UNKNOWN,
    ItemState.NEEDS_DECISION,
    ItemState.NOT_STARTED,
)
ITEM_STATES = frozenset(state.value for state in ItemState)
STATES = {
    "open": {"status__in": [RunStatus.QUEUED.value, RunStatus.RUNNING.value]},
    "attention": {
        "outcome__in": [Outcome.FAILED.value, Outcome.BLOCKED.value, Outcome.PARTIALLY_SUCCEEDED.value]
    },
    "all": {},
}


def title_of(run: OperationRun) -> str:
    """What a run is called where one line must do."""
    return f"{label_of(run.operation)} #{run.pk}"


def change_counter(run: OperationRun) -> str:
    """Moves whenever something that the live band shows has moved."""
    shown = (run.status, run.outcome, run.waiting_reason, run.cancel_asked_at, run.attempts, run.counts)
    return sha256_hex(repr(shown).encode())[:16]


def run_of(run_id: int) -> OperationRun:
    """The run of the tenant in the path, or the 404 of one that never existed."""
    run = OperationRun.objects.select_related("initiator", "parent").filter(pk=run_id).first()
    if run is None:
        raise NotFound
    return run


@require_GET
def run_list(request: TenantRequest) -> HttpResponse:
    """Newest first, with counts that are the first filter."""
    chosen = request.GET.get("state", "all")
    if chosen not in STATES:
        chosen = "all"
    operation = request.GET.get("operation", "")
    runs = OperationRun.objects.filter(**STATES[chosen])
    if operation:
        runs = runs.filter(operation=operation)
    page = Paginator(runs.order_by("-pk"), RUNS_PER_PAGE).get_page(request.GET.get("page"))
    counts = {name: OperationRun.objects.filter(**rule).count() for name, rule in STATES.items()}
    context = {
        "title": "Operations",
        "section": "runs",
        "page": page,
        "chosen": chosen,
        "counts": (("open", "Open"), ("attention", "Needs attention"), ("all", "All")),
        "count_of": counts,
        "operation": operation,
        "operations": sorted(set(OperationRun.objects.values_list("operation", flat=True))),
    }
    return render(request, "web/runs/list.html", context)


@require_GET
def run_detail(request: TenantRequest, run_id: int) -> HttpResponse:
    """The page that matters most: what is happening, item by item."""
    run = run_of(run_id)
    chosen = request.GET.get("items", "") or ("bad" if _ended_badly(run) else "all")
    context = {
        **_live(run),
        "section": "runs",
        "title": title_of(run),
        **_items(request, run, chosen),
        "events": run.events.order_by("pk"),
        "tab": request.GET.get("tab", "items"),
        "may_cancel": has_capability(request.user, request.tenant, Capability.RUN_CANCEL),
        "children": list(run.children.order_by("pk")),
    }
    return render(request, "web/runs/detail.html", context)


def _ended_badly(run: OperationRun) -> bool:
    return run.outcome in {Outcome.FAILED, Outcome.PARTIALLY_SUCCEEDED, Outcome.BLOCKED}


def _live(run: OperationRun) -> dict[str, object]:
    progress = queries.progress(run)
    return {
        "run": run,
        "progress": progress,
        "version": change_counter(run),
        "every": 2 if run.status == RunStatus.RUNNING else 5,
    }


def _items(request: TenantRequest, run: OperationRun, chosen: str) -> dict[str, object]:
    items = run.items.order_by("position")
    if chosen == "bad":
        items = items.filter(state__in=[state.value for state in BAD])
    elif chosen in ITEM_STATES:
        items = items.filter(state=chosen)
    else:
        chosen = "all"
    return {
        "items": Paginator(items, ITEMS_PER_PAGE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "states": [state.value for state in ItemState if run.counts.get(state.value)],
    }


@require_GET
def run_live(request: TenantRequest, run_id: int) -> HttpResponse:
    """The live band and the items; 204 while nothing changed."""
    run = run_of(run_id)
    live = _live(run)
    if request.GET.get("v") == str(live["version"]) and run.is_open:
        return unchanged()
    chosen = request.GET.get("items", "") or ("bad" if _ended_badly(run) else "all")
    context = {**live, **_items(request, run, chosen), "title": title_of(run), "section": "runs"}
    return render_page_or_part(request, "web/runs/detail.html", "web/runs/_live.html", context)


@require_POST
def run_cancel(request: TenantRequest, run_id: int) -> HttpResponse:
    """Ask the run to stop at the next item boundary."""
    run = services.cancel_run(run_of(run_id), actor=request.user)
    if run.is_open:
        messages.info(request, "Stopping: the item in hand finishes, the others are not started.")
    return redirect("run_detail", slug=request.tenant.slug, run_id=run_id)


@require_POST
def run_retry(request: TenantRequest, run_id: int) -> HttpResponse:
    """Start a run that does again what went wrong."""
    run, created = services.retry_failed_items(run_of(run_id), actor=request.user, trigger=Trigger.PERSON)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=request.tenant.slug, run_id=run.pk)


def say_started(request: TenantRequest, run: OperationRun, *, created: bool) -> None:
    """The toast of every start: started, or already on its way."""
    if created:
        messages.success(request, f"Started: {title_of(run)}.")
    else:
        messages.info(request, f"Already {'running' if run.started_at else 'queued'}: {title_of(run)}.")
