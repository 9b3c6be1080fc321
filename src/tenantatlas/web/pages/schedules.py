"""Schedules: the list, one with its slots, the editor, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core import clock, ids
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.registry import label_of
from tenantatlas.schedules import queries, services
from tenantatlas.schedules.due import zone_names
from tenantatlas.schedules.models import Follower, Missed, Schedule, SlotState, Tell
from tenantatlas.schedules.queries import ScheduleRow
from tenantatlas.schedules.services import schedulable_operations
from tenantatlas.web import filters, schedule_form
from tenantatlas.web.exports import export_response
from tenantatlas.web.htmx import render_page_or_part, wants_part
from tenantatlas.web.picking import Chosen, chosen_policies, is_picking
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest, require
from tenantatlas.web.times import times_of

from .runs import show_started

PER_PAGE = 50
RUNS_BY_HAND = 10
COLUMNS = ("schedule", "name", "operation", "cadence", "zone", "state", "next", "last_outcome", "owner")
STATES = (("on", "On"), ("paused", "Paused"), ("archived", "Archived"))


# ── The list and one of it ────────────────────────────────────────────────────────────────────────────────


@require_GET
@filters.remembered("schedules")
def schedule_list(request: TenantRequest) -> HttpResponseBase:
    """What runs when, what came last, and what is overdue."""
    state = filters.chosen(request, "state", dict(STATES))
    operation = filters.chosen(request, "operation", dict(schedulable_operations()))
    search = filters.text(request, "q")
    found = queries.schedule_list(archived=state == "archived", text=search, operation=operation)
    if state in ("on", "paused"):
        found = found.filter(paused_at__isnull=state == "on")
    export = export_response(
        request, name="schedules", columns=COLUMNS, rows=(_exported(row) for row in _all_rows(found))
    )
    if export is not None:
        return export
    page = filters.page_of(request, found, PER_PAGE)
    context: dict[str, Json] = {
        "title": "Schedules",
        "section": "schedules",
        "page": page,
        "rows": queries.schedule_rows(page.object_list),
        "search": search,
        "asked_state": state,
        "asked_operation": operation,
        "states": STATES,
        "operations": schedulable_operations(),
        "filtered": bool(search or operation or state),
        "nonce": ids.fresh_id(),
    }
    return render(request, "web/schedules/list.html", context)


def _all_rows(found: Json) -> Iterator[ScheduleRow]:
    yield from queries.schedule_rows(found)


def _exported(row: ScheduleRow) -> dict[str, Json]:
    schedule = row.schedule
    return {
        "schedule": schedule.pk,
        "name": schedule.name,
        "operation": schedule.operation,
        "cadence": row.cadence,
        "zone": schedule.zone,
        "state": "archived" if schedule.archived_at else "paused" if schedule.paused_at else "on",
        "next": row.following.at.isoformat(timespec="seconds") if row.following else None,
        "last_outcome": row.last_run.word if row.last_run else None,
        "owner": schedule.owner.email,
    }


@require_GET
def schedule_detail(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """One schedule: when it comes next, and what became of its slots."""
    schedule = queries.find_schedule(schedule_id)
    state = filters.chosen(request, "slots", SlotState.values)
    (row,) = queries.schedule_rows([schedule])
    followers = list(Follower.objects.filter(schedule=schedule).select_related("user").order_by("pk"))
    context: dict[str, Json] = {
        "title": schedule.name,
        "section": "schedules",
        "schedule": schedule,
        "row": row,
        "asks_for": asked_for(schedule),
        "by_hand": queries.runs_asked_for(schedule)[:RUNS_BY_HAND],
        "times": schedule_form.times_of(schedule.cadence, after=clock.now()),
        "promise": queries.hours_in_words(schedule.promise_seconds),
        "page": filters.page_of(request, queries.slot_list(schedule, state=state), PER_PAGE),
        "asked_state": state,
        "states": SlotState.choices,
        "followers": followers,
        "following": next((each.told for each in followers if each.user_id == request.user.pk), ""),
        "tells": Tell.choices,
        "nonce": ids.fresh_id(),
    }
    return render(request, "web/schedules/detail.html", context)


def asked_for(schedule: Schedule) -> list[str]:
    """What its runs work on, in words: every type and policy by its name."""
    given = {name: value for name, value in schedule.params.items() if value}
    types, policies = given.pop("types", ()), given.pop("policies", ())
    said = [_label_of_type(each) for each in types] + [_said(each) for each in chosen_policies(policies)]
    if not said and {"types", "policies"} & schedule.params.keys():
        said = ["All policies"]
    others = (f"{name.replace('_', ' ').capitalize()}: {_in_words(value)}" for name, value in given.items())
    return [*said, *others]


def _label_of_type(key: str) -> str:
    return next((each.label for each in all_types() if each.key == key), key)


def _said(policy: Chosen) -> str:
    return f"{policy.name} ({policy.note.lower()})" if policy.note else policy.name


def _in_words(value: Json) -> str:
    return "yes" if value is True else str(value)


# ── The editor ────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def schedule_new(request: TenantRequest) -> HttpResponse:
    """A new schedule: what, when, and who is told."""
    require(request, Capability.SCHEDULE_MANAGE)
    operation = filters.chosen(request, "operation", dict(schedulable_operations()), queries.CAPTURE)

    def save(wanted: services.Wanted) -> Schedule:
        return services.add_schedule(request.tenant, wanted, actor=request.user)

    filled = schedule_form.blank(times_of(request).zone, name=filters.text(request, "name"))
    return _edit(request, operation, filled, save, {"title": "New schedule"})


@require_http_methods(["GET", "POST"])
def schedule_edit(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Decide anew about a schedule."""
    require(request, Capability.SCHEDULE_MANAGE)
    schedule = queries.find_schedule(schedule_id)

    def save(wanted: services.Wanted) -> Schedule:
        return services.change_schedule(schedule, wanted, actor=request.user)

    filled = schedule_form.given_by(services.wanted_of(schedule))
    return _edit(
        request, schedule.operation, filled, save, {"title": f"Edit {schedule.name}", "schedule": schedule}
    )


def _edit(
    request: TenantRequest,
    operation: str,
    filled: QueryDict,
    save: Callable[[services.Wanted], Schedule],
    context: dict[str, Json],
) -> HttpResponse:
    problems: list[Problem] = []
    # A button of the picker shows the form again; nothing is judged before the person has finished.
    is_unfinished = wants_part(request) or is_picking(request.POST)
    if request.method == "POST":
        filled = schedule_form.sent(request.POST)
    if request.method == "POST" and not is_unfinished:
        wanted, problems = schedule_form.read_wanted(filled, operation)
        if wanted is not None and "preview" not in filled:
            try:
                saved = save(wanted)
            except (InputError, Conflict) as error:
                problems = [schedule_form.problem_of(error, operation)]
            else:
                messages.success(request, f"Saved the schedule {saved.name}.")
                return redirect("schedule_detail", slug=request.tenant.slug, schedule_id=saved.pk)
    return render_page_or_part(
        request,
        "web/schedules/edit.html",
        "web/schedules/_picker.html",
        {
            "section": "schedules",
            "operation": operation,
            "operation_label": label_of(operation),
            "operations": schedulable_operations(),
            "captures": operation == queries.CAPTURE,
            "given": filled,
            "weekdays": schedule_form.weekday_choices(filled),
            "fields": schedule_form.param_fields(filled, operation),
            "times": schedule_form.read_times(filled, after=clock.now()),
            "zones": sorted(zone_names()),
            "missed_choices": Missed.choices,
            "tells": Tell.choices,
            "problems": problems,
            **context,
        },
    )


@require_GET
def schedule_next(request: TenantRequest) -> HttpResponse:
    """The next times of the cadence in the query string, as one types."""
    context: dict[str, Json] = {
        "title": "Next times",
        "section": "schedules",
        "times": schedule_form.read_times(request.GET, after=clock.now()),
    }
    return render_page_or_part(request, "web/schedules/next.html", "web/schedules/_next.html", context)


# ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────


@require_POST
def schedule_run(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Do its work now; the form's nonce makes one run of it, however often it is sent."""
    schedule = queries.find_schedule(schedule_id)
    started = services.run_now(
        schedule, actor=request.user, trigger=Trigger.PERSON, nonce=request.POST.get("nonce", "")[:40]
    )
    return show_started(request, started)


@require_POST
def schedule_retry(request: TenantRequest, schedule_id: int, slot_id: int) -> HttpResponse:
    """Do the work of a slot again."""
    slot = queries.find_slot(queries.find_schedule(schedule_id), slot_id)
    started = services.retry_slot(
        slot, actor=request.user, trigger=Trigger.PERSON, nonce=request.POST.get("nonce", "")[:40]
    )
    return show_started(request, started)


@require_POST
def schedule_switch(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Pause it, or go on."""
    schedule = queries.find_schedule(schedule_id)
    if schedule.paused_at:
        services.resume_schedule(schedule, actor=request.user)
        messages.success(request, f"{schedule.name} is on again. It counts from now.")
    else:
        services.pause_schedule(schedule, actor=request.user)
        messages.success(request, f"{schedule.name} is paused.")
    return _back(request, schedule)


@require_POST
def schedule_duplicate(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Make a paused copy, and lead to its editor."""
    copy = services.duplicate_schedule(queries.find_schedule(schedule_id), actor=request.user)
    messages.success(request, f"Made {copy.name}. It is paused until you resume it.")
    return redirect("schedule_edit", slug=request.tenant.slug, schedule_id=copy.pk)


@require_POST
def schedule_archive(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Put it away, or take it back."""
    schedule = queries.find_schedule(schedule_id)
    if schedule.archived_at:
        services.restore_schedule(schedule, actor=request.user)
        messages.success(request, f"{schedule.name} is back from the archive.")
    else:
        services.archive_schedule(schedule, actor=request.user)
        messages.success(request, f"{schedule.name} is archived. It starts nothing any more.")
    return redirect("schedule_detail", slug=request.tenant.slug, schedule_id=schedule_id)


@require_POST
def schedule_delete(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Delete it with its history."""
    schedule = queries.find_schedule(schedule_id)
    services.delete_schedule(schedule, actor=request.user)
    messages.success(request, f"Deleted the schedule {schedule.name}. Its runs and backup sets stay.")
    return redirect("schedule_list", slug=request.tenant.slug)


@require_POST
def schedule_take_over(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Become its owner."""
    schedule = services.take_over(queries.find_schedule(schedule_id), actor=request.user)
    messages.success(request, f"{schedule.name} is yours: its runs have your rights.")
    return redirect("schedule_detail", slug=request.tenant.slug, schedule_id=schedule_id)


@require_POST
def schedule_follow(request: TenantRequest, schedule_id: int) -> HttpResponse:
    """Be told of its runs, on the outcomes chosen, or no longer."""
    schedule = queries.find_schedule(schedule_id)
    told = request.POST.get("told", "")
    if told in (Tell.ALWAYS.value, Tell.PROBLEMS.value):
        services.follow_schedule(schedule, user=request.user, told=Tell(told), actor=request.user)
        messages.success(request, f"You are told of {schedule.name}: {Tell(told).label.lower()}.")
    else:
        services.unfollow_schedule(schedule, user=request.user, actor=request.user)
        messages.success(request, f"You are not told of {schedule.name} any more.")
    return redirect("schedule_detail", slug=request.tenant.slug, schedule_id=schedule_id)


def _back(request: TenantRequest, schedule: Schedule) -> HttpResponse:
    """To the list when the command was given there, else to the schedule."""
    if request.POST.get("from") == "list":
        return redirect("schedule_list", slug=request.tenant.slug)
    return redirect("schedule_detail", slug=request.tenant.slug, schedule_id=schedule.pk)
