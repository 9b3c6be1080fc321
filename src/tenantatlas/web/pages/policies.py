"""Policies: the list, one policy with its versions, the difference of two versions."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries
from tenantatlas.backups.models import PolicyVersion
from tenantatlas.core.errors import InputError, NotFound
from tenantatlas.inventory.models import Policy
from tenantatlas.policies.registry import all_types, get_type
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import start_run
from tenantatlas.tenants.queries import has_capability
from tenantatlas.web.requests import TenantRequest

from .runs import say_started

POLICIES_PER_PAGE = 50
PROTECTION = {
    "protected": queries.ProtectionState.PROTECTED,
    "changed_since": queries.ProtectionState.CHANGED,
    "never": queries.ProtectionState.NEVER,
}
WORD_OF = {state: word for word, state in PROTECTION.items()}


def policy_of(policy_id: int) -> Policy:
    """A policy of the tenant in the path, or the 404 of one that never existed."""
    found = Policy.objects.filter(pk=policy_id).select_related("protection").first()
    if found is None:
        raise NotFound
    return found


@require_GET
def policy_list(request: TenantRequest) -> HttpResponse:
    """What the tenant has, and whether it is protected."""
    tenant = request.tenant
    known = {each.key: each.label for each in all_types()}
    type_key = request.GET.get("type", "") if request.GET.get("type", "") in known else ""
    protection = request.GET.get("protection", "")
    search = request.GET.get("q", "")
    found = queries.policies_with_protection(
        types=[type_key] if type_key else [], search=search, protection=PROTECTION.get(protection)
    )
    page = Paginator(found, POLICIES_PER_PAGE).get_page(request.GET.get("page"))
    rows = [(row, WORD_OF[row.protection]) for row in queries.policy_rows(page.object_list)]
    last_sync = OperationRun.objects.filter(operation="inventory.sync", ended_at__isnull=False)
    context = {
        "title": "Policies",
        "section": "policies",
        "page": page,
        "rows": rows,
        "types": known.items(),
        "type_key": type_key,
        "protection": protection if protection in PROTECTION else "",
        "search": search,
        "filtered": bool(type_key or search or protection in PROTECTION),
        "last_sync": last_sync.order_by("-pk").first(),
        "query": _query_without_page(request),
        "may_sync": has_capability(request.user, tenant, Capability.INVENTORY_SYNC),
        "may_back_up": has_capability(request.user, tenant, Capability.BACKUP_RUN),
    }
    return render(request, "web/policies/list.html", context)


def _query_without_page(request: TenantRequest) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    return query.urlencode()


@require_POST
def start_sync(request: TenantRequest) -> HttpResponse:
    """Read the inventory, as a run."""
    return _start(request, "inventory.sync", {})


@require_POST
def start_backup(request: TenantRequest) -> HttpResponse:
    """Back up the ticked policies, or all of them."""
    ticked = [each for each in request.POST.getlist("policy") if each.isdigit()]
    params: dict[str, object] = {"name": request.POST.get("name", "").strip()}
    if request.POST.get("scope") == "ticked":
        ids = list(Policy.objects.filter(pk__in=ticked).values_list("graph_id", flat=True))
        if not ids:
            raise InputError("No policy is ticked.", hint="Tick the policies to back up, or back up all.")
        params["policies"] = ids
    return _start(request, "backup_set.capture", params)


def _start(request: TenantRequest, key: str, params: dict[str, object]) -> HttpResponse:
    tenant = request.tenant
    run, created = start_run(key, tenant=tenant, params=params, actor=request.user, trigger=Trigger.PERSON)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=tenant.slug, run_id=run.pk)


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
    """Two versions of one policy, side by side as words."""
    policy = policy_of(policy_id)
    before, after = (_version(policy, request.GET.get(name, "")) for name in ("a", "b"))
    if before.pk > after.pk:
        wanted = reverse(
            "policy_diff",
            kwargs={"slug": request.tenant.slug, "policy_id": policy.pk},
        )
        return redirect(f"{wanted}?a={after.pk}&b={before.pk}")
    context = {
        "title": f"{policy.name}: difference",
        "section": "policies",
        "policy": policy,
        "diff": queries.diff_versions(before, after),
    }
    return render(request, "web/policies/diff.html", context)


def _version(policy: Policy, number: str) -> PolicyVersion:
    if not number.isdigit():
        raise InputError("Choose two versions to compare.", hint="Tick A and B in the list of versions.")
    found = queries.find_version(int(number))
    if found.policy_id != policy.pk:
        raise NotFound
    return found


@require_GET
def version_detail(request: TenantRequest, policy_id: int, version_id: int) -> HttpResponse:
    """One captured state, as readable JSON with secrets replaced."""
    policy = policy_of(policy_id)
    version = _version(policy, str(version_id))
    context = {
        "title": f"{policy.name}: version",
        "section": "policies",
        "policy": policy,
        "version": version,
        "body": queries.shown_body(version),
    }
    return render(request, "web/policies/version.html", context)
