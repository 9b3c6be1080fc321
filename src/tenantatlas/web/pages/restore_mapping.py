"""The mapping step: what stands in the tenant for what the policies name. From the cache, never Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import known_groups
from tenantatlas.restore.mapping import SECTIONS, Decision, MappingAction
from tenantatlas.restore.needs import NamedThing, mapping_of_choices, needs_of
from tenantatlas.web.problems import Problem
from tenantatlas.web.requests import TenantRequest, require

from .restore_frame import draft_of, save, show_step

MOST_CHOICES = 500
DROP = "drop"
#: What a section of the mapping is called on the page.
SECTION_WORDS = {
    "groups": "Group",
    "filters": "Assignment filter",
    "scopeTags": "Scope tag",
    "users": "User",
}


@dataclass(frozen=True, kw_only=True)
class MappingLine:
    """One id to decide: its form field, its words, how it was found, what may be chosen."""

    field: str
    thing: NamedThing
    words: str
    chosen: str
    choices: tuple[tuple[str, str], ...]


@require_http_methods(["GET", "POST"])
def restore_mapping(request: TenantRequest, restore_id: int) -> HttpResponse:
    """Decide what stands for groups, filters, tags and users; what is left open holds its policies."""
    require(request, Capability.RESTORE_PREVIEW)
    draft = draft_of(restore_id)
    groups = tuple((f"map:{group.graph_id}", group.name) for group in known_groups()[:MOST_CHOICES])
    needs = needs_of(draft)
    lines = _lines(needs.things, groups)
    problems: list[Problem] = []
    if request.method == "POST":
        chosen = _chosen(request.POST, lines)
        problems = _problems(lines, chosen, leaving_out=bool(request.POST.get("leave_out")))
        if not problems:
            save(request, draft, mapping=_decisions(lines, chosen))
            return redirect("restore_preview", slug=request.tenant.slug, restore_id=draft.pk)
        lines = [replace(line, chosen=chosen[line.field]) for line in lines]
    context: dict[str, Json] = {
        "restore": draft,
        "lines": lines,
        "unsettled": [line for line in lines if line.thing.decision.action is None],
        "settled": [line for line in lines if line.thing.decision.action is not None],
        "groups": groups,
        "open": sum(line.thing.is_open for line in lines),
        "synced": needs.synced,
    }
    return show_step(request, "Mapping", context, problems=problems)


def _lines(things: list[NamedThing], groups: tuple[tuple[str, str], ...]) -> list[MappingLine]:
    numbers = dict.fromkeys(SECTIONS, 0)
    lines = []
    for thing in things:
        candidates = {f"map:{each.id}": f"{each.name} ({each.id})" for each in thing.automatic.candidates}
        offered = candidates | (
            {value: name for value, name in groups if value not in candidates}
            if thing.section == "groups"
            else {}
        )
        if thing.decision.target:
            offered.setdefault(f"map:{thing.decision.target}", thing.decision.target)
        lines.append(
            MappingLine(
                field=f"{thing.section}-{numbers[thing.section]}",
                thing=thing,
                words=SECTION_WORDS[thing.section],
                chosen=_value(thing.decision),
                choices=tuple(offered.items()),
            )
        )
        numbers[thing.section] += 1
    return lines


def _value(decision: Decision) -> str:
    return f"map:{decision.target}" if decision.action is MappingAction.MAP else str(decision.action or "")


def _chosen(given: Mapping[str, str], lines: list[MappingLine]) -> dict[str, str]:
    """Field → choice; what was asked for all lines goes to those that are still open and offer it."""
    for_all = given.get("all", "")
    found = {}
    for line in lines:
        value = given.get(line.field, line.chosen)
        offers = for_all == DROP or for_all in dict(line.choices)
        found[line.field] = for_all if for_all and not value and offers else value
    return found


def _problems(lines: list[MappingLine], chosen: dict[str, str], *, leaving_out: bool) -> list[Problem]:
    problems = []
    for line in lines:
        value, said = chosen[line.field], f"{line.words} {line.thing.name or line.thing.id}"
        if value not in {"", DROP, *dict(line.choices)}:
            problems.append(Problem(field=line.field, message=f"{said}: choose one of the list."))
        elif not value and not leaving_out and line.thing.found != "unseen":
            problems.append(Problem(field=line.field, message=f"{said} is not decided."))
    return problems


def _decisions(lines: list[MappingLine], chosen: dict[str, str]) -> dict[str, Json]:
    """The mapping to save: what was decided otherwise than what is found by itself."""
    decided = {}
    for line in lines:
        value = chosen[line.field]
        if value == _value(line.thing.automatic):
            continue
        action, _, target = value.partition(":")
        decided[SECTIONS[line.thing.section], line.thing.id] = replace(
            line.thing.automatic,
            name=line.thing.name,
            action=MappingAction(action) if action else None,
            target=target,
        )
    return mapping_of_choices(decided)
