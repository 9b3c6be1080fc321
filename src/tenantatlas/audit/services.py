"""Appending to the audit trail."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tenantatlas.core import clock
from tenantatlas.core.log import redact_text

from .chain import entry_digest, plain
from .models import AuditEntry, ChainHead


def record_event(
    *,
    tenant_id: int | None,
    actor_id: int | None,
    actor_name: str,
    action: str,
    subject: str,
    details: dict[str, Any],
) -> AuditEntry:
    """Append an entry to the tenant's chain, in the caller's transaction: both happen or neither does.

    Entries of one chain are appended one at a time, on both databases: the first statement takes the head's
    row lock, on SQLite the transaction itself the only right to write.
    """
    with transaction.atomic(savepoint=False):
        chain = tenant_id or 0
        heads = ChainHead.objects.filter(chain=chain)
        head = heads.select_for_update().first()
        if head is None:
            ChainHead.objects.bulk_create([ChainHead(chain=chain)], ignore_conflicts=True)
            head = heads.select_for_update().get()
        entry = AuditEntry(
            tenant_id=tenant_id,
            sequence=head.sequence + 1,
            at=clock.now(),
            actor_id=actor_id,
            actor_name=redact_text(plain(actor_name))[:254],
            action=plain(action)[:80],
            subject=redact_text(plain(subject))[:300],
            details=plain(details),
            previous=head.digest,
        )
        entry.digest = entry_digest(entry)
        entry.save(force_insert=True)
        heads.update(sequence=entry.sequence, digest=entry.digest)
    return entry
