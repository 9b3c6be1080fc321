"""Reading the audit trail, and proving that nobody rewrote it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Coalesce

from tenantatlas.core.json import Json

from .chain import ChainReport, Head, verify_links
from .models import AuditEntry, AuditQuerySet, ChainHead

__all__ = ["AuditFilters", "ChainReport", "audit_entries", "entry_facts", "verify_chain", "verify_newest"]

ENTRY_FACTS = ("sequence", "at", "who", "action", "subject", "details", "previous", "digest")

_CHAINED = (
    "tenant_id",
    "sequence",
    "at",
    "actor_id",
    "actor_name",
    "action",
    "subject",
    "details",
    "previous",
    "digest",
)


@dataclass(frozen=True, kw_only=True)
class AuditFilters:
    """Which entries are asked for: who, what and about what by words in them, when from and until."""

    who: str = ""
    what: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def audit_entries(tenant_id: int | None, filters: AuditFilters | None = None) -> AuditQuerySet:
    """The entries of a tenant's chain, newest first; of the install's own for None.

    The chain is read in its order, and what is outside the time is passed over: by the index over moments,
    SQLite would collect and sort all that happened since before it gives the first.
    """
    asked = filters or AuditFilters()
    conditions = {
        "actor_name__icontains": asked.who,
        "action__icontains": asked.what,
        "subject__icontains": asked.subject,
        "moment__gte": asked.since,
        "moment__lt": asked.until,
    }
    given = {name: value for name, value in conditions.items() if value}
    entries = AuditEntry.objects.alias(moment=Coalesce("at", "at"))
    return entries.filter(tenant_id=tenant_id, **given).order_by("-sequence")


def entry_facts(entry: AuditEntry) -> dict[str, Json]:
    """An entry as programs read it; the keys are `ENTRY_FACTS`."""
    return {
        "sequence": entry.sequence,
        "at": entry.at.isoformat(),
        "who": entry.actor_name,
        "action": entry.action,
        "subject": entry.subject,
        "details": entry.details,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def verify_chain(tenant_id: int | None, *, anchor: Head | None = None) -> ChainReport:
    """Whether each entry is as it was written, in its place, with none missing and none added."""
    return _verify(tenant_id, after=Head(), anchor=anchor or Head())


def verify_newest(tenant_id: int | None, *, most: int) -> ChainReport:
    """The same for the newest entries, so that the answer comes at once; the one before is believed."""
    newest = ChainHead.objects.filter(chain=tenant_id or 0).first()
    first = max(0, (newest.sequence if newest else 0) - most)
    before = AuditEntry.objects.filter(tenant_id=tenant_id, sequence=first).first()
    return _verify(
        tenant_id, after=Head(sequence=first, digest=before.digest if before else ""), anchor=Head()
    )


def _verify(tenant_id: int | None, *, after: Head, anchor: Head) -> ChainReport:
    newest = ChainHead.objects.filter(chain=tenant_id or 0).first()
    head = Head(sequence=newest.sequence, digest=newest.digest) if newest else Head()
    rows = AuditEntry.objects.filter(tenant_id=tenant_id)
    if after.sequence:
        rows = rows.filter(sequence__gt=after.sequence)
    links = rows.order_by("sequence", "pk").values_list(*_CHAINED, named=True).iterator(chunk_size=1000)
    return verify_links(links, head=head, after=after, anchor=anchor)
