"""Bytes at rest: compressed, then sealed under the tenant's key. Kept apart from what versions mean.

A payload is addressed by the SHA-256 of its plain bytes; its hash is checked whenever it is read. A staged
row is a list row that a run keeps between reading the list and reading the policy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import zstandard

from tenantatlas.core.errors import StorageFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.vault import seal, unseal

from .models import Blob, StagedRow

_LEVEL = 3
_PAYLOAD, _STAGED = "payload", "staged row"
#: Nothing that we compressed inflates beyond this: the largest answer, many times over.
_MOST_INFLATED = 512 * 1024 * 1024

_tools = threading.local()  # zstd contexts serve one thread at a time


def pack(tenant: Tenant, *, purpose: str, record: str, plain: bytes) -> bytes:
    """The bytes compressed and sealed for this tenant, purpose and record."""
    if not hasattr(_tools, "compressor"):
        _tools.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    packed: bytes = _tools.compressor.compress(plain)
    return seal(tenant, purpose=purpose, record=record, plain=packed)


def unpack(tenant: Tenant, *, purpose: str, record: str, sealed: bytes) -> bytes:
    """What was packed, or `StorageFailed`."""
    packed = unseal(tenant, purpose=purpose, record=record, sealed=sealed)
    if not hasattr(_tools, "decompressor"):
        _tools.decompressor = zstandard.ZstdDecompressor()
    try:
        plain: bytes = _tools.decompressor.decompress(packed, max_output_size=_MOST_INFLATED)
    except zstandard.ZstdError as error:
        raise StorageFailed(f"What is stored for {purpose} {record} cannot be inflated.") from error
    return plain


def store_payloads(tenant: Tenant, payloads: Mapping[str, bytes]) -> dict[str, int]:
    """Store the payloads (by SHA-256) that are not there yet; the row of each, by SHA-256."""
    rows = _blob_ids(payloads)
    new = [
        Blob(sha256=sha, size=len(plain), sealed=pack(tenant, purpose=_PAYLOAD, record=sha, plain=plain))
        for sha, plain in sorted(payloads.items())
        if sha not in rows
    ]
    if new:
        Blob.objects.bulk_create(new, ignore_conflicts=True)
        rows = _blob_ids(payloads)
    return rows


def open_payload(tenant: Tenant, blob: Blob, *, expected: str) -> bytes:
    """The plain payload. Raises `StorageFailed` unless it is exactly the bytes whose hash is expected."""
    plain = unpack(tenant, purpose=_PAYLOAD, record=blob.sha256, sealed=bytes(blob.sealed))
    if sha256_hex(plain) != expected:
        raise StorageFailed(f"What is stored as {expected[:12]}… has another hash.")
    return plain


def stage_rows(tenant: Tenant, *, run_id: int, rows: Iterable[bytes]) -> list[str]:
    """Keep list rows for a run; the address of each, in order. Staging a row twice keeps it once."""
    addressed = [(sha256_hex(raw), raw) for raw in rows]
    StagedRow.objects.bulk_create(
        [
            StagedRow(run_id=run_id, sha256=sha, sealed=pack(tenant, purpose=_STAGED, record=sha, plain=raw))
            for sha, raw in dict(addressed).items()
        ],
        ignore_conflicts=True,
    )
    return [sha for sha, _ in addressed]


def staged_rows(tenant: Tenant, *, run_id: int, addresses: Iterable[str]) -> dict[str, bytes]:
    """The staged rows with these addresses; those that the run does not have are left out."""
    found = StagedRow.objects.filter(run_id=run_id, sha256__in=set(addresses))
    return {
        row.sha256: unpack(tenant, purpose=_STAGED, record=row.sha256, sealed=bytes(row.sealed))
        for row in found
    }


def drop_staged_rows(*, run_id: int) -> None:
    """The run has ended: its staged rows go."""
    StagedRow.objects.filter(run_id=run_id).delete()


def _blob_ids(payloads: Iterable[str]) -> dict[str, int]:
    return dict(Blob.objects.filter(sha256__in=list(payloads)).values_list("sha256", "pk"))
