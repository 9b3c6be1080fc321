"""Appending to the audit trail."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

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
    row lock.
    """
    with transaction.atomic(savepoint=False):
        chain = tenant_id or 0
        heads = ChainHead.objects.filter(chain=chain)
        if not heads.update(sequence=F("sequence") + 1):
            ChainHead.objects.bulk_create([ChainHead(chain=chain)], ignore_conflicts=True)
            heads.update(sequence=F("sequence") + 1)
        head = heads.get()
        entry = AuditEntry(
            tenant_id=tenant_id,
            sequence=head.sequence,
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
        heads.update(digest=entry.digest)
    return entry
