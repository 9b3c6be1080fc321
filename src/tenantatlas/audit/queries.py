"""Reading the audit trail, and proving that nobody rewrote it."""

from __future__ import annotations

from dataclasses import dataclass

from .chain import entry_digest
from .models import AuditEntry, AuditQuerySet, ChainHead


@dataclass(frozen=True, kw_only=True)
class ChainReport:
    """What verification found. `first_bad` is the sequence number of the first entry that does not hold."""

    intact: bool
    entries: int
    first_bad: int | None = None
    reason: str = ""


def audit_entries(tenant_id: int | None) -> AuditQuerySet:
    """The entries of a tenant's chain, newest first."""
    return AuditEntry.objects.filter(tenant_id=tenant_id).order_by("-sequence")


def verify_chain(tenant_id: int | None) -> ChainReport:
    """Whether each entry is as it was written, in its place, with none missing and none added."""
    head = ChainHead.objects.filter(chain=tenant_id or 0).first()
    entries = AuditEntry.objects.filter(tenant_id=tenant_id).order_by("sequence", "pk")
    expected, previous = 0, ""
    for entry in entries.iterator(chunk_size=1000):
        expected += 1
        reason = _what_is_wrong(entry, expected=expected, previous=previous)
        if reason:
            return ChainReport(intact=False, entries=expected, first_bad=expected, reason=reason)
        previous = entry.digest
    if (head.sequence if head else 0) != expected or (head.digest if head else "") != previous:
        return ChainReport(
            intact=False, entries=expected, first_bad=expected + 1, reason="entries are missing at the end"
        )
    return ChainReport(intact=True, entries=expected)


def _what_is_wrong(entry: AuditEntry, *, expected: int, previous: str) -> str:
    if entry.sequence != expected:
        return f"entry {expected} is missing" if entry.sequence > expected else "an entry was added"
    if entry.previous != previous:
        return "the entry does not follow the one before it"
    if entry.digest != entry_digest(entry):
        return "the entry was changed"
    return ""
