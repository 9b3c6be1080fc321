"""A set as a zip of open JSON, readable without us.

    manifest.json                       the set, its types, and for each file: policy, digest, SHA-256
    policies/<type>/<name>-<id>.json    the composed body, secrets replaced

The same set gives the same bytes. Apart from `services` because the format is a promise of its own.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO

from django.db import transaction
from django.db.models import Max, QuerySet

from tenantatlas.core import clock, json
from tenantatlas.core.errors import InputError
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.redact import redact
from tenantatlas.policies.registry import get_type
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.vault import seal, unseal

from .models import BackupSet, Export, ExportPart, PolicyVersion, Protection
from .services import load_document

FORMAT = "tenantatlas-export-1"
_PART = 4 * 1024 * 1024
_IN_MEMORY = 16 * 1024 * 1024
_CHUNK = 100
_KEPT_DAYS = 7
_PURPOSE = "export"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What goes into an archive: versions, and the set that they are of where there is one."""

    name: str
    at: datetime
    versions: QuerySet[PolicyVersion] = field(repr=False)
    backup_set: BackupSet | None = None
    selected: bool = False


def contents_of_set(backup_set: BackupSet, *, policies: Sequence[str] = ()) -> Contents:
    """A set, or of it only these policies; one that it does not hold is an `InputError`."""
    versions = PolicyVersion.objects.filter(entries__backup_set=backup_set)
    if policies:
        versions = versions.filter(graph_id__in=policies)
        _require_all(policies, versions, f"The set {backup_set.name} does not hold")
    return Contents(
        name=backup_set.name,
        at=backup_set.captured_at or backup_set.created_at,
        versions=versions,
        backup_set=backup_set,
        selected=bool(policies),
    )


def contents_of_policies(policies: Sequence[str]) -> Contents:
    """The newest version of each of these policies; one without a version is an `InputError`."""
    newest = Protection.objects.filter(policy__graph_id__in=policies).values("version_id")
    versions = PolicyVersion.objects.filter(pk__in=newest)
    _require_all(policies, versions, "There is no version of")
    times = versions.aggregate(newest=Max("captured_at"))
    return Contents(name="Selected policies", at=times["newest"], versions=versions, selected=True)


def _require_all(policies: Sequence[str], versions: QuerySet[PolicyVersion], words: str) -> None:
    held = set(versions.values_list("graph_id", flat=True))
    missing = [graph_id for graph_id in policies if graph_id not in held]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"{words} {missing[0]}{more}.", hint="Back it up first.", details={"field": "policies"}
        )


def store_archive(tenant: Tenant, contents: Contents, *, run_id: int, beat: Callable[[], None]) -> Export:
    """Make the archive and keep it in sealed parts; an earlier one of the whole set goes, and old ones."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        number = write_archive(tenant, contents, file, beat=beat)
        size = file.tell()
        file.seek(0)
        whole = hashlib.sha256()
        with transaction.atomic():
            _forget_earlier(contents)
            export = Export.objects.create(
                backup_set=None if contents.selected else contents.backup_set,
                name=contents.name[:200],
                policies=number,
                run_id=run_id,
                sha256="",
                size=size,
                created_at=clock.now(),
            )
            for position, part in enumerate(iter(lambda: file.read(_PART), b"")):
                whole.update(part)
                sealed = seal(tenant, purpose=_PURPOSE, record=f"{export.pk}/{position}", plain=part)
                ExportPart.objects.create(export=export, position=position, sealed=sealed)
            export.sha256 = whole.hexdigest()
            export.save(update_fields=["sha256"])
    return export


def _forget_earlier(contents: Contents) -> None:
    old = Export.objects.filter(backup_set=None, created_at__lt=clock.now() - timedelta(days=_KEPT_DAYS))
    old.delete()
    if contents.backup_set is not None and not contents.selected:
        Export.objects.filter(backup_set=contents.backup_set).delete()


def read_archive(export: Export) -> Iterator[bytes]:
    """The archive's bytes, piece by piece."""
    for part in ExportPart.objects.filter(export=export).order_by("position"):
        yield unseal(
            export.tenant,
            purpose=_PURPOSE,
            record=f"{export.pk}/{part.position}",
            sealed=bytes(part.sealed),
        )


def write_archive(tenant: Tenant, contents: Contents, file: IO[bytes], *, beat: Callable[[], None]) -> int:
    """Write the zip; how many policies. Raises `StorageFailed` that names one with a damaged payload."""
    listed: list[Json] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, version in enumerate(_in_order(contents.versions)):
            if number % _CHUNK == 0:
                beat()
            policy_type = get_type(version.type_key)
            body = redact(policy_type, compose(policy_type, load_document(version)))
            name = f"{_safe(version.name)[:80]}-{_safe(version.graph_id)}.json"
            name = f"policies/{_safe(version.type_key)}/{name}"
            content = _readable(body)
            _add(archive, name, content, at=contents.at)
            listed.append(_entry(version, name, content))
        _add(archive, "manifest.json", _readable(_manifest(tenant, contents, listed)), at=contents.at)
    return len(listed)


def _in_order(versions: QuerySet[PolicyVersion]) -> Iterator[PolicyVersion]:
    found = versions.select_related("blob", "tenant").order_by("type_key", "graph_id")
    return found.iterator(chunk_size=_CHUNK)


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


def _manifest(tenant: Tenant, contents: Contents, listed: list[Json]) -> Json:
    backup_set = contents.backup_set
    return {
        "format": FORMAT,
        "tenant": {"slug": tenant.slug, "id": tenant.tenant_guid},
        "set": backup_set and _set_facts(backup_set),
        "selected": contents.selected,
        "secrets": "replaced",
        "types": _types_of(backup_set) if backup_set and not contents.selected else [],
        "policies": listed,
    }


def _set_facts(backup_set: BackupSet) -> Json:
    return {
        "id": backup_set.pk,
        "name": backup_set.name,
        "status": backup_set.status,
        "createdAt": backup_set.created_at.isoformat(),
        "fingerprint": backup_set.fingerprint,
        "counts": backup_set.counts,
    }


def _types_of(backup_set: BackupSet) -> list[Json]:
    return [
        {
            "type": one.type_key,
            "status": one.status,
            "listed": one.listed,
            "captured": one.captured,
            "failed": one.failed,
            "detail": one.detail,
        }
        for one in backup_set.types.order_by("type_key")
    ]


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
