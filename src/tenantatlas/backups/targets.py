"""Which groups the newest versions name. Apart from `queries`, which reads payloads: this needs none.

What a version names is recorded when it is stored, since payloads are sealed and cannot be searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from tenantatlas.core.json import Json
from tenantatlas.policies.assignments import is_exclusion
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.references import Found, find

from .models import NamedGroup, PolicyVersion

_KIND = "groups"
_ASSIGNMENT = "assignments["
_EXCLUDING = "exclude"


@dataclass(frozen=True, kw_only=True)
class GroupUses:
    """How many policies' newest versions are for a group, and how many leave it out."""

    included: int = 0
    excluded: int = 0

    @property
    def total(self) -> int:
        """How often it is named at all."""
        return self.included + self.excluded


def record_named_groups(stored: Iterable[tuple[PolicyVersion, PolicyType, Json]]) -> None:
    """Keep which groups these versions name, in the tenant in scope. Repeating it adds nothing."""
    NamedGroup.objects.bulk_create(
        [
            NamedGroup(version=version, group_id=group_id, excluded=excluded)
            for version, policy_type, composed in stored
            for group_id, excluded in sorted(set(_named(policy_type, composed)))
        ],
        ignore_conflicts=True,
    )


def policies_naming(group_id: str) -> QuerySet[NamedGroup]:
    """The policies whose newest version names the group: type, name, whether it is left out."""
    found = _newest().filter(group_id=group_id).select_related("version")
    return found.order_by("excluded", "version__type_key", "version__name", "pk")


def uses_of(group_ids: Iterable[str]) -> dict[str, GroupUses]:
    """How often each of these groups is named; those that no newest version names are left out."""
    counted = (
        _newest()
        .filter(group_id__in=list(group_ids))
        .values("group_id")
        .annotate(
            included=Count("pk", filter=Q(excluded=False)), left_out=Count("pk", filter=Q(excluded=True))
        )
    )
    return {row["group_id"]: GroupUses(included=row["included"], excluded=row["left_out"]) for row in counted}


def _newest() -> QuerySet[NamedGroup]:
    return NamedGroup.objects.filter(version__policy__protection__version_id=F("version_id"))


def _named(policy_type: PolicyType, composed: Json) -> Iterator[tuple[str, bool]]:
    for found in find(policy_type, composed):
        if found.kind == _KIND:
            yield found.id[:64], _leaves_out(composed, found)


def _leaves_out(composed: Json, found: Found) -> bool:
    """Whether the policy keeps the group out: an excluding assignment, or a list called `exclude…`."""
    if found.path.startswith(_ASSIGNMENT):
        number = int(found.path[len(_ASSIGNMENT) : found.path.index("]")])
        return is_exclusion(composed["assignments"][number])
    return any(part.startswith(_EXCLUDING) for part in found.path.split("."))
