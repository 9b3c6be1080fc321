"""Which live object is the same policy as the wanted one.

The caller looks for the same id first. Here: the same name and `@odata.type`, or what the type's `match_by`
says. Duplicate names are allowed nearly everywhere, so two candidates are a question for a person, never a
choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantatlas.core.json import Json

from . import paths
from .bodies import same
from .model import PolicyType


@dataclass(frozen=True)
class Matched:
    """One live object is the policy."""

    id: str


@dataclass(frozen=True)
class Ambiguous:
    """Several live objects could be the policy; somebody must say which."""

    ids: tuple[str, ...]


def match(
    policy_type: PolicyType, wanted: Json, candidates: Mapping[str, Json]
) -> Matched | Ambiguous | None:
    """The live object among the candidates (id → list row) that is the wanted policy."""
    if not wanted.get(policy_type.name_field):
        return None
    identity = _identity(policy_type, wanted)
    found = sorted(key for key, row in candidates.items() if same(_identity(policy_type, row), identity))
    if len(found) > 1:
        return Ambiguous(tuple(found))
    return Matched(found[0]) if found else None


def _identity(policy_type: PolicyType, body: Json) -> list[Json]:
    names = policy_type.restore.match_by or (policy_type.name_field, "@odata.type")
    made_by_microsoft = policy_type.built_in is not None and bool(policy_type.built_in(body))
    return [made_by_microsoft, *(_property(policy_type, body, name) for name in names)]


def _property(policy_type: PolicyType, body: Json, name: str) -> Json:
    value = paths.value_at(body, name)
    return policy_type.odata_type if name == "@odata.type" and not value else value
