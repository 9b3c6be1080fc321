"""The restore wizard: source, policies, options, preview, mapping, review. Its state is a saved draft."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import SetEntry
from tenantatlas.backups.queries import find_set, find_version, set_entries, set_list, set_row
from tenantatlas.core.errors import AtlasError, Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import known_groups
from tenantatlas.policies.registry import get_type
from tenantatlas.restore import queries, services
from tenantatlas.restore.models import OPEN_STATUSES, Restore, RestoreStatus
from tenantatlas.restore.world import Existing
from tenantatlas.runs.lifecycle import Trigger
from tenantatlas.tenants.queries import has_capability, require_capability
from tenantatlas.web.requests import TenantRequest

from .runs import say_started

RESTORES_PER_PAGE = 50
SETS_OFFERED = 50
STEPS = ("Source", "Policies", "Options", "Preview", "Mapping", "Review")
ACTION_ORDER = ("create", "update", "recreate", "copy", "undecided", "cannot", "skip", "unchanged")
MOST_CHOICES = 500


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


def _step(request: TenantRequest, template: str, step: str, context: dict[str, object]) -> HttpResponse:
    status = int(context.pop("status", 200))  # type: ignore[call-overload]  # put there by the steps, a number
    frame = {"title": f"Restore: {step.lower()}", "section": "restore", "steps": STEPS, "step": step}
    return render(request, template, {**frame, **context}, status=status)


@require_GET
def restore_list(request: TenantRequest) -> HttpResponse:
    """Newest first."""
    page = Paginator(queries.restore_list(), RESTORES_PER_PAGE).get_page(request.GET.get("page"))
    context = {"title": "Restore", "section": "restore", "page": page}
    return render(request, "web/restore/list.html", context)


@require_http_methods(["GET", "POST"])
def restore_source(request: TenantRequest) -> HttpResponse:
    """Which backup set, or which version, to restore from."""
    tenant = request.tenant
    require_capability(request.user, tenant, Capability.RESTORE_PREVIEW)
    if request.method == "POST":
        return _begin(request)
    version = request.GET.get("version", "")
    context: dict[str, object] = {
        "sets": [set_row(each) for each in set_list()[:SETS_OFFERED]],
        "chosen": request.GET.get("set", ""),
        "version": find_version(int(version)) if version.isdigit() else None,
    }
    return _step(request, "web/restore/source.html", "Source", context)


def _begin(request: TenantRequest) -> HttpResponse:
    tenant = request.tenant
    version = request.POST.get("version", "")
    if version.isdigit():
        return _preview_version(request, int(version))
    chosen = request.POST.get("set", "")
    if not chosen.isdigit():
        raise InputError("Choose a backup set.", hint="Take a backup first if there is none.")
    draft = services.save_draft(tenant, backup_set=int(chosen), actor=request.user)
    return redirect("restore_policies", slug=tenant.slug, restore_id=draft.pk)


def _preview_version(request: TenantRequest, number: int) -> HttpResponse:
    tenant = request.tenant
    version = find_version(number)
    entry = SetEntry.objects.filter(policy_id=version.policy_id).order_by("-backup_set_id").first()
    if entry is None:
        raise Conflict(
            "No backup set holds this policy, so what it refers to is not known.",
            hint="Take a backup of the policy first.",
        )
    params = services.PreviewParams(set=entry.backup_set_id, policies=(version.graph_id,), version=version.pk)
    run, created = services.start_preview(tenant, params, actor=request.user, trigger=Trigger.PERSON)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=tenant.slug, run_id=run.pk)


@require_http_methods(["GET", "POST"])
def restore_policies(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Which policies of the set."""
    tenant = request.tenant
    draft = _draft(restore_id)
    error = ""
    if request.method == "POST":
        ticked = request.POST.getlist("policy")
        if request.POST.get("scope") == "all":
            ticked = []
        elif not ticked:
            error = "Tick at least one policy, or choose all of them."
        if not error:
            _save(request, draft, policies=ticked)
            return redirect("restore_options", slug=tenant.slug, restore_id=draft.pk)
    context: dict[str, object] = {
        "restore": draft,
        "groups": list(_by_type(draft)),
        "chosen": set(draft.policies),
        "error": error,
        "status": 400 if error else 200,
    }
    return _step(request, "web/restore/policies.html", "Policies", context)


def _by_type(draft: Restore) -> Iterator[tuple[str, str, bool, list[SetEntry]]]:
    """(key, label, foundation?, entries) of the draft's set."""
    entries = set_entries(find_set(draft.backup_set_id))
    for key, rows in groupby(entries, key=lambda entry: entry.version.type_key):
        policy_type = get_type(key)
        yield key, policy_type.label, policy_type.foundation, list(rows)


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
    draft = _draft(restore_id)
    if request.method == "POST":
        chosen = request.POST.get("existing", "")
        if chosen not in {each.value for each in Existing}:
            raise InputError("Choose what to do with policies that exist.")
        _save(request, draft, existing=Existing(chosen))
        return _preview(request, queries.find_restore(restore_id))
    context: dict[str, object] = {
        "restore": draft,
        "choices": EXISTING,
        "deletes": request.tenant.allow_deletes,
    }
    return _step(request, "web/restore/options.html", "Options", context)


@require_POST
def restore_preview(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Preview again, as chosen."""
    return _preview(request, _draft(restore_id))


def _preview(request: TenantRequest, draft: Restore) -> HttpResponse:
    run, created = services.preview_draft(draft, actor=request.user, trigger=Trigger.PERSON)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=request.tenant.slug, run_id=run.pk)


@dataclass(frozen=True, kw_only=True)
class MappingLine:
    """One id to decide: its form field, its words, what may be chosen."""

    field: str
    section: str
    id: str
    name: str
    chosen: str
    choices: tuple[tuple[str, str], ...]


@require_http_methods(["GET", "POST"])
def restore_mapping(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Decide what stands for groups, filters, tags and users; saving previews again."""
    draft = _draft(restore_id)
    document = services.mapping_of(draft)
    lines = list(_mapping_lines(document))
    if request.method == "POST":
        for line in lines:
            _decide(document[line.section][line.id], request.POST.get(line.field, ""))
        _save(request, draft, mapping=document)
        return _preview(request, queries.find_restore(restore_id))
    context: dict[str, object] = {
        "restore": draft,
        "lines": lines,
        "open": sum(not line.chosen for line in lines),
    }
    return _step(request, "web/restore/mapping.html", "Mapping", context)


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
                id=source_id,
                name=str(entry["name"] or ""),
                chosen=_chosen(entry),
                choices=tuple(offered.items()),
            )


def _chosen(entry: dict[str, Json]) -> str:
    return f"map:{entry['target']}" if entry["action"] == "map" else str(entry["action"] or "")


def _decide(entry: dict[str, Json], chosen: str) -> None:
    if chosen == "drop":
        entry["action"], entry["target"] = "drop", None
    elif chosen.startswith("map:"):
        entry["action"], entry["target"] = "map", chosen.removeprefix("map:")
    else:
        entry["action"], entry["target"] = None, None


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
    context = {
        "title": f"Restore {restore.pk}",
        "section": "restore",
        "restore": restore,
        "items": queries.shown_items(restore),
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


def _review(request: TenantRequest, restore: Restore, *, error: AtlasError | None = None) -> HttpResponse:
    tenant = request.tenant
    counts = restore.counts
    items = sorted(queries.shown_items(restore), key=lambda item: ACTION_ORDER.index(item.action))
    rows = {row.key: row for row in queries.planned_items(restore) if row.action in {"update", "recreate"}}
    context: dict[str, object] = {
        "restore": restore,
        "counts": [(action, counts.get(action, 0)) for action in ACTION_ORDER if counts.get(action)],
        "writing": sum(counts.get(action, 0) for action in ("create", "update", "recreate", "copy")),
        "items": [
            (item, queries.item_differences(rows[item.key]) if item.key in rows else []) for item in items
        ],
        "writes": queries.shown_writes(restore),
        "may": has_capability(request.user, tenant, Capability.RESTORE_EXECUTE),
        "error": error,
        "status": error.http_status if error else 200,
    }
    return _step(request, "web/restore/review.html", "Review", context)


@require_POST
def restore_execute(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Execute exactly the plan that was shown."""
    restore = queries.find_restore(restore_id)
    try:
        run, created = services.execute_restore(
            restore,
            plan_sha256=request.POST.get("plan", ""),
            confirm=request.POST.get("confirm", "").strip(),
            actor=request.user,
            trigger=Trigger.PERSON,
        )
    except (InputError, Conflict) as error:
        return _review(request, restore, error=error)
    say_started(request, run, created=created)
    return redirect("run_detail", slug=request.tenant.slug, run_id=run.pk)
