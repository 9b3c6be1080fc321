"""The bytes that an audit entry's digest is taken over.

Values are first made plain: what both databases give back exactly as it was written. So numbers are whole,
text holds
no NUL and no lone surrogate, keys are text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import dumps_sorted
from tenantatlas.core.log import redact_text

if TYPE_CHECKING:
    from .models import AuditEntry

FORMAT = 1


def plain(value: Any) -> Any:
    """The value as both databases keep it, without secrets."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    text = str(value).replace("\x00", "�")
    return redact_text(text.encode("utf-8", "replace").decode("utf-8"))


def entry_digest(entry: AuditEntry) -> str:
    """SHA-256 over the canonical form of everything the entry says, its place and its predecessor."""
    return sha256_hex(
        dumps_sorted(
            {
                "format": FORMAT,
                "tenant": entry.tenant_id,
                "sequence": entry.sequence,
                "at": entry.at.isoformat(timespec="microseconds"),
                "actor": entry.actor_id,
                "actor_name": entry.actor_name,
                "action": entry.action,
                "subject": entry.subject,
                "details": entry.details,
                "previous": entry.previous,
            }
        )
    )
