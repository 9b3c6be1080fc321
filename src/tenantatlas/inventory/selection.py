"""Which policy types a synchronisation looks at. Two ways to say the same selection are the same work."""

from __future__ import annotations

from collections.abc import Iterable

from tenantatlas.core import json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import all_types

from .listing import choose_types


def selected_types(keys: Iterable[str], *, foundations: bool) -> tuple[PolicyType, ...]:
    """The named types (none named: all that are no foundations), and with `foundations` those besides."""
    named = {policy_type.key for policy_type in choose_types(keys)} if (keys := tuple(keys)) else None
    return tuple(
        policy_type
        for policy_type in all_types()
        if (policy_type.foundation and foundations)
        or (policy_type.key in named if named is not None else not policy_type.foundation)
    )


def selection_hash(types: Iterable[PolicyType]) -> str:
    """64 hexadecimal digits that are equal exactly when the selected types are."""
    return sha256_hex(json.dumps(sorted(policy_type.key for policy_type in types)))
