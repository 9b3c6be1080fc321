"""Policies: the list, one policy with its versions, the difference of two versions."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.backups import queries
from tenantatlas.backups.models import PolicyVersion
from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import group_names
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.policies.registry import all_types, get_type
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import doing
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest
from tenantatlas.web.words import platform_words

from .runs import start

POLICIES_PER_PAGE = 50
PROTECTION = {
    "protected": queries.ProtectionState.PROTECTED,
    "changed_since": queries.ProtectionState.CHANGED,
    "never": queries.ProtectionState.NEVER,
}
WORD_OF = {state: word for word, state in PROTECTION.items()}
SORTS: dict[str, Json] = {
    "name": Lower("name"),
    "platform": F("platform"),
    "type": F("type_key"),
    "version": F("protection__confirmed_at"),
}
ASSIGNED = {"yes": True, "no": False}


def policy_of(policy_id: int) -> Policy:
    """A policy of the tenant in the path, or the 404 of one that never existed."""
    found = Policy.objects.filter(pk=policy_id).select_related("protection").first()
    if found is None:
        raise NotFound
    return found


@require_GET
@filters.remembered("policies")
def policy_list(request: TenantRequest) -> HttpResponse:
    """What the tenant has, and whether it is protected. Filters, order and page are the address."""
    known = {each.key: each.label for each in all_types()}
    platforms = _platforms()
    asked = {
        "q": filters.text(request, "q"),
        "type": filters.chosen(request, "type", known),
        "platform": filters.chosen(request, "platform", platforms),
        "assigned": filters.chosen(request, "assigned", ASSIGNED),
        "presence": filters.chosen(request, "presence", Presence.values),
        "protection": filters.chosen(request, "protection", PROTECTION),
    }
    sort = filters.chosen(request, "sort", {*SORTS, *(f"-{each}" for each in SORTS)})
    page = filters.page_of(request, _ordered(_matching(asked), sort), POLICIES_PER_PAGE)
    syncs = OperationRun.objects.filter(doing("inventory.sync"), ended_at__isnull=False)
    context = {
        "title": "Policies",
        "section": "policies",
        "page": page,
        "rows": [(row, WORD_OF[row.protection]) for row in queries.policy_rows(page.object_list)],
        "asked": asked,
        "filtered": any(asked.values()),
        "sort": sort,
        "types": known.items(),
        "platforms": platforms,
        "presences": Presence.choices,
        "last_sync": syncs.order_by("-pk").first(),
    }
    return render(request, "web/policies/list.html", context)


def _platforms() -> dict[str, list[str]]:
    """What people call the platforms that occur, and Graph's words for each."""
    found: dict[str, list[str]] = {}
    for word in Policy.objects.exclude(platform="").order_by("platform").values_list("platform").distinct():
        found.setdefault(platform_words(word[0]), []).append(word[0])
    return found


def _matching(asked: dict[str, str]) -> QuerySet[Policy]:
    found = queries.policies_with_protection(
        types=[asked["type"]] if asked["type"] else [],
        search=asked["q"],
        protection=PROTECTION.get(asked["protection"]),
    )
    if asked["platform"]:
        found = found.filter(platform__in=_platforms()[asked["platform"]])
    if asked["assigned"]:
        found = found.filter(is_assigned=ASSIGNED[asked["assigned"]])
    if asked["presence"]:
        found = found.filter(presence=asked["presence"])
    return found


def _ordered(found: QuerySet[Policy], sort: str) -> QuerySet[Policy]:
    if not sort:
        return found
    by = SORTS[sort.removeprefix("-")]
    first = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_first=True)
    return found.order_by(first, "pk")


@require_POST
def start_sync(request: TenantRequest) -> HttpResponse:
    """Read the inventory, as a run."""
    return start(request, "inventory.sync")


@require_POST
def start_backup(request: TenantRequest) -> HttpResponse:
    """Back up the ticked policies, or all of them."""
    ticked = [each for each in request.POST.getlist("policy") if each.isdecimal()]
    params: dict[str, Json] = {"name": request.POST.get("name", "").strip()}
    if request.POST.get("scope") == "ticked":
        ids = list(Policy.objects.filter(pk__in=ticked).values_list("graph_id", flat=True))
        if not ids:
            messages.error(request, "No policy is ticked. Tick those to back up, or back up all.")
            return redirect("policy_list", slug=request.tenant.slug)
        params["policies"] = ids
    return start(request, "backup_set.capture", params)


@require_GET
def policy_detail(request: TenantRequest, policy_id: int) -> HttpResponse:
    """One policy: what it is, and its versions, newest first."""
    policy = policy_of(policy_id)
    policy_type = get_type(policy.type_key)
    row = queries.policy_row(policy)
    context = {
        "title": policy.name,
        "section": "policies",
        "policy": policy,
        "row": row,
        "protection": WORD_OF[row.protection],
        "policy_type": policy_type,
        "graph_path": f"{policy_type.path}/{policy.graph_id}",
        "versions": queries.versions_of(policy),
    }
    return render(request, "web/policies/detail.html", context)


@require_GET
def policy_diff(request: TenantRequest, policy_id: int) -> HttpResponse:
    """Two versions of one policy, older first, as words."""
    policy = policy_of(policy_id)
    slug = request.tenant.slug
    numbers = [filters.number(request, name) for name in ("a", "b")]
    if not all(numbers):
        messages.error(request, "Choose two versions to compare: tick A and B in the list of versions.")
        return redirect("policy_detail", slug=slug, policy_id=policy.pk)
    if numbers[0] > numbers[1]:
        here = reverse("policy_diff", kwargs={"slug": slug, "policy_id": policy.pk})
        return redirect(f"{here}?a={numbers[1]}&b={numbers[0]}")
    before, after = (_version(policy, each) for each in numbers)
    context = {
        "title": f"{policy.name}: difference",
        "section": "policies",
        "policy": policy,
        "diff": queries.diff_versions(before, after),
    }
    return render(request, "web/policies/diff.html", context)


def _version(policy: Policy, number: int) -> PolicyVersion:
    found = queries.find_version(number)
    if found.policy_id != policy.pk:
        raise NotFound
    return found


@require_GET
def version_detail(request: TenantRequest, policy_id: int, version_id: int) -> HttpResponse:
    """One captured state, as readable JSON with secrets replaced, and whom it is assigned to."""
    policy = policy_of(policy_id)
    version = _version(policy, version_id)
    body = queries.shown_body(version)
    context = {
        "title": f"{policy.name}: version",
        "section": "policies",
        "policy": policy,
        "version": version,
        "body": body,
        "assignments": _assignments(body),
    }
    return render(request, "web/policies/version.html", context)


def _assignments(body: Json) -> list[tuple[str, bool]]:
    """(name of whom it is for, whether they are left out). Names come from the cached directory."""
    rows = body.get("assignments") if isinstance(body, dict) else None
    targets = [
        row["target"] for row in rows or () if isinstance(row, dict) and isinstance(row.get("target"), dict)
    ]
    names = group_names([str(target["groupId"]) for target in targets if target.get("groupId")])
    return [
        (_target_words(target, names), "exclusion" in str(target.get("@odata.type", "")))
        for target in targets
    ]


def _target_words(target: dict[str, Json], names: dict[str, str]) -> str:
    kind = str(target.get("@odata.type", ""))
    if "allDevices" in kind:
        return "All devices"
    if "allLicensedUsers" in kind:
        return "All users"
    group = str(target.get("groupId", ""))
    return names.get(group, group) or kind.rpartition(".")[2]
