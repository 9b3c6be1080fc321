"""A set as a zip of open JSON, readable without us.

    manifest.json                       the set, its types, and for each file: policy, digest, SHA-256
    policies/<type>/<name>-<id>.json    the composed body, secrets replaced

The same set gives the same bytes. Apart from `services` because the format is a promise of its own.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from django.db import transaction

from tenantatlas.core import clock, json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.redact import redact
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.vault import seal, unseal

from .models import BackupSet, Export, ExportPart, PolicyVersion
from .services import load_document

FORMAT = "tenantatlas-export-1"
_PART = 4 * 1024 * 1024
_IN_MEMORY = 16 * 1024 * 1024
_CHUNK = 100
_PURPOSE = "export"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def store_archive(backup_set: BackupSet, *, run_id: int, beat: Callable[[], None]) -> Export:
    """Make the set's archive and keep it in sealed parts; an earlier archive of the set goes."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        write_archive(backup_set, file, beat=beat)
        size = file.tell()
        file.seek(0)
        whole = hashlib.sha256()
        with transaction.atomic():
            Export.objects.filter(backup_set=backup_set).delete()
            export = Export.objects.create(
                backup_set=backup_set, run_id=run_id, sha256="", size=size, created_at=clock.now()
            )
            for position, part in enumerate(iter(lambda: file.read(_PART), b"")):
                whole.update(part)
                sealed = seal(
                    backup_set.tenant, purpose=_PURPOSE, record=f"{export.pk}/{position}", plain=part
                )
                ExportPart.objects.create(export=export, position=position, sealed=sealed)
            export.sha256 = whole.hexdigest()
            export.save(update_fields=["sha256"])
    return export


def read_archive(export: Export) -> Iterator[bytes]:
    """The archive's bytes, piece by piece."""
    for part in ExportPart.objects.filter(export=export).order_by("position"):
        yield unseal(
            export.tenant,
            purpose=_PURPOSE,
            record=f"{export.pk}/{part.position}",
            sealed=bytes(part.sealed),
        )


def write_archive(backup_set: BackupSet, file: IO[bytes], *, beat: Callable[[], None]) -> None:
    """Write the zip. Raises `StorageFailed` that names the policy where a payload is damaged."""
    taken_at = backup_set.captured_at or backup_set.created_at
    listed: list[Json] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, version in enumerate(_versions(backup_set)):
            if number % _CHUNK == 0:
                beat()
            policy_type = get_type(version.type_key)
            body = redact(policy_type, compose(policy_type, load_document(version)))
            name = f"{_safe(version.name)[:80]}-{_safe(version.graph_id)}.json"
            name = f"policies/{_safe(version.type_key)}/{name}"
            content = _readable(body)
            _add(archive, name, content, at=taken_at)
            listed.append(_entry(version, name, content))
        _add(archive, "manifest.json", _readable(_manifest(backup_set, listed)), at=taken_at)


def _versions(backup_set: BackupSet) -> Iterator[PolicyVersion]:
    versions = PolicyVersion.objects.filter(entries__backup_set=backup_set).select_related("blob", "tenant")
    return versions.order_by("type_key", "graph_id").iterator(chunk_size=_CHUNK)


def _entry(version: PolicyVersion, file: str, content: bytes) -> Json:
    return {
        "file": file,
        "sha256": sha256_hex(content),
        "type": version.type_key,
        "id": version.graph_id,
        "name": version.name,
        "version": version.pk,
        "digest": version.digest,
        "capturedAt": version.captured_at.isoformat(),
        "secrets": version.secrets,
        "backupOnly": version.backup_only,
    }


def _manifest(backup_set: BackupSet, listed: list[Json]) -> Json:
    return {
        "format": FORMAT,
        "tenant": {"slug": backup_set.tenant.slug, "id": backup_set.tenant.tenant_guid},
        "set": {
            "id": backup_set.pk,
            "name": backup_set.name,
            "status": backup_set.status,
            "createdAt": backup_set.created_at.isoformat(),
            "fingerprint": backup_set.fingerprint,
            "counts": backup_set.counts,
        },
        "secrets": "replaced",
        "types": [
            {
                "type": one.type_key,
                "status": one.status,
                "listed": one.listed,
                "captured": one.captured,
                "failed": one.failed,
                "detail": one.detail,
            }
            for one in backup_set.types.order_by("type_key")
        ],
        "policies": listed,
    }


def _readable(value: Json, *, indent: str = "") -> bytes:
    """Indented and sorted; numbers stay as they were written."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        rows = [_line(inner, json.dumps(key) + b": ", value[key]) for key in sorted(value)]
        return b"{\n" + b",\n".join(rows) + f"\n{indent}}}".encode()
    if isinstance(value, list | tuple) and value:
        return b"[\n" + b",\n".join(_line(inner, b"", row) for row in value) + f"\n{indent}]".encode()
    return json.dumps(value)


def _line(indent: str, name: bytes, value: Json) -> bytes:
    return indent.encode() + name + _readable(value, indent=indent)


def _add(archive: zipfile.ZipFile, name: str, content: bytes, *, at: datetime) -> None:
    entry = zipfile.ZipInfo(name, date_time=at.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    archive.writestr(entry, content)


def _safe(text: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.") or "policy"
