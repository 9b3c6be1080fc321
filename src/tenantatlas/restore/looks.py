"""The checks of a restore before anything is read from the tenant. Reads the database only.

blocking   it cannot work: the preview is not started
warning    it works, and something comes of it that a person should know first
safe       looked at, nothing to say

They say what was known when they were made: executing asks again what it depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum

from tenantatlas.backups.completeness import shorten
from tenantatlas.backups.models import BackupSet, PolicyVersion, SetStatus, SetType
from tenantatlas.core import clock
from tenantatlas.core.errors import KeyMissing
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import last_synced
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.inventory.queries import latest_type_reads
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType, RestoreMode
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.services import worker_alive
from tenantatlas.tenants.models import PermissionReport, Purpose, Tenant
from tenantatlas.tenants.permissions import Held, Need
from tenantatlas.tenants.queries import connection_of, latest_report

from .params import PreviewParams
from .world import Existing

#: How many payloads are opened; the preview opens all of them.
OPENED_AT_MOST = 300
#: An inventory or a directory older than this is worth a word.
OLD = timedelta(days=1)


class Level(StrEnum):
    """What a check means for the restore."""

    BLOCKING = "blocking"
    WARNING = "warning"
    SAFE = "safe"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: a stable code, what was found, and what to do about it."""

    code: str
    level: Level
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, Json]:
        """The check as it is stored and printed."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What was chosen, as far as the database knows it; the damaged ones have no document."""

    tenant: Tenant
    params: PreviewParams
    backup_set: BackupSet
    versions: tuple[PolicyVersion, ...]
    documents: dict[int, Document] = field(default_factory=dict, repr=False)
    damaged: tuple[PolicyVersion, ...] = ()
    #: why none of them could be opened
    key_missing: KeyMissing | None = None

    @property
    def types(self) -> dict[str, PolicyType]:
        """The policy types of the choice, by key."""
        return {key: get_type(key) for key in sorted({version.type_key for version in self.versions})}


def _writes(scope: Scope) -> Iterator[Check]:
    tenant = scope.tenant
    if tenant.writes_held:
        yield Check(
            code="writes_held",
            level=Level.BLOCKING,
            message=f"Nothing is written to {tenant.slug}: its writes are held, by a person or "
            "since our own store was restored from a backup.",
            hint=f"Confirm with `tenantatlas tenants set {tenant.slug} --writes yes`.",
        )
    else:
        yield _safe("writes_held", "The tenant may be written to.")
    if tenant.writer_run is not None:
        yield Check(
            code="other_writer",
            level=Level.WARNING,
            message=f"Run #{tenant.writer_run} is writing to this tenant; this restore waits for it.",
            hint="Preview again when it has ended, so that the plan knows what it did.",
        )


def _connection(scope: Scope) -> Iterator[Check]:
    tenant = scope.tenant
    if connection_of(tenant, Purpose.READER) is None:
        yield Check(
            code="not_connected",
            level=Level.BLOCKING,
            message="The tenant has no app registration to sign in with.",
            hint="Connect it on its connection page.",
        )
        return
    report = latest_report(tenant)
    if report is None:
        yield Check(
            code="never_checked",
            level=Level.WARNING,
            message="What the app is allowed has never been checked.",
            hint="Check the connection first.",
        )
        return
    yield from _to_write(scope, report)
    for permission, keys in _missing(scope, report, Need.LOOK_UP).items():
        yield Check(
            code="lookup_missing",
            level=Level.WARNING,
            message=f"{permission} is missing: what {_labels(scope, keys)} may name cannot be looked for.",
            hint=f"Grant {permission} to the app that reads; a policy that names such a thing is held.",
        )


def _to_write(scope: Scope, report: PermissionReport) -> Iterator[Check]:
    """What the app may not write is held by the plan; where that is all, there is nothing to preview."""
    missing = _missing(scope, report, Need.RESTORE)
    held = {key for keys in missing.values() for key in keys}
    writable = {key for key, each in scope.types.items() if each.writes}
    is_current = _is_current(scope.tenant, report)
    again = "" if is_current else " This was last checked a while ago: check the connection again."
    for permission, keys in missing.items():
        yield Check(
            code="permission_missing",
            level=Level.BLOCKING if is_current and held >= writable else Level.WARNING,
            message=f"{permission} is missing: {_labels(scope, keys)} cannot be written.{again}",
            hint=f"Grant {permission} to the app, or connect a writer's app that has it; then check the "
            "connection again.",
        )
    if not missing:
        yield _safe("permission_missing", "The app has every permission that these types need.")


def _missing(scope: Scope, report: PermissionReport, need: Need) -> dict[str, set[str]]:
    """Permission → the types of the choice that lack it for this."""
    found: dict[str, set[str]] = {}
    for row in report.rows:
        keys = set(row["types"]) & scope.types.keys()
        if keys and row["for"] == need and row["state"] == Held.MISSING:
            found.setdefault(row["permission"], set()).update(keys)
    return found


def _is_current(tenant: Tenant, report: PermissionReport) -> bool:
    """Whether the report is from today, and from after the last change of an app."""
    changed = [row.updated_at for purpose in Purpose if (row := connection_of(tenant, purpose))]
    return report.taken_at >= max([clock.now() - OLD, *changed])


def _labels(scope: Scope, keys: Iterable[str]) -> str:
    return shorten(sorted(scope.types[key].label for key in keys))


def _restorable(scope: Scope) -> Iterator[Check]:
    if not scope.versions:
        yield Check(
            code="nothing_chosen",
            level=Level.BLOCKING,
            message="Nothing is there to be taken back."
            if scope.params.takes_back
            else "No policy is chosen.",
            hint="Choose policies of the set, or another set.",
        )
        return
    kept = [key for key, each in scope.types.items() if each.restore.mode is RestoreMode.BACKUP_ONLY]
    lost = [version for version in scope.versions if version.type_key in kept]
    if lost:
        labels = shorten([scope.types[key].label for key in kept])
        all_lost = len(lost) == len(scope.versions)
        yield Check(
            code="cannot_be_restored",
            level=Level.BLOCKING if all_lost else Level.WARNING,
            message=f"{_policies(len(lost))} cannot be put back: {labels}.",
            hint="Choose other policies." if all_lost else "The others are restored.",
        )
    marked = [version for version in scope.versions if version.backup_only and version.type_key not in kept]
    if marked:
        yield Check(
            code="backup_only",
            level=Level.WARNING,
            message=f"{_policies(len(marked))} hold what we do not know how to write: {_names(marked)}.",
            hint="They are left out; the preview says why.",
        )
    if not lost and not marked:
        yield _safe("cannot_be_restored", "Every policy chosen can be put back.")


def _payloads(scope: Scope) -> Iterator[Check]:
    if scope.key_missing is not None:
        yield Check(
            code=scope.key_missing.code,
            level=Level.BLOCKING,
            message=scope.key_missing.message,
            hint=scope.key_missing.hint,
        )
    elif scope.damaged:
        yield Check(
            code="damaged",
            level=Level.BLOCKING,
            message=f"What is stored of {_policies(len(scope.damaged))} is damaged: {_names(scope.damaged)}.",
            hint="Leave them out, or restore the database from a backup of this install.",
        )
    elif scope.versions:
        looked = min(len(scope.versions), OPENED_AT_MOST)
        yield _safe("damaged", f"What is stored of {_policies(looked)} was opened and is whole.")
    asking = [
        version
        for version in scope.versions
        if any(not secret.get("captured", True) for secret in version.secrets)
    ]
    if asking:
        yield Check(
            code="secrets",
            level=Level.WARNING,
            message=f"{_policies(len(asking))} hold secrets that Graph never gave out: {_names(asking)}.",
            hint="They are left out: enter them in the admin center.",
        )


def _deletes(scope: Scope) -> Iterator[Check]:
    params = scope.params
    if params.takes_back and not scope.tenant.allow_deletes:
        yield Check(
            code="deletes_off",
            level=Level.WARNING,
            message="This tenant does not allow deletes: what the restore made stays.",
            hint="An owner may allow deletes; what was only changed is taken back either way.",
        )
        return
    recreating = Existing.RECREATE in (params.existing, *params.existing_by_type.values())
    if recreating and not scope.tenant.allow_deletes:
        yield Check(
            code="deletes_off",
            level=Level.BLOCKING,
            message="Recreating deletes first, and this tenant does not allow deletes.",
            hint="Choose another way for policies that exist, or ask an owner to allow deletes.",
        )


def _worker(_scope: Scope) -> Iterator[Check]:
    if worker_alive():
        yield _safe("no_worker", "A worker is alive.")
    else:
        yield Check(
            code="no_worker",
            level=Level.WARNING,
            message="No worker is alive: the preview and the restore wait for one.",
            hint="Start one with `tenantatlas worker`.",
        )


def _inventory(scope: Scope) -> Iterator[Check]:
    reads = latest_type_reads()
    limit = clock.now() - OLD
    old = [
        each.label
        for key, each in scope.types.items()
        if key not in reads or reads[key].at < limit or reads[key].status != ReadStatus.COMPLETE
    ]
    if old:
        yield Check(
            code="old_inventory",
            level=Level.WARNING,
            message=f"The inventory of {shorten(old)} is older than a day, or not complete.",
            hint="Sync the inventory; the preview itself reads the tenant as it is.",
        )
    elif scope.types:
        yield _safe("old_inventory", "The inventory of these types is from today.")


def _set(scope: Scope) -> Iterator[Check]:
    backup_set = scope.backup_set
    if scope.params.takes_back:
        return
    if backup_set.status == SetStatus.CAPTURING:
        yield Check(
            code="capturing",
            level=Level.BLOCKING,
            message=f"The backup set {backup_set.name} is still being captured.",
            hint="Wait until its run has ended.",
        )
        return
    spoilt = SetType.objects.filter(backup_set=backup_set, type_key__in=list(scope.types)).exclude(
        status__in=(ReadStatus.COMPLETE, ReadStatus.UNAVAILABLE)
    )
    labels = [get_type(key).label for key in spoilt.values_list("type_key", flat=True).order_by("type_key")]
    if labels:
        yield Check(
            code="incomplete",
            level=Level.WARNING,
            message=f"The set does not hold every policy of {shorten(labels)}.",
            hint="What it does not hold is not restored.",
        )
    else:
        yield _safe("incomplete", "The set holds every policy of these types that there was.")


def look_at_directory(named: dict[str, dict[str, str]]) -> Iterator[Check]:
    synced = last_synced()
    if not named["groups"]:
        return
    if synced is None or synced < clock.now() - OLD:
        when = "never been synchronised" if synced is None else "not been synchronised for a day"
        yield Check(
            code="old_directory",
            level=Level.WARNING,
            message=f"The policies name {len(named['groups'])} groups, and the directory has {when}.",
            hint="Sync groups, then map.",
        )
    else:
        yield _safe("old_directory", "The directory is from today.")


#: Every look at a choice.
LOOKS = (
    _writes,
    _connection,
    _restorable,
    _set,
    _payloads,
    _deletes,
    _inventory,
    _worker,
)


def _safe(code: str, message: str) -> Check:
    return Check(code=code, level=Level.SAFE, message=message)


def _policies(number: int) -> str:
    return "1 policy" if number == 1 else f"{number} policies"


def _names(versions: Iterable[PolicyVersion]) -> str:
    return shorten([f"“{version.name}”" for version in versions])
