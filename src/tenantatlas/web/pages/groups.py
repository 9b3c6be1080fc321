"""Groups, as the cached directory has them: which there are, and where each is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from tenantatlas.backups.targets import GroupUses, policies_naming, uses_of
from tenantatlas.core.json import Json
from tenantatlas.directory import queries
from tenantatlas.directory.models import DirectoryGroup, GroupKind
from tenantatlas.directory.services import KEPT_DAYS
from tenantatlas.restore.queries import restores_mapping_to
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.queries import doing
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.requests import TenantRequest

GROUPS_PER_PAGE = 50
POLICIES_PER_PAGE = 50
COLUMNS = ("id", "name", "kind", "present", "first_seen", "last_seen")
PRESENCES: dict[str, bool | None] = {"": True, "gone": False, "any": None}


@require_GET
@filters.remembered("groups")
def group_list(request: TenantRequest) -> HttpResponse:
    """By name, with how many policies name each."""
    asked = {
        "q": filters.text(request, "q"),
        "kind": filters.chosen(request, "kind", GroupKind.values),
        "seen": filters.chosen(request, "seen", PRESENCES),
    }
    found = queries.group_list(search=asked["q"], kind=asked["kind"], present=PRESENCES[asked["seen"]])
    if file := export_response(request, name="groups", columns=COLUMNS, rows=_facts(found.iterator())):
        return file  # type: ignore[return-value]  # a streamed response is one
    page = filters.page_of(request, found, GROUPS_PER_PAGE)
    context = {
        "title": "Groups",
        "section": "groups",
        "page": page,
        "rows": _with_uses(page.object_list),
        "asked": asked,
        "filtered": any(asked.values()),
        "kinds": GroupKind.choices,
        "presences": (("gone", "Gone"), ("any", "Present or gone")),
        "last_sync": None if page.object_list else _last_sync(),
        "synced": queries.last_synced(),
    }
    return render(request, "web/groups/list.html", context)


def _last_sync() -> OperationRun | None:
    return OperationRun.objects.filter(doing("directory_groups.sync")).order_by("-pk").first()


def _with_uses(groups: Iterable[DirectoryGroup]) -> list[tuple[DirectoryGroup, GroupUses]]:
    shown = list(groups)
    uses = uses_of(group.graph_id for group in shown)
    return [(group, uses.get(group.graph_id, GroupUses())) for group in shown]


@require_GET
def group_detail(request: TenantRequest, group_id: int) -> HttpResponse:
    """One group: what is cached of it, and what names it."""
    group = queries.find_group(group_id)
    context = {
        "title": group.name,
        "section": "groups",
        "group": group,
        "page": filters.page_of(request, policies_naming(group.graph_id), POLICIES_PER_PAGE),
        "uses": uses_of([group.graph_id]).get(group.graph_id, GroupUses()),
        "restores": restores_mapping_to(group.graph_id),
        "kept_days": KEPT_DAYS,
    }
    return render(request, "web/groups/detail.html", context)


@require_GET
def group_find(request: TenantRequest) -> HttpResponse:
    """The page of the group with this directory id; the list, searched for it, where it is not known."""
    graph_id = filters.text(request, "id")
    slug = request.tenant.slug
    known = queries.groups_by_id([graph_id]).get(graph_id)
    if known is not None:
        return redirect("group_detail", slug=slug, group_id=known.pk)
    return redirect(f"{reverse('group_list', kwargs={'slug': slug})}?seen=any&q={graph_id}")


def _facts(groups: Iterable[DirectoryGroup]) -> Iterator[dict[str, Json]]:
    """The rows of an export: the keys of `tenantatlas directory list --json`."""
    for group in groups:
        yield queries.group_facts(group)
