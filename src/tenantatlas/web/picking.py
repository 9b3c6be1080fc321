"""Picking policies in a form: what was ticked on one page of those found is kept when another is shown.

A page sends its number as `found-page`, the ids that it showed as `shown` and those of them that are ticked
as `policy`. Its buttons are named `find`, `to` (another page) and `drop` (one that was chosen).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from tenantatlas.core.json import Json
from tenantatlas.inventory.models import Policy
from tenantatlas.inventory.queries import IN_TENANT, known_policies
from tenantatlas.policies.registry import all_types

FOUND_PER_PAGE = 20
_BUTTONS = frozenset({"find", "to", "drop"})


@dataclass(frozen=True, kw_only=True)
class Pickable:
    """A policy that may be ticked: `obstacle` says why it may not, `notes` what to know of it."""

    graph_id: str
    name: str
    label: str
    ticked: bool
    obstacle: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A policy that was chosen, with its type; `note` says so where it is not in the tenant."""

    graph_id: str
    name: str
    label: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Picker:
    """What is chosen, what may be, and what was looked for.

    The keyboard goes on after a removal with `following`, if one is left, and on another page with `first`.
    """

    chosen: Sequence[Chosen]
    page: Page[Json]
    found: Sequence[Pickable]
    name: str
    type_key: str
    types: Sequence[tuple[str, str]]
    is_used: bool
    is_removed: bool
    following: str
    first: str

    @property
    def is_open(self) -> bool:
        """Whether there is something to see in it: a choice, or the answer to one of its buttons."""
        return bool(self.chosen) or self.is_used


def is_picking(given: QueryDict) -> bool:
    """Whether the form was sent by a button of the picker: the person has not finished."""
    return not _BUTTONS.isdisjoint(given)


def ticked_elsewhere(chosen: Iterable[str], given: QueryDict) -> set[str]:
    """What was chosen, without what the page that was sent could have unticked."""
    return set(chosen) - set(given.getlist("shown"))


def picked(chosen: Iterable[str], given: QueryDict) -> list[str]:
    """The ids that are chosen now: on other pages, or on the one that was sent, and not removed."""
    ticked = ticked_elsewhere(chosen, given) | set(given.getlist("policy"))
    return sorted(ticked - set(given.getlist("drop")))


def read_picker(chosen: Sequence[str], given: QueryDict) -> Picker:
    """The picker as it stands after what was sent."""
    labels = _labels()
    name = given.get("find-name", "").strip()[:200]
    type_key = given.get("find-type", "")
    asked = [type_key] if type_key in labels else []
    found = known_policies(types=asked, search=name).filter(presence__in=IN_TENANT)
    removed = given.get("drop", "")
    page = Paginator(found, FOUND_PER_PAGE).get_page(given.get("found-page" if removed else "to"))
    before = chosen_policies({*chosen, removed} - {""})
    return Picker(
        chosen=[each for each in before if each.graph_id != removed],
        page=page,
        found=[_pickable(policy, labels, chosen) for policy in page.object_list],
        name=name,
        type_key=type_key,
        types=sorted(labels.items(), key=lambda each: each[1].lower()),
        is_used=is_picking(given),
        is_removed=bool(removed),
        following=_following([each.graph_id for each in before], removed),
        first=page.object_list[0].graph_id if "to" in given and page.object_list else "",
    )


def chosen_policies(graph_ids: Iterable[str]) -> list[Chosen]:
    """Each by its name, also when it has gone from the tenant; by its id where it was never seen."""
    asked = set(graph_ids)
    labels = _labels()
    known = [_chosen(policy, labels) for policy in Policy.objects.filter(graph_id__in=asked)] if asked else []
    never_seen = sorted(asked - {each.graph_id for each in known})
    return [
        *(Chosen(graph_id=each, name=each, note="Not known in this tenant") for each in never_seen),
        *sorted(known, key=lambda each: (each.name.lower(), each.label)),
    ]


def _pickable(policy: Policy, labels: dict[str, str], chosen: Sequence[str]) -> Pickable:
    return Pickable(
        graph_id=policy.graph_id,
        name=policy.name,
        label=labels.get(policy.type_key, policy.type_key),
        ticked=policy.graph_id in chosen,
    )


def _chosen(policy: Policy, labels: dict[str, str]) -> Chosen:
    return Chosen(
        graph_id=policy.graph_id,
        name=policy.name or "(no name)",
        label=labels.get(policy.type_key, policy.type_key),
        note="" if policy.presence in IN_TENANT else policy.get_presence_display(),
    )


def _following(graph_ids: list[str], removed: str) -> str:
    """The id after the one removed, or before it where it was the last."""
    if removed not in graph_ids:
        return ""
    place = graph_ids.index(removed)
    left = [each for each in graph_ids if each != removed]
    return left[min(place, len(left) - 1)] if left else ""


def _labels() -> dict[str, str]:
    return {each.key: each.label for each in all_types()}
