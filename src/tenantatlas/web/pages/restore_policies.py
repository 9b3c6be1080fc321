"""The step of a restore that chooses policies: of a small set from one tree, of a large one page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.core.paginator import Page
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import SetEntry
from tenantatlas.backups.queries import entries_by_type, find_set, set_entries
from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType, RestoreMode
from tenantatlas.policies.registry import get_type
from tenantatlas.restore.models import Restore
from tenantatlas.tenants.permissions import Held, Need
from tenantatlas.tenants.queries import latest_report
from tenantatlas.web import filters
from tenantatlas.web.picking import Pickable, ticked_elsewhere
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest, require
from tenantatlas.web.words import platform_words

from .restore_frame import draft_of, save, show_step

#: Of a larger set, not every policy is on the page: the types are, and the policies that are looked for.
MOST_IN_TREE = 500
ENTRIES_PER_PAGE = 100
#: Where the button that unticks everything leads to.
NONE = "none"
_SHOWN = ("type_key", "version__name", "version__graph_id", "version__backup_only")


@require_http_methods(["GET", "POST"])
def restore_policies(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Which policies of the set. In a large one, what is ticked on a page is kept when another is opened."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = draft_of(restore_id)
    entries = set_entries(find_set(draft.backup_set_id))
    counts = entries_by_type(entries)
    problems = []
    if request.method == "POST":
        if answer := _chosen(request, draft, entries, large=_is_large(counts)):
            return answer
        problems = [Problem(field="scope-ticked", message="Tick at least one policy, or choose all of them.")]
    context: dict[str, Json] = {
        "restore": draft,
        "total": sum(counts.values()),
        "only_ticked": bool(draft.policies or problems),
        **(_large if _is_large(counts) else _small)(request, draft, entries, counts),
    }
    groups = [group for _, members in context.get("parts", ()) for group in members]
    writable = [group for group in groups if not group.obstacle]
    context["lacking"] = sorted({name for group in writable for name in group.lacking})
    context["all_lack"] = all(group.lacking for group in writable)
    return show_step(request, "Policies", context, problems=problems)


def _is_large(counts: dict[str, int]) -> bool:
    return sum(counts.values()) > MOST_IN_TREE


# ── What was chosen ───────────────────────────────────────────────────────────────────────────────────────


def _chosen(
    request: TenantRequest, draft: Restore, entries: QuerySet[SetEntry], *, large: bool
) -> HttpResponse | None:
    """Save what was chosen and go where the person wants to; None where nothing was."""
    onward = "to" not in request.POST
    everything = onward and request.POST.get("scope") == "all"
    ticked = () if everything else _ticked(request, draft, entries, large=large)
    if onward and not (everything or ticked):
        return None
    if everything or ticked or draft.policies:
        save(request, draft, types=(), policies=ticked, version=0)
    if onward:
        return redirect("restore_options", slug=request.tenant.slug, restore_id=draft.pk)
    page = request.POST["to"].removeprefix(NONE)
    return redirect(f"{request.path}{_query(request, page=page)}")


def _query(request: TenantRequest, *, page: str) -> str:
    """What is looked for, on another page of it."""
    asked = {name: filters.text(request, name) for name in ("q", "type", "ticked")} | {"page": page}
    given = urlencode({name: value for name, value in asked.items() if value})
    return f"?{given}" if given else ""


def _ticked(
    request: TenantRequest, draft: Restore, entries: QuerySet[SetEntry], *, large: bool
) -> tuple[str, ...]:
    """The policies ticked one by one, and those of the types ticked whole; what is not there is dropped.

    In a large set also those ticked before, which this page did not show.
    """
    given = request.POST
    if given.get("to") == NONE:
        return ()
    kept = ticked_elsewhere(draft.policies, given) if large else set()
    here = Q(version__graph_id__in=given.getlist("policy")) | Q(type_key__in=given.getlist("type"))
    kept.update(entries.filter(here).order_by().values_list("version__graph_id", flat=True))
    return tuple(sorted(kept))


# ── What there is to choose from ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class PlatformGroup:
    """The policies of one type for one platform, each with whether it is ticked."""

    label: str
    entries: tuple[tuple[SetEntry, bool], ...]


@dataclass(frozen=True, kw_only=True)
class TypeGroup:
    """The policies of one type in the set; `obstacle` says why none of them can be put back.

    In a large set without its policies: `platforms` and `ticked` are empty.
    """

    key: str
    label: str
    foundation: bool
    obstacle: str
    note: str
    lacking: tuple[str, ...]
    count: int
    platforms: tuple[PlatformGroup, ...] = ()
    ticked: int = 0


def _small(
    request: TenantRequest, draft: Restore, entries: QuerySet[SetEntry], counts: dict[str, int]
) -> dict[str, Json]:
    """Every policy, in a tree of types and platforms."""
    chosen = set(draft.policies)
    shown = entries.select_related("version", "policy").only("policy__platform", *_SHOWN)
    by_type = {
        key: [(entry, entry.version.graph_id in chosen) for entry in rows]
        for key, rows in groupby(shown, key=lambda entry: str(entry.type_key))
    }
    return {"parts": _parts(_types(request, counts, by_type))}


def _large(
    request: TenantRequest, draft: Restore, entries: QuerySet[SetEntry], counts: dict[str, int]
) -> dict[str, Json]:
    """The types; or, where a name, a type or what is ticked was asked for, a page of policies."""
    types = [(key, f"{get_type(key).label} ({number})") for key, number in counts.items()]
    asked = {
        "q": filters.text(request, "q"),
        "type": filters.chosen(request, "type", counts),
        "ticked": filters.chosen(request, "ticked", {"yes"}),
    }
    context: dict[str, Json] = {
        "large": True,
        "asked": asked,
        "types": sorted(types, key=lambda each: each[1]),
        "already": len(draft.policies),
        "filtered": any(asked.values()),
    }
    if not context["filtered"]:
        return context | {"parts": _parts(_types(request, counts, {}))}
    return context | _page(request, entries, asked, draft.policies)


def _page(
    request: TenantRequest, entries: QuerySet[SetEntry], asked: dict[str, str], chosen: Iterable[str]
) -> dict[str, Json]:
    found = entries.only(*_SHOWN)
    if asked["q"]:
        found = found.filter(version__name__icontains=asked["q"])
    if asked["type"]:
        found = found.filter(type_key=asked["type"])
    ticked = set(chosen)
    if asked["ticked"]:
        page = _page_of_ticked(request, found, sorted(ticked))
    else:
        page = filters.page_of(request, found, ENTRIES_PER_PAGE)
    return {"page": page, "rows": [_pickable(entry, ticked) for entry in page.object_list]}


def _page_of_ticked(request: TenantRequest, found: QuerySet[SetEntry], ticked: list[str]) -> Page[Json]:
    """A page of what is ticked, by id: the database is asked for the policies of this page alone."""
    page = filters.page_of(request, ticked, ENTRIES_PER_PAGE)
    page.object_list = found.filter(version__graph_id__in=page.object_list)
    return page


def _pickable(entry: SetEntry, ticked: set[str]) -> Pickable:
    policy_type, version = get_type(entry.type_key), entry.version
    return Pickable(
        graph_id=version.graph_id,
        name=version.name,
        label=policy_type.label,
        ticked=version.graph_id in ticked,
        obstacle=_mode_words(policy_type)[0],
        notes=version.backup_only,
    )


def _types(
    request: TenantRequest, counts: dict[str, int], by_type: dict[str, list[tuple[SetEntry, bool]]]
) -> Iterator[TypeGroup]:
    lacking = _lacking_permissions(request)
    for key, number in counts.items():
        policy_type, mine = get_type(key), by_type.get(key, [])
        obstacle, note = _mode_words(policy_type)
        yield TypeGroup(
            key=key,
            label=policy_type.label,
            foundation=policy_type.foundation,
            obstacle=obstacle,
            note=note,
            lacking=tuple(lacking.get(key, ())),
            platforms=_by_platform(mine),
            count=number,
            ticked=sum(is_ticked for _, is_ticked in mine),
        )


def _parts(groups: Iterable[TypeGroup]) -> list[tuple[str, list[TypeGroup]]]:
    """What people come for first, then what it refers to."""
    found = list(groups)
    parts = {
        "Policies": [group for group in found if not group.foundation],
        "Foundations: other policies refer to these": [group for group in found if group.foundation],
    }
    return [(title, members) for title, members in parts.items() if members]


def _by_platform(entries: list[tuple[SetEntry, bool]]) -> tuple[PlatformGroup, ...]:
    found: dict[str, list[tuple[SetEntry, bool]]] = {}
    for entry, is_ticked in entries:
        found.setdefault(platform_words(entry.policy.platform), []).append((entry, is_ticked))
    return tuple(PlatformGroup(label=label, entries=tuple(found[label])) for label in sorted(found))


def _mode_words(policy_type: PolicyType) -> tuple[str, str]:
    """(why policies of this type cannot be put back, what to know when they are)."""
    rule = policy_type.restore
    if rule.mode is RestoreMode.BACKUP_ONLY:
        return rule.reason or "These are kept, not put back.", ""
    if rule.mode is RestoreMode.UPDATE_ONLY:
        return "", rule.reason or "Only updated where they exist."
    return "", rule.reason


def _lacking_permissions(request: TenantRequest) -> dict[str, list[str]]:
    """The permissions to restore that the newest report misses, by policy type."""
    report = latest_report(request.tenant)
    found: dict[str, list[str]] = {}
    for row in report.rows if report else ():
        if row["for"] == Need.RESTORE and row["state"] == Held.MISSING:
            for key in row["types"]:
                found.setdefault(key, []).append(row["permission"])
    return found
