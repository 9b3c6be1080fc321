"""Connecting a tenant, step by step. What is done is asked of the database: one may go on from anywhere.

Tenant ──► App ──► Check ──► RBAC group ──► Inventory ──► Backup
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.errors import Conflict, InputError, SignInFailed, Unavailable, Untrusted
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import start_run, worker_alive
from tenantatlas.schedules.queries import backups_are_scheduled
from tenantatlas.tenants.correcting import correct_tenant, id_is_fixed
from tenantatlas.tenants.models import PermissionReport, Purpose, Tenant
from tenantatlas.tenants.onboarding import discard_tenant
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest, require
from tenantatlas.web.wizard import Step

from .connection import AppRow, app_rows, problems_in, registration_page
from .rbac import search_context
from .runs import say_started
from .tenants import facts_context, facts_given, problems_of, shown_again

STEPS = {
    "tenant": "Tenant",
    "app": "App",
    "check": "Check",
    "group": "RBAC group",
    "sync": "Inventory",
    "backup": "Backup",
}
#: What each step starts, in this order.
OPERATIONS = {
    "check": ("connection.check",),
    "sync": ("directory_groups.sync", "inventory.sync"),
    "backup": ("backup_set.capture",),
}
_STARTED = tuple(key for keys in OPERATIONS.values() for key in keys)


@require_GET
def setup(request: TenantRequest) -> HttpResponse:
    """The step that is asked for; else the first not done. The app can be corrected until it was checked."""
    apps = app_rows()
    latest = _latest_runs()
    done = _done(request.tenant, apps, latest)
    step = filters.chosen(request, "step", STEPS) or next(
        (name for name in STEPS if not done[name]), "backup"
    )
    if step == "app" and not (done["app"] and done["check"]):
        return registration_page(request, Purpose.READER, more=_frame(request, step, done))
    finished = all(done[name] for name in STEPS if name != "group")
    runs = [latest.get(key) for key in OPERATIONS.get(step, ())]
    context: dict[str, Any] = {
        **_frame(request, step, done),
        "apps": apps,
        "draft": not done["app"],
        "runs": runs,
        "open_runs": any(run is not None and run.is_open for run in runs),
        "finished": finished,
        "unscheduled": finished and step == "backup" and not backups_are_scheduled(),
        "unreached": _may_be_elsewhere(runs),
        "worker": worker_alive(),
        **_of_step(step)(request, apps),
    }
    return render(request, f"web/onboarding/{step}.html", context)


def _may_be_elsewhere(runs: list[OperationRun | None]) -> bool:
    """Whether a run failed as it does where a tenant's id, cloud, addresses or CA file are wrong."""
    wrong = {Unavailable.code, SignInFailed.code, Untrusted.code, InputError.code}
    return any(each["code"] in wrong for run in runs if run is not None for each in run.failures)


def _frame(request: TenantRequest, step: str, done: dict[str, bool]) -> dict[str, Any]:
    names = list(STEPS)
    following = names[names.index(step) + 1 :][:1]
    return {
        "title": f"Connect {request.tenant.name}",
        "section": "tenants",
        "setup": True,
        "step": step,
        "done": done[step],
        "steps": _steps(request.tenant, step, done),
        "next_url": _address(request.tenant, following[0]) if following else "",
        "next_name": _within_a_sentence(STEPS[following[0]]) if following else "",
        "here": _address(request.tenant, step),
    }


def _within_a_sentence(name: str) -> str:
    """`Inventory` begins small there; `RBAC group` stays as it is."""
    return name if name[:2].isupper() else f"{name[0].lower()}{name[1:]}"


def _steps(tenant: Tenant, current: str, done: dict[str, bool]) -> list[Step]:
    return [
        Step(
            name=words,
            url=_address(tenant, name) if done["app"] or name in ("tenant", "app") else "",
            state="current" if name == current else _state(name, done),
        )
        for name, words in STEPS.items()
    ]


def _state(name: str, done: dict[str, bool]) -> str:
    """A step that may be left out is skipped once one behind it is done."""
    if done[name]:
        return "done"
    return "skipped" if name == "group" and (done["sync"] or done["backup"]) else "to come"


def _address(tenant: Tenant, step: str) -> str:
    return f"{reverse('setup', kwargs={'slug': tenant.slug})}?step={step}"


def _latest_runs() -> dict[str, OperationRun]:
    """The newest run of each operation that a step starts."""
    found: dict[str, OperationRun] = {}
    for run in OperationRun.objects.filter(operation__in=_STARTED).order_by("-pk")[:50]:
        found.setdefault(run.operation, run)
    return found


def _done(tenant: Tenant, apps: list[AppRow], latest: dict[str, OperationRun]) -> dict[str, bool]:
    def ended(step: str) -> bool:
        good = (Outcome.SUCCEEDED, Outcome.PARTIALLY_SUCCEEDED)
        return all(key in latest and latest[key].outcome in good for key in OPERATIONS[step])

    return {
        "tenant": True,
        "app": apps[0].row is not None,
        "check": ended("check"),
        "group": bool(tenant.rbac_group_id),
        "sync": ended("sync"),
        "backup": ended("backup"),
    }


def _of_step(step: str) -> Callable[[TenantRequest, list[AppRow]], dict[str, Any]]:
    steps: dict[str, Callable[[TenantRequest, list[AppRow]], dict[str, Any]]] = {
        "tenant": lambda request, _: _tenant_step(request, vars(request.tenant)),
        "check": _check_step,
        "group": lambda request, _: search_context(request),
    }
    return steps.get(step, lambda _request, _apps: {})


def _tenant_step(request: TenantRequest, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**facts_context(given), "fixed_id": id_is_fixed(request.tenant)}


def _check_step(request: TenantRequest, apps: list[AppRow]) -> dict[str, Any]:
    report = PermissionReport.objects.order_by("-taken_at").first()
    problems = problems_in(request.tenant, report, apps)
    lacks = any(each.tone in ("danger", "warning") for each in problems)
    return {"report": report, "report_problems": problems, "lacks": lacks}


@require_POST
def setup_tenant(request: TenantRequest) -> HttpResponse:
    """Correct which Microsoft tenant it is, and where."""
    require(request, Capability.TENANT_MANAGE)
    try:
        forgotten = correct_tenant(
            request.tenant, facts_given(request, slug=request.tenant.slug), actor=request.user
        )
    except (InputError, Conflict) as error:
        problems = problems_of(error)
        done = _done(request.tenant, app_rows(), {})
        context = {
            **_frame(request, "tenant", done),
            **_tenant_step(request, shown_again(request, problems)),
            "draft": not done["app"],
            "problems": problems,
        }
        return render(request, "web/onboarding/tenant.html", context, status=error.http_status)
    return redirect(_after_correcting(request, forgotten))


def _after_correcting(request: TenantRequest, forgotten: dict[str, str]) -> str:
    """The app, while it has to be given; else the check, which says whether it is right now."""
    if forgotten:
        messages.warning(
            request,
            "Saved. Credentials are not sent to addresses that they were not given for: "
            "give the app's credential again.",
        )
        query = urlencode({"client_id": forgotten.get(Purpose.READER, "")})
        return f"{_address(request.tenant, 'app')}&{query}"
    messages.success(request, "Saved.")
    return _address(request.tenant, "check" if app_rows()[0].row else "app")


@require_POST
def setup_discard(request: TenantRequest) -> HttpResponse:
    """Give up connecting this tenant."""
    require(request, Capability.TENANT_MANAGE)
    discard_tenant(request.tenant, actor=request.user)
    messages.info(request, f"{request.tenant.name} is no longer being connected.")
    return redirect("tenant_list")


@require_POST
def setup_start(request: TenantRequest) -> HttpResponse:
    """Start what the step needs, and stay on the step."""
    step = request.POST.get("step", "")
    for key in OPERATIONS.get(step, ()):
        run, created = start_run(
            key, tenant=request.tenant, params={}, actor=request.user, trigger=Trigger.PERSON
        )
        say_started(request, run, created=created)
    if step not in OPERATIONS:
        require(request, Capability.CONNECTION_MANAGE)
        raise InputError("There is no such step to start.")
    return redirect(_address(request.tenant, step))
