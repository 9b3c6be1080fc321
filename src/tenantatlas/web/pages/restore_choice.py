"""Where to restore from, and with which options; which policies is a step of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.backups.models import SetEntry, SetStatus
from tenantatlas.backups.queries import find_version, set_list, set_row
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType, RestoreMode
from tenantatlas.restore import queries, services
from tenantatlas.restore.models import Restore
from tenantatlas.restore.params import PreviewParams
from tenantatlas.restore.world import Assignments, Existing
from tenantatlas.web import filters
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest, require

from .restore_frame import draft_of, save, show_step

SETS_OFFERED = 50


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
ASSIGNMENTS = (
    Choice(
        value="backed-up",
        label="As backed up",
        note="Mapped where groups or filters are others here. Targeting is never widened.",
    ),
    Choice(
        value="none",
        label="None",
        note="Policies end without assignments; those that are there lose theirs.",
    ),
    Choice(
        value="keep",
        label="Keep live",
        note="Policies that are there keep what they have; those that are made get none.",
    ),
)


# ── Source ────────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def restore_source(request: TenantRequest) -> HttpResponse:
    """Which backup set, or which version, to restore from; of a new restore or of a draft."""
    require(request, Capability.RESTORE_PREVIEW)
    problems = []
    given = request.POST if request.method == "POST" else request.GET
    draft = draft_of(number) if (number := _number(given.get("restore", ""))) else None
    if request.method == "POST":
        version, chosen = (_number(request.POST.get(name, "")) for name in ("version", "set"))
        if version:
            return _begin_with_version(request, version, draft)
        if chosen:
            return _begin(request, chosen, draft)
        problems = [Problem(field="sets", message="Choose a backup set.")]
    version_id = filters.number(request, "version") or (draft.version_id if draft else 0)
    context: dict[str, Json] = {
        "restore": draft,
        "sets": [set_row(each) for each in set_list().exclude(status=SetStatus.CAPTURING)[:SETS_OFFERED]],
        "chosen": filters.number(request, "set") or (draft.backup_set_id if draft else 0),
        "version": find_version(version_id) if version_id else None,
    }
    return show_step(request, "Source", context, problems=problems)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 18 else 0  # noqa: PLR2004 - digits of a database id


def _begin(request: TenantRequest, backup_set: int, draft: Restore | None) -> HttpResponse:
    """A draft from the set; when policies were ticked on the set's page, they are not asked for again."""
    ticked = tuple(request.POST.getlist("policy"))
    if draft is not None and draft.backup_set_id == backup_set and not draft.version_id:
        return redirect("restore_policies", slug=request.tenant.slug, restore_id=draft.pk)
    params = PreviewParams(set=backup_set, policies=ticked)
    draft = services.save_draft(request.tenant, params, actor=request.user, restore=draft)
    following = "restore_options" if ticked else "restore_policies"
    return redirect(following, slug=request.tenant.slug, restore_id=draft.pk)


def _begin_with_version(request: TenantRequest, number: int, draft: Restore | None) -> HttpResponse:
    version = find_version(number)
    if draft is None or draft.version_id != version.pk:
        entry = SetEntry.objects.filter(policy_id=version.policy_id).order_by("-backup_set_id").first()
        if entry is None:
            raise Conflict(
                "No backup set holds this policy, so what it refers to is not known.",
                hint="Take a backup of the policy first.",
            )
        params = PreviewParams(set=entry.backup_set_id, policies=(version.graph_id,), version=version.pk)
        draft = services.save_draft(request.tenant, params, actor=request.user, restore=draft)
    return redirect("restore_options", slug=request.tenant.slug, restore_id=draft.pk)


# ── Options ───────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def restore_options(request: TenantRequest, restore_id: int) -> HttpResponse:
    """What to do with policies that are in the tenant already; leaving the step makes the checks."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = draft_of(restore_id)
    types = queries.types_chosen(services.choice_of(draft))
    problems: list[Problem] = []
    if request.method == "POST":
        problems, chosen = _options(request, types)
        if not problems:
            services.make_checks(save(request, draft, **chosen))
            return redirect("restore_mapping", slug=request.tenant.slug, restore_id=draft.pk)
    context: dict[str, Json] = {
        "restore": draft,
        "choices": EXISTING,
        "assignments": ASSIGNMENTS,
        "suffix": services.choice_of(draft).copy_suffix.strip(),
        "types": [
            (each.key, each.label, draft.existing_by_type.get(each.key, ""))
            for each in types
            if each.restore.mode is RestoreMode.FULL
        ],
    }
    return show_step(request, "Options", context, problems=problems)


def _options(request: TenantRequest, types: Iterable[PolicyType]) -> tuple[list[Problem], dict[str, object]]:
    """Every problem of the form, and what was chosen."""
    given = request.POST
    problems = []
    ways = {each.value for each in Existing}
    existing, assignments = given.get("existing", ""), given.get("assignments", Assignments.BACKED_UP.value)
    if existing not in ways:
        problems.append(
            Problem(field="existing-update", message="Choose what to do with policies that exist.")
        )
    if assignments not in {each.value for each in Assignments}:
        problems.append(Problem(field="assignments-backed-up", message="Choose what to do with assignments."))
    by_type = {each.key: given.get(f"type-{each.key}", "") for each in types}
    for key, way in by_type.items():
        if way and way not in ways:
            problems.append(Problem(field=f"type-{key}", message=f"Choose one of the list for {key}."))
    suffix = given.get("suffix", "").strip()
    chosen: dict[str, object] = {}
    try:
        if not problems:
            chosen = {
                "existing": Existing(existing),
                "assignments": Assignments(assignments),
                "existing_by_type": {key: Existing(way) for key, way in by_type.items() if way},
                **({"copy_suffix": f" {suffix}"} if suffix else {}),
            }
            PreviewParams(set=0, **chosen)  # type: ignore[arg-type]  # the values above, by name
    except InputError as error:
        problems.append(Problem(field="suffix", message=error.message, hint=error.hint))
    return problems, chosen
