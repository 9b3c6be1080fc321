"""The restore wizard: source, policies, options, preview, mapping, review. Its state is a saved draft."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import SetEntry, SetStatus
from tenantatlas.backups.queries import find_set, find_version, set_entries, set_list, set_row
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import known_groups
from tenantatlas.policies.model import PolicyType, RestoreMode
from tenantatlas.policies.registry import get_type
from tenantatlas.restore import queries, services
from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus
from tenantatlas.restore.world import Existing
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.tenants.models import PermissionReport
from tenantatlas.tenants.permissions import Held, Need
from tenantatlas.web import filters
from tenantatlas.web.requests import TenantRequest, require
from tenantatlas.web.wizard import steps

from .runs import show_started

RESTORES_PER_PAGE = 50
SETS_OFFERED = 50
WRITING = ("create", "update", "recreate", "copy")
UNCHANGED = "unchanged"
ACTION_ORDER = (*WRITING, "undecided", "cannot", "skip", UNCHANGED)
MOST_CHOICES = 500
#: What a section of the mapping is called on the page.
SECTION_WORDS = {
    "groups": "Group",
    "filters": "Assignment filter",
    "scopeTags": "Scope tag",
    "users": "User",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What keeps a step from being left: the id of its field, and the sentence."""

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One line of the options step."""

    value: str
    label: str
    note: str


EXISTING = (
    Choice(value="update", label="Update in place", note="The policy keeps its id: nothing runs again."),
    Choice(
        value="recreate",
        label="Delete and create again",
        note="A new id: scripts run again, certificates are issued again. Needs deletes allowed.",
    ),
    Choice(value="copy", label="Create a copy with a new name", note="What is there stays as it is."),
    Choice(value="skip", label="Skip", note="Only what is missing is created."),
)


def _draft(restore_id: int) -> Restore:
    restore = queries.find_restore(restore_id)
    if restore.status not in OPEN_STATUSES:
        raise Conflict("This restore has been executed.", hint="Begin another restore from its backup set.")
    return restore


def _step(
    request: TenantRequest,
    step: str,
    context: dict[str, Json],
    *,
    problems: list[Problem] | None = None,
    status: int = 400,
) -> HttpResponse:
    """A step of the wizard; with problems, they stand at its top and each leads to its field."""
    frame = {
        "title": f"Restore: {step.lower()}",
        "section": "restore",
        "steps": steps(request.tenant.slug, context.get("restore"), step),
        "problems": problems or [],
    }
    template = f"web/restore/{step.lower()}.html"
    return render(request, template, {**frame, **context}, status=status if problems else 200)


@require_GET
def restore_list(request: TenantRequest) -> HttpResponse:
    """Newest first."""
    page = filters.page_of(request, queries.restore_list(), RESTORES_PER_PAGE)
    return render(request, "web/restore/list.html", {"title": "Restore", "section": "restore", "page": page})


@require_http_methods(["GET", "POST"])
def restore_source(request: TenantRequest) -> HttpResponse:
    """Which backup set, or which version, to restore from."""
    require(request, Capability.RESTORE_PREVIEW)
    problems = []
    if request.method == "POST":
        version, chosen = (request.POST.get(name, "") for name in ("version", "set"))
        if version.isdecimal():
            return _preview_version(request, int(version))
        if chosen.isdecimal():
            return _begin(request, int(chosen))
        problems = [Problem(field="sets", message="Choose a backup set.")]
    version_id = filters.number(request, "version")
    context: dict[str, Json] = {
        "sets": [set_row(each) for each in set_list().exclude(status=SetStatus.CAPTURING)[:SETS_OFFERED]],
        "chosen": filters.number(request, "set"),
        "version": find_version(version_id) if version_id else None,
    }
    return _step(request, "Source", context, problems=problems)


def _begin(request: TenantRequest, backup_set: int) -> HttpResponse:
    """A draft from the set; when policies were ticked on the set's page, they are not asked for again."""
    tenant = request.tenant
    ticked = request.POST.getlist("policy")
    draft = services.save_draft(tenant, backup_set=backup_set, actor=request.user, policies=ticked)
    following = "restore_options" if ticked else "restore_policies"
    return redirect(following, slug=tenant.slug, restore_id=draft.pk)


def _preview_version(request: TenantRequest, number: int) -> HttpResponse:
    version = find_version(number)
    entry = SetEntry.objects.filter(policy_id=version.policy_id).order_by("-backup_set_id").first()
    if entry is None:
        raise Conflict(
            "No backup set holds this policy, so what it refers to is not known.",
            hint="Take a backup of the policy first.",
        )
    params = services.PreviewParams(set=entry.backup_set_id, policies=(version.graph_id,), version=version.pk)
    started = services.start_preview(request.tenant, params, actor=request.user, trigger=Trigger.PERSON)
    return show_started(request, started)


@require_http_methods(["GET", "POST"])
def restore_policies(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Which policies of the set."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = _draft(restore_id)
    problems = []
    if request.method == "POST":
        everything = request.POST.get("scope") == "all"
        ticked = [] if everything else request.POST.getlist("policy")
        if everything or ticked:
            _save(request, draft, policies=ticked)
            return redirect("restore_options", slug=request.tenant.slug, restore_id=draft.pk)
        problems = [Problem(field="scope-ticked", message="Tick at least one policy, or choose all of them.")]
    chosen = set(draft.policies)
    context: dict[str, Json] = {
        "restore": draft,
        "groups": list(_by_type(draft, chosen)),
        "only_ticked": bool(chosen or problems),
    }
    return _step(request, "Policies", context, problems=problems)


@dataclass(frozen=True, kw_only=True)
class TypeGroup:
    """The policies of one type in the set; `obstacle` says why none of them can be put back."""

    key: str
    label: str
    foundation: bool
    obstacle: str
    note: str
    lacking: tuple[str, ...]
    entries: tuple[tuple[SetEntry, bool], ...]
    ticked: int


def _by_type(draft: Restore, chosen: set[str]) -> Iterator[TypeGroup]:
    lacking = _lacking_permissions()
    entries = set_entries(find_set(draft.backup_set_id))
    for key, rows in groupby(entries, key=lambda entry: str(entry.version.type_key)):
        policy_type = get_type(key)
        mine = tuple((entry, entry.version.graph_id in chosen) for entry in rows)
        obstacle, note = _mode_words(policy_type)
        yield TypeGroup(
            key=key,
            label=policy_type.label,
            foundation=policy_type.foundation,
            obstacle=obstacle,
            note=note,
            lacking=tuple(lacking.get(key, ())),
            entries=mine,
            ticked=sum(is_ticked for _, is_ticked in mine),
        )


def _mode_words(policy_type: PolicyType) -> tuple[str, str]:
    """(why policies of this type cannot be put back, what to know when they are)."""
    rule = policy_type.restore
    if rule.mode is RestoreMode.BACKUP_ONLY:
        return rule.reason or "These are kept, not put back.", ""
    if rule.mode is RestoreMode.UPDATE_ONLY:
        return "", rule.reason or "Only updated where they exist."
    return "", rule.reason


def _lacking_permissions() -> dict[str, list[str]]:
    """The permissions to restore that the newest report misses, by policy type."""
    report = PermissionReport.objects.order_by("-taken_at").first()
    found: dict[str, list[str]] = {}
    for row in report.rows if report else ():
        if row["for"] == Need.RESTORE and row["state"] == Held.MISSING:
            for key in row["types"]:
                found.setdefault(key, []).append(row["permission"])
    return found


def _save(request: TenantRequest, draft: Restore, **changes: object) -> Restore:
    values: dict[str, object] = {
        "types": draft.types,
        "policies": draft.policies,
        "existing": Existing(draft.existing),
        "mapping": draft.mapping,
        **changes,
    }
    return services.save_draft(
        request.tenant,
        backup_set=draft.backup_set_id,
        actor=request.user,
        restore=draft,
        **values,  # type: ignore[arg-type]  # the values above, by name
    )


@require_http_methods(["GET", "POST"])
def restore_options(request: TenantRequest, restore_id: int) -> HttpResponse:
    """What to do with policies that are in the tenant already; then the preview starts."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = _draft(restore_id)
    problems = []
    if request.method == "POST":
        chosen = request.POST.get("existing", "")
        if chosen in {each.value for each in Existing}:
            _save(request, draft, existing=Existing(chosen))
            return _preview(request, queries.find_restore(restore_id))
        problems = [Problem(field="existing-update", message="Choose what to do with policies that exist.")]
    context: dict[str, Json] = {"restore": draft, "choices": EXISTING}
    return _step(request, "Options", context, problems=problems)


@require_POST
def restore_preview(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview again, as chosen."""
    return _preview(request, _draft(restore_id))


def _preview(request: TenantRequest, draft: Restore) -> HttpResponse:
    started = services.preview_draft(draft, actor=request.user, trigger=Trigger.PERSON)
    return show_started(request, started)


@dataclass(frozen=True, kw_only=True)
class MappingLine:
    """One id to decide: its form field, its words, how it was found, what may be chosen."""

    field: str
    section: str
    words: str
    id: str
    name: str
    found: str
    chosen: str
    choices: tuple[tuple[str, str], ...]


@require_http_methods(["GET", "POST"])
def restore_mapping(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Decide what stands for groups, filters, tags and users; saving previews again."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = _draft(restore_id)
    if draft.status != RestoreStatus.PREVIEWED:
        messages.info(request, "A preview finds out what needs mapping.")
        return redirect("restore_options", slug=request.tenant.slug, restore_id=draft.pk)
    document = services.mapping_of(draft)
    lines = list(_mapping_lines(document))
    problems = []
    if request.method == "POST":
        problems = [
            Problem(field=line.field, message=f"{line.words} {line.name or line.id}: choose one of the list.")
            for line in lines
            if not _decide(document[line.section][line.id], request.POST.get(line.field, ""), line.choices)
        ]
        if not problems:
            _save(request, draft, mapping=document)
            return _preview(request, queries.find_restore(restore_id))
    context: dict[str, Json] = {
        "restore": draft,
        "lines": lines,
        "open": sum(not line.chosen for line in lines),
    }
    return _step(request, "Mapping", context, problems=problems)


def _mapping_lines(document: dict[str, Json]) -> Iterator[MappingLine]:
    groups = tuple((f"map:{group.graph_id}", group.name) for group in known_groups()[:MOST_CHOICES])
    for section, entries in document.items():
        if not isinstance(entries, dict):
            continue
        for index, (source_id, entry) in enumerate(entries.items()):
            candidates = tuple(
                (f"map:{each['id']}", f"{each['name']} ({each['id']})") for each in entry["candidates"]
            )
            offered = dict(candidates) | (dict(groups) if section == "groups" else {})
            if entry["target"]:
                offered.setdefault(f"map:{entry['target']}", str(entry["target"]))
            yield MappingLine(
                field=f"{section}-{index}",
                section=section,
                words=SECTION_WORDS[section],
                id=source_id,
                name=str(entry["name"] or ""),
                found=_found_words(source_id, entry),
                chosen=_chosen(entry),
                choices=tuple(offered.items()),
            )


def _chosen(entry: dict[str, Json]) -> str:
    return f"map:{entry['target']}" if entry["action"] == "map" else str(entry["action"] or "")


def _found_words(source_id: str, entry: dict[str, Json]) -> str:
    candidates = entry["candidates"]
    if not candidates:
        return "missing"
    if len(candidates) > 1:
        return "ambiguous"
    return "found_by_id" if candidates[0]["id"] == source_id else "found_by_name"


def _decide(entry: dict[str, Json], chosen: str, choices: tuple[tuple[str, str], ...]) -> bool:
    """Write the choice into the mapping; False for one that was not offered."""
    offered = {"", "drop", *(value for value, _ in choices)}
    if chosen not in offered:
        return False
    action, _, target = chosen.partition(":")
    entry["action"], entry["target"] = action or None, target or None
    return True


@require_GET
def restore_detail(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Where the restore stands: the next step of a draft, or the result."""
    restore = queries.find_restore(restore_id)
    slug = request.tenant.slug
    if restore.status in {RestoreStatus.DRAFT, RestoreStatus.SCOPED}:
        return redirect("restore_policies", slug=slug, restore_id=restore.pk)
    if restore.status == RestoreStatus.CHECKED and restore.preview_run_id:
        return redirect("run_detail", slug=slug, run_id=restore.preview_run_id)
    if restore.status == RestoreStatus.PREVIEWED:
        return redirect("restore_review", slug=slug, restore_id=restore.pk)
    items = _in_order(restore)
    states = [item.state for item in items if item.state]
    asked = filters.chosen(request, "result", set(states))
    context = {
        "title": f"Restore {restore.pk}",
        "section": "restore",
        "restore": restore,
        "items": [item for item in items if not asked or item.state == asked],
        "total": len(items),
        "asked": asked,
        "results": [(state, states.count(state)) for state in dict.fromkeys(states)],
        "run": restore.execute_run,
    }
    return render(request, "web/restore/detail.html", context)


@require_GET
def restore_review(request: TenantRequest, restore_id: int) -> HttpResponse:
    """The sentence that will happen, each policy, every write; and the confirmation."""
    restore = queries.find_restore(restore_id)
    if restore.status != RestoreStatus.PREVIEWED:
        return redirect("restore_detail", slug=request.tenant.slug, restore_id=restore.pk)
    return _review(request, restore)


def _in_order(restore: Restore) -> list[queries.ShownItem]:
    """The policies of the restore, those that are written first."""
    return sorted(queries.shown_items(restore), key=lambda item: ACTION_ORDER.index(item.action))


def _review(request: TenantRequest, restore: Restore, *, error: AtlasError | None = None) -> HttpResponse:
    counts = restore.counts
    items = _in_order(restore)
    changes = _differences(restore)
    context: dict[str, Json] = {
        "restore": restore,
        "counts": [(action, counts.get(action, 0)) for action in ACTION_ORDER if counts.get(action)],
        "writing": sum(counts.get(action, 0) for action in WRITING),
        "expired": restore.expires_at is None or clock.now() > restore.expires_at,
        "items": [(item, changes.get(item.key, ())) for item in items if item.action != UNCHANGED],
        "unchanged": [item for item in items if item.action == UNCHANGED],
        "writes": queries.shown_writes(restore),
    }
    problems = [Problem(field="confirm", message=error.message, hint=error.hint)] if error else []
    return _step(request, "Review", context, problems=problems, status=error.http_status if error else 200)


def _differences(restore: Restore) -> dict[str, list[Json]]:
    """What each policy that is changed in place changes, by item key."""
    found = {}
    for row in queries.planned_items(restore).filter(action__in=("update", "recreate")):
        row.restore = restore  # known already: saves asking for it row by row
        found[row.key] = queries.item_differences(row)
    return found


@require_POST
def restore_execute(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Execute exactly the plan that was shown."""
    restore = queries.find_restore(restore_id)
    try:
        started = services.execute_restore(
            restore,
            plan_sha256=request.POST.get("plan", ""),
            confirm=request.POST.get("confirm", "").strip(),
            actor=request.user,
            trigger=Trigger.PERSON,
        )
    except (InputError, Conflict) as error:
        if restore.status != RestoreStatus.PREVIEWED:
            raise
        return _review(request, restore, error=error)
    return show_started(request, started)
