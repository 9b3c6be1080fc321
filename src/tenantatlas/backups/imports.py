"""Keeping what was handed in: uploads in sealed parts, and their policies as versions.

Apart from `services` because an import observes nothing: it makes no policy present, protects nothing, and
never becomes the newest version of a policy of the tenant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock, json
from tenantatlas.core.errors import NotFound
from tenantatlas.core.ids import sha256_hex
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.inventory.services import platform_of
from tenantatlas.policies.document import Document
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability
from tenantatlas.tenants.vault import seal, unseal

from .models import BackupSet, EntryState, PolicyVersion, SetEntry, Upload, UploadPart
from .payloads import store_payloads
from .recognising import Recognised
from .services import Captured, capture_document
from .targets import record_named_groups
from .unpacking import MOST_BYTES, refused

_PART = 4 * 1024 * 1024
_PURPOSE = "upload"
_KEPT = timedelta(days=1)


def keep_upload(tenant: Tenant, chunks: Iterable[bytes], *, name: str, actor: User) -> Upload:
    """Keep a file as it was handed in, in the tenant in scope; older uploads go.

    The same file from the same person is the upload that it was the first time, kept for a day from now.
    """
    require_capability(actor, tenant, Capability.BACKUP_RUN)
    whole, size = hashlib.sha256(), 0
    with transaction.atomic():
        Upload.objects.filter(created_at__lt=clock.now() - _KEPT).delete()
        upload = Upload.objects.create(
            name=json.storable_text(name)[:200],
            sha256="",
            size=0,
            created_at=clock.now(),
            created_by=actor.email,
        )
        for position, part in enumerate(_in_parts(chunks)):
            size += len(part)
            if size > MOST_BYTES:
                raise refused(f"it has more than {MOST_BYTES // 1024 // 1024} MB")
            whole.update(part)
            record = f"{upload.pk}/{position}"
            sealed = seal(tenant, purpose=_PURPOSE, record=record, plain=part)
            UploadPart.objects.create(upload=upload, position=position, sealed=sealed)
        upload.sha256, upload.size = whole.hexdigest(), size
        again = _handed_in_before(tenant, upload)
        if again is not None:
            upload.delete()
            return again
        upload.save(update_fields=["sha256", "size"])
        record_event(
            tenant_id=tenant.pk,
            actor_id=actor.pk,
            actor_name=actor.email,
            action="backup_set.upload",
            subject=f"upload {upload.pk}",
            details={"name": upload.name, "sha256": upload.sha256, "bytes": size},
        )
    return upload


def _handed_in_before(tenant: Tenant, upload: Upload) -> Upload | None:
    """The upload of the same file by the same person, from now on as old as this one."""
    Tenant.objects.select_for_update().get(pk=tenant.pk)  # of two at the same moment one is the first
    same = Upload.objects.filter(sha256=upload.sha256, name=upload.name, created_by=upload.created_by)
    found = same.exclude(pk=upload.pk).order_by("pk").first()
    if found is not None:
        found.created_at = upload.created_at
        found.save(update_fields=["created_at"])
    return found


def _in_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= _PART:
            yield bytes(held[:_PART])
            del held[:_PART]
    if held:
        yield bytes(held)


def find_upload(number: int) -> Upload:
    """An upload of the tenant in scope."""
    found = Upload.objects.select_related("tenant").filter(pk=number).first()
    if found is None:
        raise NotFound(
            f"There is no upload {number} here.", hint="Uploads are kept for a day: hand the file in again."
        )
    return found


@contextmanager
def upload_as_file(upload: Upload) -> Iterator[IO[bytes]]:
    """The whole upload in a nameless temporary file."""
    with TemporaryFile() as file:
        for part in UploadPart.objects.filter(upload=upload).order_by("position").iterator():
            record = f"{upload.pk}/{part.position}"
            file.write(unseal(upload.tenant, purpose=_PURPOSE, record=record, sealed=bytes(part.sealed)))
        file.seek(0)
        yield file


def store_imported(
    tenant: Tenant, recognised: Sequence[Recognised], *, run_id: int, backup_set: BackupSet
) -> None:
    """Enter policies of a file into the set, as versions. Repeating it adds nothing."""
    captured = [_captured(one) for one in recognised]
    with transaction.atomic():
        policies = _policies_of(captured, run_id=run_id)
        for one in captured:
            policy = policies[one.place]
            version, created = _version_of(tenant, one, policy, run_id=run_id)
            SetEntry.objects.update_or_create(
                backup_set=backup_set,
                policy=policy,
                defaults={
                    "version": version,
                    "type_key": version.type_key,
                    "state": EntryState.NEW if created else EntryState.SEEN_AGAIN,
                },
            )


def _captured(one: Recognised) -> Captured:
    document = Document(type_key=one.policy_type.key, object=json.dumps(one.body))
    return capture_document(one.policy_type, document, graph_id=one.graph_id)


def _policies_of(captured: Sequence[Captured], *, run_id: int) -> dict[tuple[str, str], Policy]:
    at = clock.now()
    Policy.objects.bulk_create(
        [
            Policy(
                type_key=one.policy_type.key,
                graph_id=one.graph_id,
                name=one.name,
                odata_type=json.storable_text(str(one.composed.get("@odata.type") or ""))[:200],
                platform=platform_of(one.policy_type, one.composed),
                presence=Presence.IMPORTED,
                first_seen=at,
                last_seen=at,
                last_run_id=run_id,
            )
            for one in captured
        ],
        ignore_conflicts=True,
    )
    found = Policy.objects.filter(
        type_key__in={one.policy_type.key for one in captured},
        graph_id__in=[one.graph_id for one in captured],
    )
    return {(policy.type_key, policy.graph_id): policy for policy in found}


def _version_of(tenant: Tenant, one: Captured, policy: Policy, *, run_id: int) -> tuple[PolicyVersion, bool]:
    """The version of the policy with this content; whether it is new."""
    known = PolicyVersion.objects.filter(policy=policy, digest=one.digest).order_by("-pk").first()
    if known is not None:
        return known, False
    payload = one.document.to_bytes()
    address = sha256_hex(payload)
    version = PolicyVersion.objects.create(
        policy=policy,
        type_key=one.policy_type.key,
        graph_id=one.graph_id,
        name=one.name,
        digest=one.digest,
        payload_sha256=address,
        blob_id=store_payloads(tenant, {address: payload})[address],
        run_id=run_id,
        captured_at=clock.now(),
        secrets=one.secrets,
        backup_only=one.backup_only,
        imported=True,
    )
    record_named_groups([(version, one.policy_type, one.composed)])
    return version, True
