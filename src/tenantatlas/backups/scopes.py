"""Which policies a set speaks of: its types, and of those that it does not hold whole single policies."""

from __future__ import annotations

from tenantatlas.policies.registry import get_type

from .models import BackupSet, PolicyVersion, SetType
from .reading import Scope


def scope_of_set(backup_set: BackupSet) -> Scope:
    """What must be read to compare the set with the tenant."""
    rows = dict(SetType.objects.filter(backup_set=backup_set).values_list("type_key", "whole"))
    types = tuple(get_type(key) for key in sorted(rows))
    whole = frozenset(key for key, held in rows.items() if held)
    if len(whole) == len(rows):
        return Scope(types=types)
    single = PolicyVersion.objects.filter(entries__backup_set=backup_set).exclude(type_key__in=whole)
    return Scope(
        types=types,
        policies={(version.type_key, version.graph_id): version.name for version in single.defer("secrets")},
        whole=whole,
    )
