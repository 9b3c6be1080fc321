"""What is known of versions and sets. Reads the database only; a list costs at most three queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from tenantatlas.accounts.models import User
from tenantatlas.core.errors import NotFound
from tenantatlas.core.json import Json
from tenantatlas.inventory.models import Policy, ReadStatus
from tenantatlas.inventory.queries import known_policies
from tenantatlas.policies.bodies import same
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.diff import Difference, differences
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.redact import redact
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.queries import tenant_for
from tenantatlas.tenants.scope import tenant_scope

from .models import IMPORTED, BackupSet, Export, PolicyVersion, Protection, SetEntry, SetStatus, SetType
from .services import load_document


class ProtectionState(StrEnum):
    """Whether the newest version is still what the tenant has, as far as the lists tell."""

    PROTECTED = "Protected"
    CHANGED = "Changed since"
    NEVER = "Never"


@dataclass(frozen=True, kw_only=True)
class PolicyRow:
    """One line of the policies list."""

    id: int
    graph_id: str
    type_key: str
    type_label: str
    name: str
    platform: str
    presence: str
    last_modified: str
    is_assigned: bool | None
    assigned_count: int | None
    scope_tags: tuple[str, ...]
    last_seen: datetime
    protection: ProtectionState
    version_id: int | None
    confirmed_at: datetime | None
    ignored_reason: str = ""


def policies_with_protection(
    *, types: Iterable[str] = (), search: str = "", protection: ProtectionState | None = None
) -> QuerySet[Policy]:
    """The policies of the tenant in scope with their newest version; `policy_rows` reads a slice of it.

    A version that was confirmed after the list last had the policy is newer than what the list tells.
    What asks for attention (never backed up, changed since) leaves out what is ignored.
    """
    found = known_policies(types=types, search=search).select_related("protection")
    newer = Q(protection__confirmed_at__gte=F("last_seen")) & ~Q(protection__evidence="")
    still = Q(protection__evidence=F("evidence")) | newer
    if protection == ProtectionState.NEVER:
        return found.filter(protection=None, ignored_at=None)
    if protection == ProtectionState.PROTECTED:
        return found.filter(still)
    if protection == ProtectionState.CHANGED:
        return found.filter(protection__isnull=False, ignored_at=None).exclude(still)
    return found


def policy_rows(policies: Iterable[Policy]) -> list[PolicyRow]:
    """The lines of these policies. Costs one query when given a slice of `policies_with_protection`."""
    return [policy_row(policy) for policy in policies]


def policy_row(policy: Policy) -> PolicyRow:
    """The line of one policy."""
    held = _protection_of(policy)
    return PolicyRow(
        id=policy.pk,
        graph_id=policy.graph_id,
        type_key=policy.type_key,
        type_label=get_type(policy.type_key).label,
        name=policy.name,
        platform=policy.platform,
        presence=policy.presence,
        last_modified=policy.last_modified,
        is_assigned=policy.is_assigned,
        assigned_count=policy.assigned_count,
        scope_tags=tuple(policy.scope_tags),
        last_seen=policy.last_seen,
        protection=_state_of(policy, held),
        version_id=held.version_id if held else None,
        confirmed_at=held.confirmed_at if held else None,
        ignored_reason=policy.ignored_reason,
    )


def policy_facts(row: PolicyRow) -> dict[str, Json]:
    """What every face tells of a policy, for machines."""
    return {
        "id": row.graph_id,
        "type": row.type_key,
        "name": row.name,
        "platform": row.platform,
        "presence": row.presence,
        "last_modified": row.last_modified,
        "assigned": row.is_assigned,
        "assignments": row.assigned_count,
        "scope_tags": list(row.scope_tags),
        "protection": row.protection.value,
        "version": row.version_id,
        "last_seen": row.last_seen.isoformat(),
        "ignored": row.ignored_reason,
    }


def _protection_of(policy: Policy) -> Protection | None:
    try:
        return policy.protection
    except Protection.DoesNotExist:
        return None


def _state_of(policy: Policy, held: Protection | None) -> ProtectionState:
    if held is None:
        return ProtectionState.NEVER
    is_newer = held.evidence != "" and held.confirmed_at >= policy.last_seen
    still = is_newer or held.evidence == policy.evidence
    return ProtectionState.PROTECTED if still else ProtectionState.CHANGED


# ── Versions ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """One captured state of a policy; `sets` are the sets that hold it, newest first."""

    id: int
    name: str
    captured_at: datetime
    run_id: int | None
    digest: str
    secrets: Json
    backup_only: tuple[str, ...]
    imported: bool = False
    sets: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class VersionDiff:
    """How two versions of a policy differ. Secrets are replaced; an empty list means equal."""

    before: PolicyVersion = field(repr=False)
    after: PolicyVersion = field(repr=False)
    differences: tuple[Difference, ...]
    #: Values that the service moves by itself, or only put in another order: they say nothing.
    hidden: int = 0


def versions_of(policy: Policy) -> list[VersionRow]:
    """The versions of a policy, newest first. Two queries."""
    entries = SetEntry.objects.filter(version__policy=policy).exclude(backup_set__status=SetStatus.DELETED)
    sets: dict[int, list[tuple[int, str]]] = {}
    for version_id, set_id, name in entries.order_by("-backup_set_id").values_list(
        "version_id", "backup_set_id", "backup_set__name"
    ):
        sets.setdefault(version_id, []).append((set_id, name))
    return [
        VersionRow(
            id=version.pk,
            name=version.name,
            captured_at=version.captured_at,
            run_id=version.run_id,
            digest=version.digest,
            secrets=version.secrets,
            backup_only=tuple(version.backup_only),
            imported=version.imported,
            sets=tuple(sets.get(version.pk, ())),
        )
        for version in PolicyVersion.objects.filter(policy=policy).order_by("-pk")
    ]


def find_version(number: int) -> PolicyVersion:
    """A version of the tenant in scope, with what `load_document` needs."""
    found = PolicyVersion.objects.select_related("blob", "tenant", "policy").filter(pk=number).first()
    if found is None:
        raise NotFound(f"There is no version {number} here.")
    return found


def diff_versions(before: PolicyVersion, after: PolicyVersion) -> VersionDiff:
    """How two versions of one policy differ."""
    policy_type = get_type(after.type_key)
    one, other = (compose(policy_type, load_document(version)) for version in (before, after))
    return VersionDiff(
        before=before,
        after=after,
        differences=tuple(differences(policy_type, one, other)),
        hidden=len({name for name in {*one, *other} if _says_nothing(policy_type, one, other, name)}),
    )


def _says_nothing(policy_type: PolicyType, one: Json, other: Json, name: str) -> bool:
    """Whether a property differs in what Graph sent, and not in what is compared."""
    if same(one.get(name), other.get(name)):
        return False
    forms = [canonical_form(policy_type, body) for body in (one, other)]
    return same(forms[0].get(name), forms[1].get(name))


def shown_body(version: PolicyVersion) -> Json:
    """The composed body of a version with secrets replaced: what pages and exports may show."""
    policy_type = get_type(version.type_key)
    return redact(policy_type, compose(policy_type, load_document(version)))


# ── Sets ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class SetRow:
    """One line of the list of sets. `completeness` is the sentence beside the status."""

    id: int
    name: str
    status: str
    completeness: str
    source: str
    created_at: datetime
    captured_at: datetime | None
    kept: bool
    run_id: int | None
    policies: int
    types: int
    bytes: int
    new: int
    failed: int
    fingerprint: str

    @property
    def retention(self) -> str:
        """What becomes of the set, in words."""
        return "Kept" if self.kept else "Until deleted"


@dataclass(frozen=True, kw_only=True)
class SetTypeRow:
    """How completely a set holds one type."""

    type_key: str
    label: str
    status: str
    listed: int
    captured: int
    failed: int
    detail: str


@dataclass(frozen=True, kw_only=True)
class SetDetail:
    """One set with its types."""

    row: SetRow
    types: tuple[SetTypeRow, ...]
    export_id: int | None


def set_list() -> QuerySet[BackupSet]:
    """The sets of the tenant in scope, newest first; deleted ones are left out."""
    return BackupSet.objects.exclude(status=SetStatus.DELETED).order_by("-created_at", "-pk")


def set_row(backup_set: BackupSet) -> SetRow:
    """The line of one set."""
    counts = backup_set.counts
    return SetRow(
        id=backup_set.pk,
        name=backup_set.name,
        status=backup_set.status,
        completeness=completeness_of(backup_set),
        source=backup_set.source,
        created_at=backup_set.created_at,
        captured_at=backup_set.captured_at,
        kept=backup_set.kept,
        run_id=backup_set.run_id,
        policies=counts.get("policies", 0),
        types=counts.get("types", 0),
        bytes=counts.get("bytes", 0),
        new=counts.get("new", 0),
        failed=counts.get("failed", 0),
        fingerprint=backup_set.fingerprint,
    )


def set_facts(backup_set: BackupSet, *, tenant: str) -> dict[str, Json]:
    """What every face tells of a set, for machines."""
    row = set_row(backup_set)
    return {
        "set": row.id,
        "tenant": tenant,
        "name": row.name,
        "status": row.status,
        "completeness": row.completeness,
        "policies": row.policies,
        "new": row.new,
        "failed": row.failed,
        "bytes": row.bytes,
        "kept": row.kept,
        "source": row.source,
        "created": row.created_at.isoformat(timespec="seconds"),
        "run": row.run_id,
        "fingerprint": row.fingerprint,
        "supersedes": backup_set.supersedes_id,
    }


def completeness_of(backup_set: BackupSet) -> str:
    """ "12 of 12", or "11 of 12, 1 failed", or how many types are not complete."""
    counts = backup_set.counts
    if backup_set.status == SetStatus.CAPTURING:
        return "Being captured"
    if not counts:
        return "Not finished"
    words = [f"{counts['policies']} of {counts['listed']}"]
    if counts["failed"]:
        words.append(f"{counts['failed']} failed")
    spoiled = counts["types"] - counts["types_complete"]
    if spoiled:
        words.append(f"{spoiled} of {counts['types']} types not complete")
    return ", ".join(words)


def set_detail(backup_set: BackupSet) -> SetDetail:
    """The set with its types, worst first. Two queries."""
    order = {status: place for place, status in enumerate(_WORST_FIRST)}
    types = sorted(
        SetType.objects.filter(backup_set=backup_set),
        key=lambda row: (order[ReadStatus(row.status)], row.type_key),
    )
    export = Export.objects.filter(backup_set=backup_set).values_list("pk", flat=True).first()
    return SetDetail(
        row=set_row(backup_set),
        types=tuple(
            SetTypeRow(
                type_key=row.type_key,
                label=get_type(row.type_key).label,
                status=row.status,
                listed=row.listed,
                captured=row.captured,
                failed=row.failed,
                detail=row.detail,
            )
            for row in types
        ),
        export_id=export,
    )


_WORST_FIRST = (
    ReadStatus.DENIED,
    ReadStatus.PARTIAL,
    ReadStatus.CHANGED,
    ReadStatus.UNAVAILABLE,
    ReadStatus.COMPLETE,
)


def set_entries(backup_set: BackupSet) -> QuerySet[SetEntry]:
    """The versions of a set by type and name, ready to be shown."""
    entries = SetEntry.objects.filter(backup_set=backup_set).select_related("version")
    return entries.order_by("type_key", "version__name", "pk")


def entries_by_type(entries: QuerySet[SetEntry]) -> dict[str, int]:
    """How many of these entries are of each type that occurs, by its key."""
    found = entries.order_by().values_list("type_key").annotate(number=Count("pk"))
    return dict(found.order_by("type_key"))


def find_set(number: int) -> BackupSet:
    """A set of the tenant in scope; a deleted one is not there."""
    found = set_list().filter(pk=number).select_related("tenant", "supersedes").first()
    if found is None:
        raise NotFound(f"There is no backup set {number} here.", hint="See `tenantatlas backups list`.")
    return found


def set_for(user: User, number: int) -> BackupSet:
    """A set of any tenant that the person is a member of; to others it never existed."""
    place = BackupSet.all_tenants.filter(pk=number).values_list("tenant__slug", flat=True).first()
    try:
        tenant = tenant_for(user, place or "")
    except NotFound:
        raise NotFound(
            f"There is no backup set {number} here.", hint="See `tenantatlas backups list`."
        ) from None
    with tenant_scope(tenant):
        return find_set(number)


def latest_complete_set() -> BackupSet | None:
    """The newest complete set of the tenant in scope; an import says nothing of the tenant."""
    return set_list().filter(status=SetStatus.COMPLETE).exclude(source=IMPORTED).first()


def policies_never_protected() -> QuerySet[Policy]:
    """The policies of the tenant in scope that no version holds."""
    return Policy.objects.exclude(Exists(Protection.objects.filter(policy=OuterRef("pk"))))
