"""One run: what is happening, item by item; what happened when; cancel, retry, again."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.core.errors import Conflict, InputError, NothingToCompare
from tenantatlas.core.json import Json
from tenantatlas.drift.operations import Against
from tenantatlas.drift.queries import comparison_in_words
from tenantatlas.restore.models import Restore
from tenantatlas.runs import logbook, queries, services
from tenantatlas.runs.facts import ITEM_COLUMNS, item_facts, time_text
from tenantatlas.runs.lifecycle import RETRIED_ITEM_STATES, ItemState, Outcome, RunStatus, Trigger
from tenantatlas.runs.logbook import LOG_COLUMNS, Level
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import Progress, progress
from tenantatlas.runs.registry import get_operation, label_of
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.htmx import render_page_or_part, unchanged
from tenantatlas.web.requests import TenantRequest, why_not
from tenantatlas.web.wizard import steps

from .runs import fingerprint, run_of, show_started, title_of

ITEMS_PER_PAGE = 50
#: What the page says when it moved, so that the frame looks again at what is running.
MOVED = "runs-moved"
LINES_SHOWN = 200
#: As many items that ended for the same reason are shown as one.
GROUPED_FROM = 3
QUARTER = 25
TABS = {"items": "Items", "timeline": "Timeline", "parameters": "Parameters", "log": "Log"}
ITEM_STATES = frozenset(state.value for state in ItemState)
MARKS = {
    "": "…",
    Outcome.SUCCEEDED: "✓ Succeeded",
    Outcome.PARTIALLY_SUCCEEDED: "⚠ Partly succeeded",
    Outcome.FAILED: "✕ Failed",
    Outcome.BLOCKED: "✕ Blocked",
    Outcome.CANCELLED: "Cancelled",
}
#: What a run's context and parameters may name: the words, and the page of it.
RELATED = {
    "set": ("Backup set", "set_detail", "set_id"),
    "restore": ("Restore", "restore_detail", "restore_id"),
    "schedule": ("Schedule", "schedule_detail", "schedule_id"),
    "export": ("Archive", "export_download", "export_id"),
    "upload": ("Import", "import_preview", "upload_id"),
}


@require_GET
def run_detail(request: TenantRequest, run_id: int) -> HttpResponseBase:
    """The page that matters most. With `export` a file: the items, or on the tab Log the log."""
    run = run_of(run_id)
    if request.GET.get("tab") == "log":
        lines = (_line_facts(line) for line in logbook.log_lines(run, least=_level(request)))
        file = export_response(request, name=f"run-{run.pk}-log", columns=LOG_COLUMNS, rows=lines)
    else:
        items = _item_rows(request, run)
        file = export_response(request, name=f"run-{run.pk}-items", columns=ITEM_COLUMNS, rows=items)
    return file or render(request, "web/runs/detail.html", _shown(request, run))


def _item_rows(request: TenantRequest, run: OperationRun) -> Iterator[dict[str, Json]]:
    """The facts of the chosen items; nothing is asked before the first is wanted."""
    chosen = _which_items(request, queries.worth_reading(run).count())
    for item in _chosen_items(request, run, chosen).iterator(chunk_size=500):
        yield item_facts(item)


@require_GET
def run_live(request: TenantRequest, run_id: int) -> HttpResponse:
    """What moves on the page of a run; 204 while nothing did."""
    run = run_of(run_id)
    if run.is_open and request.GET.get("v") == _version(run, progress(run)):
        return unchanged()
    context = _shown(request, run)
    response = render_page_or_part(request, "web/runs/detail.html", "web/runs/_live.html", context)
    response.headers["HX-Trigger"] = MOVED
    return response


def _version(run: OperationRun, far: Progress) -> str:
    return fingerprint(
        run.status,
        run.outcome,
        run.waiting_reason,
        run.cancel_asked_at,
        run.attempts,
        run.counts,
        far.notice,
    )


def _shown(request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    tab = filters.chosen(request, "tab", TABS, "items")
    far = progress(run)
    parts = {"items": _items, "timeline": _timeline, "parameters": _parameters, "log": _log}
    return {
        "section": "runs",
        "title": title_of(run),
        "page_title": f"{MARKS[run.outcome]} {title_of(run)}",
        "run": run,
        "progress": far,
        "announce": _announcement(run, far),
        "version": _version(run, far),
        "every": 2 if run.status == RunStatus.RUNNING else 5,
        "tab": tab,
        "tabs": list(TABS.items()),
        "waited": run.started_at - run.created_at if run.started_at else None,
        "took": run.ended_at - run.started_at if run.ended_at and run.started_at else None,
        "undone": sum(run.counts.get(state.value, 0) for state in RETRIED_ITEM_STATES),
        "why_no_retry": _why_no_retry(request, run),
        "why_not_again": _why_not_again(request, run),
        "no_worker": run.is_open and not services.worker_alive(),
        "children": list(run.children.order_by("pk")),
        "related": list(_related(request, run)),
        "result": _result(run),
        "ways_on": list(_ways_on(request, run)),
        "steps": _wizard_steps(request, run),
        **parts[tab](request, run),
    }


def _announcement(run: OperationRun, far: Progress) -> str:
    """What the live region says: at the start, each quarter, and the end."""
    if not run.is_open or far.percent is None:
        return far.sentence
    return f"{label_of(run.operation)}: {far.percent // QUARTER * QUARTER} percent"


def _why_no_retry(request: TenantRequest, run: OperationRun) -> str:
    if run.imported_from:
        return "It was done elsewhere: only its history is here."
    try:
        operation = get_operation(run.operation)
    except InputError:
        return "This version does not know the operation."
    if not run.may_retry:
        return "No item went wrong."
    if not operation.retryable:
        return "Begin another one instead: its items depend on each other."
    return why_not(request, operation.needs)


def _why_not_again(request: TenantRequest, run: OperationRun) -> str:
    try:
        services.check_may_run_again(run)
    except (Conflict, InputError) as error:
        return error.message
    return why_not(request, get_operation(run.operation).needs)


def _related(request: TenantRequest, run: OperationRun) -> Iterator[tuple[str, int, str]]:
    for key, (words, page, argument) in RELATED.items():
        named = run.context.get(key) or run.params.get(key)
        if not isinstance(named, int) or not named:
            continue
        try:
            yield words, named, reverse(page, kwargs={"slug": request.tenant.slug, argument: named})
        except NoReverseMatch:
            continue


def _result(run: OperationRun) -> str:
    """What a comparison that has ended came to; empty where that is not known, or of other work."""
    if run.is_open or run.outcome == Outcome.BLOCKED or not queries.does(run, "drift.generate"):
        return ""
    return comparison_in_words(run)


def _ways_on(request: TenantRequest, run: OperationRun) -> Iterator[tuple[str, str]]:
    """What can be done here where there was nothing to compare: (words, page)."""
    if NothingToCompare.code not in {failure["code"] for failure in run.failures}:
        return
    params = run.params.get("params") or run.params
    if params.get("against") == Against.INVENTORY:
        there = reverse("policy_list", kwargs={"slug": request.tenant.slug})
        yield "Synchronise the inventory once more", there
        yield "Compare a backup set with the tenant", reverse("drift", kwargs={"slug": request.tenant.slug})
    else:
        yield "Choose a baseline", reverse("drift", kwargs={"slug": request.tenant.slug})


def _wizard_steps(request: TenantRequest, run: OperationRun) -> Json:
    if run.operation != "restore.preview":
        return ()
    restore = Restore.objects.filter(pk=run.context.get("restore") or run.params.get("restore")).first()
    return steps(request.tenant.slug, restore, "Preview")


# ── Its parts ─────────────────────────────────────────────────────────────────────────────────────────────


def _which_items(request: TenantRequest, bad: int) -> str:
    """The choice: a state, `bad` or `all`. What is worth reading goes first."""
    return filters.chosen(request, "items", {*ITEM_STATES, "bad", "all"}, "bad" if bad else "all")


def _chosen_items(request: TenantRequest, run: OperationRun, chosen: str) -> Json:
    """The items that the query string selects: by result, and of one group."""
    states = (chosen,) if chosen in ITEM_STATES else ()
    rows = queries.worth_reading(run) if chosen == "bad" else queries.run_items(run, states=states)
    wanted = filters.text(request, "group")
    for group in queries.reasons_of(run) if wanted else ():
        if group["key"] == wanted:
            return rows.filter(state=group["state"], reason=group["reason"], message=group["message"])
    return rows


def _items(request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    bad = queries.worth_reading(run).count()
    chosen = _which_items(request, bad)
    rows, groups = _chosen_items(request, run, chosen), []
    if chosen == "bad" and not request.GET.get("group"):
        reasons = queries.reasons_of(run) if _anything_wrong(run) else ()
        groups = [group for group in reasons if group["count"] >= GROUPED_FROM]
        for group in groups:
            rows = rows.exclude(state=group["state"], reason=group["reason"], message=group["message"])
    return {
        "items": filters.page_of(request, rows, ITEMS_PER_PAGE),
        "groups": groups,
        "in_group": bool(request.GET.get("group")),
        "chosen": chosen,
        "bad": bad,
        "states": [state.value for state in ItemState if run.counts.get(state.value)],
    }


def _anything_wrong(run: OperationRun) -> bool:
    """Whether an item ended otherwise than well."""
    return bool(run.counts.get("total", 0) - run.counts.get(ItemState.SUCCEEDED.value, 0))


def _timeline(_request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    return {"events": run.events.order_by("pk")}


def _parameters(_request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    """The frozen parameters as words: lists one below the other, what was left out said."""
    rows = [(name.replace("_", " ").capitalize(), value) for name, value in run.params.items()]
    return {"parameters": rows}


def _log(request: TenantRequest, run: OperationRun) -> dict[str, Json]:
    return {
        "lines": logbook.newest_lines(run, least=_level(request), most=LINES_SHOWN),
        "level": _level(request).value,
        "levels": [(level.value, words) for level, words in _LEVEL_WORDS.items()],
        "most": LINES_SHOWN,
        "follow": request.GET.get("follow") != "no",
    }


_LEVEL_WORDS = {Level.INFO: "Everything", Level.WARNING: "Warnings and errors", Level.ERROR: "Errors"}


def _level(request: TenantRequest) -> Level:
    return Level(filters.chosen(request, "level", {level.value for level in Level}, Level.INFO.value))


def _line_facts(line: logbook.LogLine) -> dict[str, Json]:
    return {
        "at": time_text(line.at),
        "level": line.level.value,
        "message": line.message,
        "item": line.item,
        "reason": line.reason,
        "request_id": line.request_id,
    }


# ── What can be done with it ──────────────────────────────────────────────────────────────────────────────


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


@require_POST
def run_again(request: TenantRequest, run_id: int) -> HttpResponse:
    """Start the same work once more, with the same parameters."""
    started = services.run_again(run_of(run_id), actor=request.user, trigger=Trigger.PERSON)
    return show_started(request, started)
