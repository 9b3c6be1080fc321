"""Policies: the list, and what is done with those that are ticked."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries
from tenantatlas.backups.models import SetStatus
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.inventory.queries import IN_TENANT, scope_tag_names, with_scope_tag
from tenantatlas.inventory.services import heed_policies, ignore_policies
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import doing
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.requests import TenantRequest, require
from tenantatlas.web.words import platform_words

from .runs import start

POLICIES_PER_PAGE = 50
SETS_OFFERED = 20
PROTECTION = {
    "protected": queries.ProtectionState.PROTECTED,
    "changed_since": queries.ProtectionState.CHANGED,
    "never": queries.ProtectionState.NEVER,
}
WORD_OF = {state: word for word, state in PROTECTION.items()}
PROTECTION_WORDS = (
    ("protected", "Protected"),
    ("changed_since", "Changed since"),
    ("never", "Never backed up"),
)
SORTS: dict[str, Json] = {
    "name": Lower("name"),
    "platform": F("platform"),
    "type": F("type_key"),
    "modified": F("last_modified"),
    "version": F("protection__confirmed_at"),
}
ASSIGNED = {"yes": True, "no": False}
#: Where a policy is; nothing chosen means: in the tenant, as far as is known.
PLACES = {
    "present": Q(presence=Presence.PRESENT),
    "missing": Q(presence=Presence.MISSING),
    "unknown": Q(presence=Presence.UNKNOWN),
    "imported": Q(presence=Presence.IMPORTED),
    "all": Q(),
}
PLACE_WORDS = (
    ("present", "In the tenant, certainly"),
    ("missing", "Deleted in the tenant"),
    ("unknown", "Not known"),
    ("imported", "Imported only"),
    ("all", "Everywhere"),
)
SINCE = {"1": "The last day", "7": "The last 7 days", "30": "The last 30 days"}
YES_NO = (("yes", "Yes"), ("no", "No"))
COLUMNS = (
    "id",
    "type",
    "name",
    "platform",
    "presence",
    "last_modified",
    "assigned",
    "assignments",
    "scope_tags",
    "protection",
    "version",
    "last_seen",
    "ignored",
)


@require_GET
@filters.remembered("policies")
def policy_list(request: TenantRequest) -> HttpResponseBase:
    """What the tenant has, and whether it is protected. Filters, order and page are the address."""
    known = {each.key: each.label for each in all_types()}
    platforms, tags = _platforms(), scope_tag_names()
    asked = {
        "q": filters.text(request, "q"),
        "type": filters.chosen(request, "type", known),
        "platform": filters.chosen(request, "platform", platforms),
        "assigned": filters.chosen(request, "assigned", ASSIGNED),
        "tag": filters.chosen(request, "tag", tags),
        "presence": filters.chosen(request, "presence", PLACES),
        "protection": filters.chosen(request, "protection", PROTECTION),
        "modified": filters.chosen(request, "modified", SINCE),
        "ignored": filters.chosen(request, "ignored", ASSIGNED),
    }
    sort = filters.chosen(request, "sort", {*SORTS, *(f"-{each}" for each in SORTS)})
    found = _ordered(_matching(asked, platforms), sort)
    rows = (queries.policy_facts(queries.policy_row(policy)) for policy in found.iterator(chunk_size=500))
    if file := export_response(request, name="policies", columns=COLUMNS, rows=rows):
        return file
    page = filters.page_of(request, found, POLICIES_PER_PAGE)
    syncs = OperationRun.objects.filter(doing("inventory.sync"), ended_at__isnull=False)
    context = {
        "title": "Policies",
        "section": "policies",
        "page": page,
        "rows": [
            (row, WORD_OF[row.protection], [tags.get(tag, tag) for tag in row.scope_tags])
            for row in queries.policy_rows(page.object_list)
        ],
        "asked": asked,
        "filtered": any(asked.values()),
        "sort": sort,
        "types": known.items(),
        "platforms": [(each, each) for each in platforms],
        "tags": tags.items(),
        "places": PLACE_WORDS,
        "protections": PROTECTION_WORDS,
        "since": SINCE.items(),
        "yes_no": YES_NO,
        "last_sync": syncs.order_by("-pk").first(),
        "sets": queries.set_list().exclude(status=SetStatus.CAPTURING)[:SETS_OFFERED],
    }
    return render(request, "web/policies/list.html", context)


def _platforms() -> dict[str, list[str]]:
    """What people call the platforms that occur, and Graph's words for each."""
    found: dict[str, list[str]] = {}
    for word in Policy.objects.exclude(platform="").order_by("platform").values_list("platform").distinct():
        found.setdefault(platform_words(word[0]), []).append(word[0])
    return found


def _matching(asked: dict[str, str], platforms: dict[str, list[str]]) -> QuerySet[Policy]:
    found = queries.policies_with_protection(
        types=[asked["type"]] if asked["type"] else [],
        search=asked["q"],
        protection=PROTECTION.get(asked["protection"]),
    )
    found = found.filter(PLACES.get(asked["presence"], Q(presence__in=IN_TENANT)))
    if asked["platform"]:
        found = found.filter(platform__in=platforms[asked["platform"]])
    if asked["assigned"]:
        found = found.filter(is_assigned=ASSIGNED[asked["assigned"]])
    if asked["ignored"]:
        found = found.filter(ignored_at__isnull=asked["ignored"] == "no")
    if asked["modified"]:
        day = clock.now() - timedelta(days=int(asked["modified"]))
        found = found.filter(last_modified__gte=day.strftime("%Y-%m-%dT%H:%M:%S"))
    return with_scope_tag(found, asked["tag"]) if asked["tag"] else found


def _ordered(found: QuerySet[Policy], sort: str) -> QuerySet[Policy]:
    if not sort:
        return found
    by = SORTS[sort.removeprefix("-")]
    first = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_first=True)
    return found.order_by(first, "pk")


@require_POST
def start_sync(request: TenantRequest) -> HttpResponse:
    """Read the inventory, as a run: all of it, or the chosen types with or without foundations."""
    params: dict[str, Json] = {}
    if request.POST.get("choose"):
        params = {
            "types": request.POST.getlist("type"),
            "foundations": request.POST.get("foundations") == "yes",
        }
    return start(request, "inventory.sync", params)


@require_POST
def start_backup(request: TenantRequest) -> HttpResponse:
    """Back up the ticked policies, or all of them."""
    params: dict[str, Json] = {"name": request.POST.get("name", "").strip()}
    if request.POST.get("scope") == "ticked":
        ids = [policy.graph_id for policy in _ticked(request)]
        if not ids:
            return _none_ticked(request, "back up, or back up all")
        params["policies"] = ids
    return start(request, "backup_set.capture", params)


@require_POST
def export_policies(request: TenantRequest) -> HttpResponse:
    """Make an archive of the newest versions of the ticked policies, as a run."""
    require(request, Capability.BACKUP_EXPORT)
    ids = [policy.graph_id for policy in _ticked(request)]
    return start(request, "backup_set.export", {"policies": ids}) if ids else _none_ticked(request, "export")


@require_POST
def add_to_set(request: TenantRequest) -> HttpResponse:
    """Capture the ticked policies into the set that follows the chosen one, as a run."""
    require(request, Capability.BACKUP_RUN)
    ids = [policy.graph_id for policy in _ticked(request)]
    chosen = request.POST.get("set", "")
    if not ids:
        return _none_ticked(request, "add")
    found = queries.find_set(int(chosen) if chosen.isdecimal() else 0)
    return start(request, "backup_set.add_policies", {"set": found.pk, "policies": ids})


@require_POST
def policies_ignore(request: TenantRequest) -> HttpResponse:
    """Leave the ticked policies out of what asks for attention, or take that back."""
    require(request, Capability.BACKUP_RUN)
    ticked = _ticked(request)
    if not ticked:
        return _none_ticked(request, "ignore")
    words = f"{len(ticked)} polic{'y' if len(ticked) == 1 else 'ies'}"
    try:
        if request.POST.get("heed"):
            heed_policies(ticked, tenant=request.tenant, actor=request.user)
            messages.success(request, f"{words} ask for attention again.")
        else:
            reason = request.POST.get("reason", "")
            ignore_policies(ticked, tenant=request.tenant, actor=request.user, reason=reason)
            messages.success(request, f"{words} ignored. They are still backed up.")
    except InputError as error:
        messages.error(request, error.message)
    return redirect("policy_list", slug=request.tenant.slug)


def _ticked(request: TenantRequest) -> list[Policy]:
    ticked = [each for each in request.POST.getlist("policy") if each.isdecimal()]
    return list(Policy.objects.filter(pk__in=ticked).order_by("pk"))


def _none_ticked(request: TenantRequest, what: str) -> HttpResponse:
    messages.error(request, f"No policy is ticked. Tick those to {what}.")
    return redirect("policy_list", slug=request.tenant.slug)
