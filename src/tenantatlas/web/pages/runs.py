"""Operations: the list, a run with its live band and items, cancel and retry."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.core.errors import InputError, NotFound
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.restore.models import Restore
from tenantatlas.runs import queries, services
from tenantatlas.runs.lifecycle import RETRIED_ITEM_STATES, ItemState, Outcome, RunStatus, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import RunFilters
from tenantatlas.runs.registry import all_operations, get_operation, label_of
from tenantatlas.web import filters
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.requests import TenantRequest, why_not
from tenantatlas.web.wizard import steps

ITEMS_PER_PAGE = 50
RUNS_PER_PAGE = 50
QUARTER = 25
TABS = ("items", "timeline", "parameters")
ITEM_STATES = frozenset(state.value for state in ItemState)
MARKS = {
    "": "…",
    Outcome.SUCCEEDED: "✓ Succeeded",
    Outcome.PARTIALLY_SUCCEEDED: "⚠ Partly succeeded",
    Outcome.FAILED: "✕ Failed",
    Outcome.BLOCKED: "✕ Blocked",
    Outcome.CANCELLED: "Cancelled",
}
#: The counts across the top of the list, which are its first filter.
STATES: dict[str, dict[str, Json]] = {
    "running": {"statuses": (RunStatus.RUNNING.value,)},
    "queued": {"statuses": (RunStatus.QUEUED.value,)},
    "attention": {"attention": True},
    "all": {},
}


def title_of(run: OperationRun) -> str:
    """What a run is called where one line must do."""
    return f"{label_of(run.operation)} #{run.pk}"


def fingerprint(*shown: object) -> str:
    """Moves whenever something that a fragment shows has moved."""
    return sha256_hex(repr(shown).encode())[:16]


def run_of(run_id: int) -> OperationRun:
    """The run of the tenant in the path, or the 404 of one that never existed."""
    run = OperationRun.objects.select_related("initiator", "parent").filter(pk=run_id).first()
    if run is None:
        raise NotFound
    return run


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
@filters.remembered("runs")
def run_list(request: TenantRequest) -> HttpResponse:
    """Newest first. As a fragment: the rows that were shown, as they are now, and how many are newer."""
    state = filters.chosen(request, "state", STATES, "all")
    known = {each.key: each.label for each in all_operations()}
    asked = {
        "operation": filters.chosen(request, "operation", known),
        "outcome": filters.chosen(request, "outcome", {each.value for each in Outcome}),
        "who": filters.text(request, "who"),
        "q": filters.text(request, "q"),
    }
    found = queries.run_list(request.tenant, _run_filters(state, asked))
    context: dict[str, Json] = {"title": "Operations", "section": "runs", "state": state}
    if wants_part(request):
        return _rows_again(request, found, context)
    counts = queries.state_counts(request.tenant)
    page = filters.page_of(request, found, RUNS_PER_PAGE)
    numbers = (counts.running, counts.queued + counts.waiting, counts.attention, counts.total)
    context |= _rows(page.object_list, news=0) | {
        "page": page,
        "asked": asked,
        "filtered": any(asked.values()),
        "outcomes": [each.value for each in Outcome],
        "states": zip(STATES, ("Running", "Queued", "Needs attention", "All"), numbers, strict=True),
        "operations": known.items(),
    }
    return render(request, "web/runs/list.html", context)


def _run_filters(state: str, asked: dict[str, str]) -> RunFilters:
    return RunFilters(
        operations=[asked["operation"]] if asked["operation"] else (),
        outcomes=[asked["outcome"]] if asked["outcome"] else (),
        initiator=asked["who"],
        subject=asked["q"],
        **STATES[state],
    )


def _rows(runs: Iterable[OperationRun], *, news: int) -> dict[str, Json]:
    rows = list(runs)
    shown = [(run.pk, run.status, run.outcome, run.waiting_reason, run.counts) for run in rows]
    return {
        "rows": rows,
        "news": news,
        "shown": ",".join(str(run.pk) for run in rows),
        "version": fingerprint(news, shown),
    }


def _rows_again(request: TenantRequest, found: Json, context: dict[str, Json]) -> HttpResponse:
    shown = [int(each) for each in request.GET.get("shown", "").split(",") if each.isdecimal()]
    news = found.filter(pk__gt=max(shown, default=0)).count()
    context |= _rows(OperationRun.objects.filter(pk__in=shown).order_by("-pk"), news=news)
    if context["version"] == request.GET.get("v"):
        return unchanged()
    return render_page_or_part(request, "web/runs/list.html", "web/runs/_rows.html", context)


# ── One run ───────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def run_detail(request: TenantRequest, run_id: int) -> HttpResponse:
    """The page that matters most: what is happening, item by item."""
    return render(request, "web/runs/detail.html", _shown(request, run_of(run_id)))


@require_GET
def run_live(request: TenantRequest, run_id: int) -> HttpResponse:
    """What moves on the page of a run; 204 while nothing did."""
    run = run_of(run_id)
    if run.is_open and request.GET.get("v") == _version(run, queries.progress(run)):
        return unchanged()
    return render_page_or_part(request, "web/runs/detail.html", "web/runs/_live.html", _shown(request, run))


def _version(run: OperationRun, progress: queries.Progress) -> str:
    return fingerprint(
        run.status,
        run.outcome,
        run.waiting_reason,
        run.cancel_asked_at,
        run.attempts,
        run.counts,
        progress.notice,
    )


def _shown(request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    tab = filters.chosen(request, "tab", TABS, "items")
    progress = queries.progress(run)
    return {
        "section": "runs",
        "title": title_of(run),
        "page_title": f"{MARKS[run.outcome]} {title_of(run)}",
        "run": run,
        "progress": progress,
        "announce": _announcement(run, progress),
        "version": _version(run, progress),
        "every": 2 if run.status == RunStatus.RUNNING else 5,
        "tab": tab,
        "tabs": TABS,
        "waited": run.started_at - run.created_at if run.started_at else None,
        "took": run.ended_at - run.started_at if run.ended_at and run.started_at else None,
        "undone": sum(run.counts.get(state.value, 0) for state in RETRIED_ITEM_STATES),
        "why_no_retry": _why_no_retry(request, run),
        "events": run.events.order_by("pk") if tab == "timeline" else (),
        "children": list(run.children.order_by("pk")),
        "steps": _wizard_steps(request, run),
        **(_items(request, run) if tab == "items" else {}),
    }


def _announcement(run: OperationRun, progress: queries.Progress) -> str:
    """What the live region says: at the start, each quarter, and the end."""
    if not run.is_open or progress.percent is None:
        return progress.sentence
    return f"{label_of(run.operation)}: {progress.percent // QUARTER * QUARTER} percent"


def _why_no_retry(request: TenantRequest, run: OperationRun) -> str:
    try:
        operation = get_operation(run.operation)
    except InputError:
        return "This version does not know the operation."
    if not run.may_retry:
        return "No item went wrong."
    if not operation.retryable:
        return "Begin another one instead: its items depend on each other."
    return why_not(request, operation.needs)


def _wizard_steps(request: TenantRequest, run: OperationRun) -> Json:
    if run.operation != "restore.preview":
        return ()
    restore = Restore.objects.filter(pk=run.context.get("restore") or run.params.get("restore")).first()
    return steps(request.tenant.slug, restore, "Preview")


def _items(request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    bad = queries.items_worth_reading(run)
    chosen = filters.chosen(request, "items", {*ITEM_STATES, "bad", "all"}, "bad" if bad else "all")
    states = bad if chosen == "bad" else (chosen,) if chosen in ITEM_STATES else ()
    rows = queries.run_items(run, states=states)
    return {
        "items": filters.page_of(request, rows, ITEMS_PER_PAGE),
        "chosen": chosen,
        "bad": sum(run.counts.get(state, 0) for state in bad),
        "states": [state.value for state in ItemState if run.counts.get(state.value)],
    }


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
    started = services.retry_failed_items(run_of(run_id), actor=request.user, trigger=Trigger.PERSON)
    return show_started(request, started)


# ── Starting, for every page ──────────────────────────────────────────────────────────────────────────────


def start(request: TenantRequest, key: str, params: dict[str, Json] | None = None) -> HttpResponse:
    """Start the operation as the person who asks, say so, and lead to its run."""
    started = services.start_run(
        key, tenant=request.tenant, params=params or {}, actor=request.user, trigger=Trigger.PERSON
    )
    return show_started(request, started)


def show_started(request: TenantRequest, started: tuple[OperationRun, bool]) -> HttpResponse:
    """The toast of a start (started, or already on its way) and the way to the run."""
    run, created = started
    say_started(request, run, created=created)
    return redirect("run_detail", slug=request.tenant.slug, run_id=run.pk)


def say_started(request: HttpRequest, run: OperationRun, *, created: bool) -> None:
    """The toast of every start."""
    if created:
        messages.success(request, f"Started: {title_of(run)}.")
    else:
        messages.info(request, f"Already {'running' if run.started_at else 'queued'}: {title_of(run)}.")
