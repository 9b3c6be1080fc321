"""What a choice is looked over for before anything is read from the tenant, and what its policies name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tenantatlas.backups.models import PolicyVersion, SetEntry
from tenantatlas.backups.queries import find_set
from tenantatlas.backups.services import load_document
from tenantatlas.core.errors import KeyMissing, StorageFailed
from tenantatlas.directory.queries import group_names
from tenantatlas.policies import references
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.models import Tenant

from .looks import LOOKS, OPENED_AT_MOST, Check, Level, Scope, look_at_directory
from .mapping import SECTIONS
from .params import PreviewParams
from .takeback import taken_back
from .world import item_key


@dataclass(frozen=True, kw_only=True)
class LookedOver:
    """The checks, the gravest first, and what the policies name: section of the mapping → id → name."""

    checks: tuple[Check, ...]
    named: dict[str, dict[str, str]]


def look_over(tenant: Tenant, params: PreviewParams) -> LookedOver:
    """Every check of this choice, made now."""
    scope = _scope(tenant, params)
    named = _named(scope)
    found = [check for look in LOOKS for check in look(scope)]
    found += look_at_directory(named)
    order = list(Level)
    return LookedOver(
        checks=tuple(sorted(found, key=lambda check: order.index(check.level))),
        named=named,
    )


def versions_chosen(params: PreviewParams) -> list[PolicyVersion]:
    """The versions of the choice that are there, by type and name."""
    if params.takes_back:
        return [each.version for each in taken_back(params)]
    if params.version:
        return list(PolicyVersion.objects.filter(pk=params.version))
    entries = SetEntry.objects.filter(backup_set_id=params.set).select_related("version")
    if params.types:
        entries = entries.filter(type_key__in=params.types)
    if params.policies:
        entries = entries.filter(version__graph_id__in=params.policies)
    return [entry.version for entry in entries.order_by("type_key", "version__name", "pk")]


def _scope(tenant: Tenant, params: PreviewParams) -> Scope:
    versions = versions_chosen(params)
    documents, damaged = {}, []
    scope = Scope(tenant=tenant, params=params, backup_set=find_set(params.set), versions=tuple(versions))
    opened = PolicyVersion.objects.filter(pk__in=[version.pk for version in versions[:OPENED_AT_MOST]])
    for version in opened.select_related("blob", "tenant"):
        try:
            documents[version.pk] = load_document(version)
        except KeyMissing as error:
            return replace(scope, key_missing=error)
        except StorageFailed:
            damaged.append(version)
    return replace(scope, documents=documents, damaged=tuple(damaged))


def _named(scope: Scope) -> dict[str, dict[str, str]]:
    """What the policies name that a person may decide about, restored policies aside, with its name."""
    own = {item_key(version.type_key, version.graph_id) for version in scope.versions}
    ids: dict[str, set[str]] = {kind: set() for kind in SECTIONS.values()}
    for version in scope.versions:
        if version.pk not in scope.documents:
            continue
        policy_type = get_type(version.type_key)
        for found in references.find(policy_type, compose(policy_type, scope.documents[version.pk])):
            if found.kind in ids and item_key(found.kind, found.id) not in own:
                ids[found.kind].add(found.id)
    names = {"groups": {key: name for key, name in group_names(ids["groups"]).items() if name != key}}
    for kind in ("assignmentFilters", "roleScopeTags"):
        captured = SetEntry.objects.filter(
            backup_set=scope.backup_set, type_key=kind, version__graph_id__in=ids[kind]
        )
        names[kind] = dict(captured.values_list("version__graph_id", "version__name"))
    return {
        section: {each: names.get(kind, {}).get(each, "") for each in sorted(ids[kind])}
        for section, kind in SECTIONS.items()
    }
