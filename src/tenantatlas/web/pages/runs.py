"""Operations: the list of runs, and what every page says of a run that it starts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET

from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.runs import queries, services
from tenantatlas.runs.facts import RUN_COLUMNS, run_facts
from tenantatlas.runs.lifecycle import Outcome, RunStatus, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import is_silent
from tenantatlas.runs.queries import RunFilters
from tenantatlas.runs.registry import all_operations, label_of
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.htmx import render_page_or_part, unchanged, wants_part
from tenantatlas.web.requests import TenantRequest
from tenantatlas.web.words import STATES as STATES_WORDS

RUNS_PER_PAGE = 50
#: How many open runs the frame shows.
MOST_BUSY = 5
#: The counts across the top of the list, which are its first filter.
STATES: dict[str, dict[str, Json]] = {
    "running": {"statuses": (RunStatus.RUNNING.value,)},
    "queued": {"statuses": (RunStatus.QUEUED.value,)},
    "attention": {"attention": True},
    "all": {},
}
#: The windows of time to choose from: their days and words.
WINDOWS = {
    "1": "the last 24 hours",
    "7": "the last 7 days",
    "30": "the last 30 days",
    "90": "the last 90 days",
}
ALL_TIME, DEFAULT_WINDOW = "all", "30"
TRIGGERS = {
    Trigger.PERSON.value: "A person, here",
    Trigger.CLI.value: "The command line",
    Trigger.SCHEDULE.value: "A schedule",
    Trigger.API.value: "The API",
    Trigger.SYSTEM.value: "TenantAtlas itself",
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
def run_list(request: TenantRequest) -> HttpResponseBase:
    """Newest first. As a fragment: the rows that were shown, as they are now, and how many are newer."""
    state = filters.chosen(request, "state", STATES, "all")
    known = {each.key: each.label for each in all_operations()}
    asked = _asked(request, known)
    wanted = run_filters(asked)
    found = queries.run_list(request.tenant, _in_state(wanted, state))
    rows = (run_facts(run) for run in found.iterator(chunk_size=500))
    file = export_response(request, name="runs", columns=RUN_COLUMNS, rows=rows)
    if file is not None:
        return file
    context: dict[str, Json] = {"title": "Operations", "section": "runs", "state": state}
    if wants_part(request):
        return _rows_again(request, found, context)
    counts = queries.state_counts(request.tenant, wanted)
    page = filters.page_of(request, found, RUNS_PER_PAGE, most=queries.MOST_COUNTED)
    context |= _rows(page.object_list, news=0) | {
        "page": page,
        "asked": asked,
        "filtered": any(asked[name] for name in asked if name != "when") or asked["when"] != DEFAULT_WINDOW,
        "outcomes": [(each.value, STATES_WORDS[each.value][0]) for each in Outcome],
        "states": _states(counts),
        "operations": list(known.items()),
        "triggers": list(TRIGGERS.items()),
        "windows": [*WINDOWS.items(), (ALL_TIME, "any time")],
        "window": WINDOWS.get(asked["when"], "any time"),
        "capped": counts.capped,
    }
    return render(request, "web/runs/list.html", context)


def _asked(request: TenantRequest, known: dict[str, str]) -> dict[str, str]:
    return {
        "operation": filters.chosen(request, "operation", known),
        "outcome": filters.chosen(request, "outcome", {each.value for each in Outcome}),
        "trigger": filters.chosen(request, "trigger", TRIGGERS),
        "when": filters.chosen(request, "when", {*WINDOWS, ALL_TIME}, DEFAULT_WINDOW),
        "who": filters.text(request, "who"),
        "q": filters.text(request, "q"),
    }


def run_filters(asked: dict[str, str]) -> RunFilters:
    """What the query string asks for, but for the state."""
    days = asked["when"]
    ever = datetime(1970, 1, 1, tzinfo=UTC)
    return RunFilters(
        operations=[asked["operation"]] if asked["operation"] else (),
        outcomes=[asked["outcome"]] if asked["outcome"] else (),
        triggers=[asked["trigger"]] if asked["trigger"] else (),
        initiator=asked["who"],
        subject=asked["q"],
        since=ever if days == ALL_TIME else clock.now() - timedelta(days=int(days)),
    )


def _in_state(wanted: RunFilters, state: str) -> RunFilters:
    return replace(wanted, **STATES[state])


def _states(counts: queries.StateCounts) -> list[tuple[str, str, Json]]:
    total = f"{counts.total}+" if counts.capped else counts.total
    return [
        ("running", "Running", counts.running),
        ("queued", "Queued", counts.queued + counts.waiting),
        ("attention", "Needs attention", counts.attention),
        ("all", "All", total),
    ]


def _rows(runs: Iterable[OperationRun], *, news: int) -> dict[str, Json]:
    rows = list(runs)
    shown = [(run.pk, run.word, run.waiting_reason, run.counts, is_silent(run)) for run in rows]
    return {
        "rows": rows,
        "news": news,
        "shown": ",".join(str(run.pk) for run in rows),
        "version": fingerprint(news, shown),
    }


def _rows_again(request: TenantRequest, found: Json, context: dict[str, Json]) -> HttpResponse:
    shown = filters.numbers(request, "shown")[:RUNS_PER_PAGE]
    news = found.filter(pk__gt=max(shown, default=0))[: RUNS_PER_PAGE + 1].count()
    context |= _rows(OperationRun.objects.filter(pk__in=shown).order_by("-pk"), news=news)
    if context["version"] == request.GET.get("v"):
        return unchanged()
    return render_page_or_part(request, "web/runs/list.html", "web/runs/_rows.html", context)


@require_GET
def run_busy(request: TenantRequest) -> HttpResponse:
    """What the tenant is busy with, for the frame of every page; 204 while it is the same."""
    found = queries.open_runs(request.tenant)
    busy = list(found[: MOST_BUSY + 1])
    more = found.count() - MOST_BUSY if len(busy) > MOST_BUSY else 0
    shown = [(run.pk, run.word, run.counts, is_silent(run)) for run in busy]
    context = {"busy": busy[:MOST_BUSY], "more": more, "version": fingerprint(more, shown)}
    if request.GET.get("v") == context["version"]:
        return unchanged()
    return render(request, "web/runs/_busy.html", context)


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
    there = reverse("run_detail", kwargs={"slug": run.tenant.slug, "run_id": run.pk})
    view = format_html('<a href="{}">View run</a>', there)
    if run.not_handed_over:
        said = run.failures[0]
        messages.error(request, format_html("{} {} {}", said["message"], said["hint"], view))
    elif created:
        messages.success(request, format_html("Started: {}. {}", title_of(run), view))
    else:
        words = "running" if run.status == RunStatus.RUNNING else "queued" if run.is_open else "done"
        messages.info(request, format_html("Already {}: {}. {}", words, title_of(run), view))
