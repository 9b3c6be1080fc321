"""One policy: what it sets, its versions, how two of them differ, its drift, and the runs that touched it."""

from __future__ import annotations

from itertools import groupby, pairwise

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups import queries
from tenantatlas.backups.models import PolicyVersion
from tenantatlas.backups.services import load_document
from tenantatlas.backups.succession import ids_of
from tenantatlas.core import json
from tenantatlas.core.errors import NotFound, StorageFailed
from tenantatlas.core.json import Json
from tenantatlas.drift.queries import findings_of_policy, state_of
from tenantatlas.inventory.models import Policy
from tenantatlas.inventory.queries import scope_tag_names
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.diff import Difference, settings_of
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.models import RunItem
from tenantatlas.runs.queries import newest_run_ids
from tenantatlas.web import filters
from tenantatlas.web.assigning import assignments_in
from tenantatlas.web.differing import Readable, names_in, readable_settings
from tenantatlas.web.requests import TenantRequest, require

from .policies import WORD_OF
from .runs import start

TABS = ("overview", "versions", "drift", "runs")
COUNTED = 20
RUNS_SHOWN = 50
LIVE = "live"
VIEWS = ("list", "sides", "json")


def policy_of(policy_id: int) -> Policy:
    """A policy of the tenant in the path, or the 404 of one that never existed."""
    found = Policy.objects.filter(pk=policy_id).select_related("protection").first()
    if found is None:
        raise NotFound
    return found


@require_GET
def policy_detail(request: TenantRequest, policy_id: int) -> HttpResponse:
    """What it is; and one of its parts."""
    policy = policy_of(policy_id)
    policy_type = get_type(policy.type_key)
    tab = filters.chosen(request, "tab", TABS, "overview")
    row = queries.policy_row(policy)
    tags = scope_tag_names()
    versions = queries.versions_of(policy)
    own = [version for version in versions if not version.imported]
    context: dict[str, Json] = {
        "title": policy.name,
        "section": "policies",
        "policy": policy,
        "row": row,
        "tag_names": [tags.get(tag, tag) for tag in row.scope_tags],
        "protection": WORD_OF[row.protection],
        "policy_type": policy_type,
        "graph_path": f"{policy_type.path}/{policy.graph_id}",
        "versions": versions,
        "newest": own[0] if own else None,
        "tab": tab,
        "tabs": [
            ("overview", "Overview"),
            ("versions", "Versions", len(versions)),
            ("drift", "Drift"),
            ("runs", "Runs"),
        ],
        **_part(policy, tab, versions),
    }
    return render(request, "web/policies/detail.html", context)


def _part(policy: Policy, tab: str, versions: list[queries.VersionRow]) -> dict[str, Json]:
    if tab == "versions":
        return {"timeline": _timeline(policy, versions)}
    if tab == "drift":
        found = findings_of_policy(policy.type_key, policy.graph_id)
        return {"findings": [(one, state_of(one)) for one in found[:RUNS_SHOWN]]}
    if tab == "runs":
        return {"touched": _touched(policy)}
    shown = next((version for version in versions if not version.imported), None)
    return _overview(queries.find_version(shown.id)) if shown else {}


def _overview(version: PolicyVersion) -> dict[str, Json]:
    """What the newest version sets, by section, and whom it is for."""
    policy_type = get_type(version.type_key)
    try:
        body = compose(policy_type, load_document(version))
    except StorageFailed as error:
        return {"damaged": error.message}
    settings = settings_of(policy_type, body)
    told = readable_settings(settings, names_in(settings))
    rows = sorted(told, key=lambda setting: _section(setting).casefold())
    return {
        "sections": [(name, list(group)) for name, group in groupby(rows, key=_section)],
        "assignments": assignments_in(body),
        "shown": version,
    }


def _section(setting: Readable | Difference) -> str:
    head, slash, _ = setting.label.partition(" / ")
    return head if slash else "General"


def _timeline(policy: Policy, versions: list[queries.VersionRow]) -> list[tuple[queries.VersionRow, Json]]:
    """Each version with how it differs from the one before it, newest first; counted for the newest ones."""
    found = PolicyVersion.objects.filter(policy=policy).select_related("blob", "tenant", "policy")
    loaded = found.in_bulk([version.id for version in versions[: COUNTED + 1]])
    counts: dict[int, Json] = {}
    for later, earlier in pairwise(versions[: COUNTED + 1]):
        try:
            changes = queries.diff_versions(loaded[earlier.id], loaded[later.id]).differences
        except StorageFailed:
            continue  # the version's own page says why it cannot be read
        kinds = [str(one.kind) for one in changes]
        counts[later.id] = {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}
    return [(version, counts.get(version.id)) for version in versions]


def _touched(policy: Policy) -> list[RunItem]:
    """What the newest runs of the tenant did with the policy, newest first."""
    items = RunItem.objects.filter(run_id__in=newest_run_ids(), key=f"{policy.type_key}/{policy.graph_id}")
    return list(items.select_related("run").order_by("-run_id")[:RUNS_SHOWN])


@require_POST
def policy_snapshot(request: TenantRequest, policy_id: int) -> HttpResponse:
    """Capture this one policy, outside every set, as a run."""
    require(request, Capability.BACKUP_RUN)
    return start(request, "policy.capture_snapshot", {"policy": policy_of(policy_id).graph_id})


@require_GET
def policy_diff(request: TenantRequest, policy_id: int) -> HttpResponse:
    """Two versions of one policy, older first; `live` is the newest while nothing moved since."""
    policy = policy_of(policy_id)
    here = reverse("policy_detail", kwargs={"slug": request.tenant.slug, "policy_id": policy.pk})
    numbers = [_number(request, policy, name) for name in ("a", "b")]
    if not all(numbers):
        if LIVE in (request.GET.get("a"), request.GET.get("b")):
            messages.error(request, "The tenant is read by a run: back the policy up, then compare.")
        else:
            messages.error(request, "Choose two versions to compare: tick A and B in the list of versions.")
        return redirect(f"{here}?tab=versions")
    if numbers[0] > numbers[1]:
        there = reverse("policy_diff", kwargs={"slug": request.tenant.slug, "policy_id": policy.pk})
        return redirect(f"{there}?a={numbers[1]}&b={numbers[0]}")
    view = filters.chosen(request, "view", VIEWS, "list")
    before, after = (_version(policy, each) for each in numbers)
    diff = queries.diff_versions(before, after)
    rows = sorted(diff.differences, key=lambda one: _section(one).casefold())
    context = {
        "title": f"{policy.name}: difference",
        "section": "policies",
        "policy": policy,
        "diff": diff,
        "sections": [(name, list(group)) for name, group in groupby(rows, key=_section)],
        "names": names_in(rows),
        "view": view,
        "bodies": [queries.shown_body(each) for each in (before, after)] if view == "json" else (),
    }
    return render(request, "web/policies/diff.html", context)


def _number(request: TenantRequest, policy: Policy, name: str) -> int:
    if request.GET.get(name) != LIVE:
        return filters.number(request, name)
    row = queries.policy_row(policy)
    same = row.protection == queries.ProtectionState.PROTECTED and policy.presence == "present"
    return row.version_id or 0 if same else 0


def _version(policy: Policy, number: int) -> PolicyVersion:
    """A version of the policy, or of what it was before a restore made it again."""
    found = queries.find_version(number)
    if found.policy_id != policy.pk and not _is_kin(policy, found):
        raise NotFound
    return found


def _is_kin(policy: Policy, version: PolicyVersion) -> bool:
    return version.type_key == policy.type_key and version.graph_id in ids_of(
        policy.type_key, policy.graph_id
    )


@require_GET
def version_detail(request: TenantRequest, policy_id: int, version_id: int) -> HttpResponseBase:
    """One captured state, as readable JSON with secrets replaced, and whom it is assigned to."""
    policy = policy_of(policy_id)
    version = _version(policy, version_id)
    body = queries.shown_body(version)
    if request.GET.get("download"):
        require(request, Capability.BACKUP_EXPORT)
        name = f"{slugify(version.name) or 'policy'}-{version.pk}.json"
        return HttpResponse(
            json.dumps(body),
            content_type="application/json",
            headers={
                "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or ""
            },
        )
    context = {
        "title": f"{policy.name}: version",
        "section": "policies",
        "policy": policy,
        "version": version,
        "body": body,
        "assignments": assignments_in(body),
    }
    return render(request, "web/policies/version.html", context)
