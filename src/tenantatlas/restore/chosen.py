"""Which versions a restore puts back: those of a set, one by itself, or what another restore wrote over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenantatlas.backups.models import BackupSet, PolicyVersion, SetEntry, SetStatus
from tenantatlas.backups.queries import find_set
from tenantatlas.core.errors import InputError

from .params import PreviewParams
from .world import Undone, item_key

_NAMED_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One version, the id under which its policy is restored, and the write that it takes back, if any."""

    version: PolicyVersion
    graph_id: str
    undone: Undone | None = None

    @property
    def key(self) -> str:
        """The natural key of its item."""
        return item_key(self.version.type_key, self.graph_id)


def chosen_versions(params: PreviewParams) -> list[PolicyVersion]:
    """The versions that the params name, of the tenant in scope; `InputError` names what is not there."""
    backup_set = find_set(params.set)
    if backup_set.status == SetStatus.CAPTURING:
        raise InputError(
            f"The backup set {backup_set.name} is still being captured.", hint="Wait until its run has ended."
        )
    if params.version:
        return [_one_version(params.version)]
    versions = list(versions_of(backup_set))
    if params.types:
        versions = [version for version in versions if version.type_key in params.types]
    if params.policies:
        versions = _with_ids(versions, params.policies, of_types=bool(params.types))
    return versions


def _one_version(number: int) -> PolicyVersion:
    found = PolicyVersion.objects.filter(pk=number).select_related("tenant").first()
    if found is None:
        raise InputError(
            f"There is no version {number} here.",
            hint="`tenantatlas backups show SET` lists the versions of a set.",
            details={"field": "version"},
        )
    return found


def versions_of(backup_set: BackupSet) -> Iterator[PolicyVersion]:
    """Every version of the set, by type and id."""
    entries = SetEntry.objects.filter(backup_set=backup_set).select_related("version__tenant")
    for entry in entries.order_by("type_key", "version__graph_id"):
        yield entry.version


def _with_ids(
    versions: list[PolicyVersion], graph_ids: tuple[str, ...], *, of_types: bool
) -> list[PolicyVersion]:
    found = [version for version in versions if version.graph_id in graph_ids]
    unknown = sorted(set(graph_ids) - {version.graph_id for version in found})
    if unknown:
        named = ", ".join(unknown[:_NAMED_AT_MOST])
        raise InputError(
            f"The set has no policy{' of these types' if of_types else ''} with the id {named}.",
            hint="See what it holds with `tenantatlas backups show SET`.",
            details={"field": "policies", "unknown": unknown[:50]},
        )
    return found
