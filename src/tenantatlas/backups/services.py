"""Storing versions and reading them back; keeping and deleting sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, models, transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock, json
from tenantatlas.core.errors import Conflict, InputError, KeyMissing, StorageFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.graph.policies import Row
from tenantatlas.inventory.listing import ListedPolicy
from tenantatlas.inventory.models import Policy
from tenantatlas.inventory.services import observe_policies, record_assignments
from tenantatlas.policies.backup_only import reasons
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType, SecretKind
from tenantatlas.policies.redact import secret_status
from tenantatlas.runs.models import OperationRun
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability
from tenantatlas.tenants.scope import tenant_scope

from .models import (
    BackupSet,
    Blob,
    EntryState,
    Export,
    PolicyVersion,
    Protection,
    SetEntry,
    SetStatus,
    VersionHold,
)
from .payloads import open_payload, store_payloads
from .targets import record_named_groups

LONGEST_NAME = 200
_TRIES = 3
_CHUNK = 200


@dataclass(frozen=True, kw_only=True)
class Captured:
    """A document as it was read, and what follows from it. Made by `capture_document`."""

    policy_type: PolicyType
    graph_id: str
    document: Document = field(repr=False)
    composed: Json = field(repr=False)
    name: str
    digest: str
    evidence: str
    secrets: Json
    backup_only: list[str]

    @property
    def place(self) -> tuple[str, str]:
        """Which policy it is."""
        return self.policy_type.key, self.graph_id

    @property
    def lost_secrets(self) -> list[str]:
        """Why each secret that Graph can give was not captured; empty where all were."""
        lost = [
            str(secret["reason"])
            for secret in self.secrets
            if secret["kind"] == SecretKind.RECOVERABLE and not secret["captured"]
        ]
        return lost or sorted(self.document.missing.values())


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where a captured document is kept. Not `created`: it equals the newest version, seen again."""

    captured: Captured
    version: PolicyVersion
    created: bool
    before_digest: str = ""


def capture_document(
    policy_type: PolicyType, document: Document, *, graph_id: str = "", evidence: str = ""
) -> Captured:
    """Work out everything that a version says of itself. No database."""
    composed = compose(policy_type, document)
    graph_id = graph_id or str(composed["id"])
    return Captured(
        policy_type=policy_type,
        graph_id=graph_id,
        document=document,
        composed=composed,
        name=json.storable_text(str(composed.get(policy_type.name_field) or graph_id))[:1000],
        digest=digest(policy_type, composed),
        evidence=evidence,
        secrets=[json.storable(secret) for secret in secret_status(policy_type, document)]
        if policy_type.secrets
        else [],
        backup_only=json.storable(reasons(policy_type, composed)),
    )


def store_document(
    tenant: Tenant,
    policy_type: PolicyType,
    document: Document,
    *,
    run: OperationRun,
    reason: str = "snapshot",
) -> tuple[PolicyVersion, bool]:
    """Store one document outside every set and hold its version; whether the version is new."""
    with tenant_scope(tenant), transaction.atomic():
        stored = store_captured(tenant, [capture_document(policy_type, document)], run_id=run.pk)[0]
        VersionHold.objects.bulk_create(
            [VersionHold(version=stored.version, run_id=run.pk, reason=reason)], ignore_conflicts=True
        )
    return stored.version, stored.created


def store_captured(
    tenant: Tenant, captured: Sequence[Captured], *, run_id: int, backup_set: BackupSet | None = None
) -> list[Stored]:
    """Store what was captured, in the set if one is given: all of it or nothing. Repeating it adds nothing.

    A document whose canonical form equals the newest version of its policy makes no new version.
    """
    with tenant_scope(tenant):
        for _ in range(_TRIES - 1):
            try:
                return _store(tenant, captured, run_id=run_id, backup_set=backup_set)
            except IntegrityError:
                continue  # a version that we took for the newest was deleted meanwhile: look again
        return _store(tenant, captured, run_id=run_id, backup_set=backup_set)


def _store(
    tenant: Tenant, captured: Sequence[Captured], *, run_id: int, backup_set: BackupSet | None
) -> list[Stored]:
    at = clock.now()
    with transaction.atomic():
        policies = _policies_of(captured, run_id=run_id, at=at)
        latest = {
            protection.policy_id: protection.version
            for protection in Protection.objects.select_for_update(of=("self",))
            .filter(policy__in=policies.values())
            .select_related("version")
            .order_by("policy_id")
        }
        moved = [one for one in captured if _is_new(one, latest.get(policies[one.place].pk))]
        versions = _add_versions(tenant, moved, policies, run_id=run_id, at=at)
        stored = []
        for one in captured:
            policy_id = policies[one.place].pk
            before = latest.get(policy_id)
            version = versions.get(one.place) or latest[policy_id]
            stored.append(
                Stored(
                    captured=one,
                    version=version,
                    created=version.run_id == run_id,
                    before_digest=before.digest if before else "",
                )
            )
        _protect(stored, policies, at=at)
        record_named_groups((one.version, one.captured.policy_type, one.captured.composed) for one in stored)
        record_assignments((policies[one.place], one.composed) for one in captured)
        if backup_set is not None:
            _enter(backup_set, stored)
    return stored


def _is_new(captured: Captured, latest: PolicyVersion | None) -> bool:
    return latest is None or latest.digest != captured.digest


def _policies_of(captured: Sequence[Captured], *, run_id: int, at: datetime) -> dict[tuple[str, str], Policy]:
    found = _find_policies(captured)
    unknown = [one for one in captured if one.place not in found]
    if unknown:
        rows = [Row(id=one.graph_id, raw=one.document.object, body=one.composed) for one in unknown]
        observe_policies(
            [
                ListedPolicy(policy_type=one.policy_type, row=row)
                for one, row in zip(unknown, rows, strict=True)
            ],
            run_id=run_id,
            at=at,
        )
        found = _find_policies(captured)
    return found


def _find_policies(captured: Sequence[Captured]) -> dict[tuple[str, str], Policy]:
    found = Policy.objects.filter(
        type_key__in={one.policy_type.key for one in captured},
        graph_id__in=[one.graph_id for one in captured],
    )
    return {(policy.type_key, policy.graph_id): policy for policy in found}


def _add_versions(
    tenant: Tenant,
    captured: Sequence[Captured],
    policies: dict[tuple[str, str], Policy],
    *,
    run_id: int,
    at: datetime,
) -> dict[tuple[str, str], PolicyVersion]:
    if not captured:
        return {}
    payloads = {one.place: one.document.to_bytes() for one in captured}
    addresses = {place: sha256_hex(payload) for place, payload in payloads.items()}
    blobs = store_payloads(tenant, {addresses[place]: payload for place, payload in payloads.items()})
    versions = PolicyVersion.objects.bulk_create(
        [
            PolicyVersion(
                policy=policies[one.place],
                type_key=one.policy_type.key,
                graph_id=one.graph_id,
                name=one.name,
                digest=one.digest,
                payload_sha256=addresses[one.place],
                blob_id=blobs[addresses[one.place]],
                run_id=run_id,
                captured_at=at,
                secrets=one.secrets,
                backup_only=one.backup_only,
            )
            for one in captured
        ]
    )
    return {(version.type_key, version.graph_id): version for version in versions}


def _protect(stored: Iterable[Stored], policies: dict[tuple[str, str], Policy], *, at: datetime) -> None:
    """Note what is the newest version. What was read by id has the evidence that the inventory knows: if the
    policy had moved since then, the next list says so."""
    Protection.objects.bulk_create(
        [
            Protection(
                policy_id=one.version.policy_id,
                version=one.version,
                evidence=one.captured.evidence or policies[one.captured.place].evidence,
                confirmed_at=at,
            )
            for one in stored
        ],
        update_conflicts=True,
        unique_fields=("policy",),
        update_fields=("version", "evidence", "confirmed_at"),
    )


def _enter(backup_set: BackupSet, stored: Iterable[Stored]) -> None:
    SetEntry.objects.bulk_create(
        [
            SetEntry(
                backup_set=backup_set,
                policy_id=one.version.policy_id,
                version=one.version,
                type_key=one.version.type_key,
                state=EntryState.NEW if one.created else EntryState.SEEN_AGAIN,
            )
            for one in stored
        ],
        update_conflicts=True,
        unique_fields=("backup_set", "policy"),
        update_fields=("version", "type_key", "state"),
    )


def load_document(version: PolicyVersion) -> Document:
    """The document of a version, exactly as it was stored. Raises `StorageFailed` that names the policy.

    `KeyMissing` passes as it is: it says nothing of the payload.
    """
    tenant = version.tenant
    try:
        with tenant_scope(tenant):
            plain = open_payload(tenant, version.blob, expected=version.payload_sha256)
        return Document.from_bytes(plain)
    except KeyMissing:
        raise
    except (StorageFailed, json.BadJson, Blob.DoesNotExist) as error:
        raise StorageFailed(
            f"The stored payload of {version.name} ({version.type_key}, version {version.pk}) is damaged: "
            f"{error}",
            hint=getattr(error, "hint", "") or "Restore the database from a backup of this install.",
            details={"version": version.pk, "graph_id": version.graph_id},
        ) from error


def fingerprint_of(states: Iterable[tuple[str, str, str]]) -> str:
    """One hash over (type, id, digest) of every policy: equal contents, equal fingerprint."""
    return sha256_hex(json.dumps(sorted(states)))


# ── Sets ──────────────────────────────────────────────────────────────────────────────────────────────────


def keep_set(backup_set: BackupSet, *, actor: User | None) -> None:
    """Nothing deletes this set until it is released."""
    _mark_kept(backup_set, actor=actor, action="backup_set.keep", kept=True)


def release_set(backup_set: BackupSet, *, actor: User | None) -> None:
    """The set may be deleted again."""
    _mark_kept(backup_set, actor=actor, action="backup_set.release", kept=False)


def _mark_kept(backup_set: BackupSet, *, actor: User | None, action: str, kept: bool) -> None:
    _require(backup_set, actor, Capability.BACKUP_KEEP)
    with tenant_scope(backup_set.tenant), transaction.atomic():
        living = BackupSet.objects.filter(pk=backup_set.pk).exclude(status=SetStatus.DELETED)
        if not living.update(kept=kept):
            raise Conflict(f"The set {backup_set.name} is deleted.")
        _audit(backup_set, actor, action)
    backup_set.kept = kept


def rename_set(backup_set: BackupSet, *, name: str, actor: User | None) -> None:
    """Call the set otherwise. What it holds does not change."""
    _require(backup_set, actor, Capability.BACKUP_RUN)
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise InputError(
            f"The name of a set has between 1 and {LONGEST_NAME} characters.", details={"field": "name"}
        )
    with tenant_scope(backup_set.tenant), transaction.atomic():
        living = BackupSet.objects.filter(pk=backup_set.pk).exclude(status=SetStatus.DELETED)
        before = backup_set.name
        if not living.update(name=name):
            raise Conflict(f"The set {backup_set.name} is deleted.")
        backup_set.name = name
        _audit(backup_set, actor, "backup_set.rename", before=before)


def delete_set(backup_set: BackupSet, *, actor: User | None) -> None:
    """The set goes, with every version that nothing else holds. Refused for kept and unfinished sets."""
    mark_deleted(backup_set, actor=actor)
    collect_deleted(backup_set.tenant)
    backup_set.refresh_from_db()


def mark_deleted(backup_set: BackupSet, *, actor: User | None) -> None:
    """The first half of `delete_set`: from now on the set is not there. `collect_deleted` does the rest."""
    _require(backup_set, actor, Capability.BACKUP_DELETE)
    with tenant_scope(backup_set.tenant), transaction.atomic():
        going = BackupSet.objects.filter(
            pk=backup_set.pk, kept=False, status__in=(SetStatus.COMPLETE, SetStatus.INCOMPLETE)
        )
        if not going.update(status=SetStatus.DELETED, deleted_at=clock.now()):
            raise _cannot_delete(BackupSet.objects.get(pk=backup_set.pk))
        _audit(backup_set, actor, "backup_set.delete")


def _cannot_delete(backup_set: BackupSet) -> Conflict:
    if backup_set.kept:
        return Conflict(
            f"The set {backup_set.name} is kept.", hint="Release it first: `backups keep SET --release`."
        )
    if backup_set.status == SetStatus.CAPTURING:
        return Conflict(f"The set {backup_set.name} is still being captured.", hint="Cancel its run first.")
    return Conflict(f"The set {backup_set.name} is deleted already.")


def collect_deleted(tenant: Tenant) -> int:
    """Remove what only deleted sets held; how many versions went. Safe at any time and repeatable."""
    with tenant_scope(tenant):
        Export.objects.filter(backup_set__status=SetStatus.DELETED).delete()
        removed = 0
        while True:
            entries = SetEntry.objects.filter(backup_set__status=SetStatus.DELETED).order_by("pk")[:_CHUNK]
            chunk = list(entries.values_list("pk", "version_id"))
            if not chunk:
                return removed
            with transaction.atomic():
                SetEntry.objects.filter(pk__in=[entry for entry, _ in chunk]).delete()
            removed += sum(_drop_version(version_id) for version_id in sorted({v for _, v in chunk}))


def _drop_version(version_id: int) -> bool:
    """Remove the version and its payload, unless something still holds them."""
    try:
        with transaction.atomic():
            version = PolicyVersion.objects.filter(pk=version_id, entries=None, holds=None).first()
            if version is None:
                return False
            _point_back(version)
            version.delete()
            Blob.objects.filter(pk=version.blob_id, versions=None).delete()
    except (models.ProtectedError, models.RestrictedError, IntegrityError):
        return False  # a restore refers to it, or a capture has just seen it again
    return True


def _point_back(version: PolicyVersion) -> None:
    """The newest version of the policy is now an older one, or none."""
    held = Protection.objects.filter(policy_id=version.policy_id, version=version)
    older = (
        PolicyVersion.objects.filter(policy_id=version.policy_id, imported=False)
        .exclude(pk=version.pk)
        .order_by("-pk")
        .first()
    )
    if older is None:
        held.delete()
    else:
        held.update(version=older, evidence="", confirmed_at=older.captured_at)


def _require(backup_set: BackupSet, actor: User | None, capability: Capability) -> None:
    if actor is not None:
        require_capability(actor, backup_set.tenant, capability)


def _audit(backup_set: BackupSet, actor: User | None, action: str, **more: Json) -> None:
    record_event(
        tenant_id=backup_set.tenant_id,
        actor_id=actor.pk if actor else None,
        actor_name=actor.email if actor else "TenantAtlas",
        action=action,
        subject=f"set {backup_set.pk}",
        details={"name": backup_set.name, "fingerprint": backup_set.fingerprint, **more},
    )
