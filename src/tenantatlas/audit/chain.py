"""The bytes that an audit entry's digest is taken over, and what it means for a chain of entries to hold.

Values are first made plain: what both databases give back exactly as it was written. So numbers are whole,
text holds no NUL and no lone surrogate, keys are text.

    entry 1 ◄── previous ── entry 2 ◄── previous ── entry 3 ◄── head (sequence 3, digest of 3)

An entry that was changed no longer has its digest; one that is missing, added or moved breaks the numbering
or the link; entries cut off the end leave the head ahead. Not found is who rewrites an entry, all that follow
and the head, with all rights on the database: against that, a head noted elsewhere is compared (`anchor`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import dumps_sorted
from tenantatlas.core.log import redact_text

FORMAT = 1


class Link(Protocol):
    """An entry as the chain sees it."""

    @property
    def tenant_id(self) -> int | None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor_id(self) -> int | None: ...
    @property
    def actor_name(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def details(self) -> Mapping[str, Any]: ...
    @property
    def previous(self) -> str: ...
    @property
    def digest(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of a chain, or a place in it that was noted elsewhere."""

    sequence: int = 0
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class ChainReport:
    """What verification found. `first_bad` is the sequence number of the first entry that does not hold."""

    intact: bool
    entries: int
    first_bad: int | None = None
    reason: str = ""
    head: Head = Head()


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


def entry_digest(entry: Link) -> str:
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


def verify_links(
    links: Iterable[Link],
    *,
    head: Head,
    after: Head = Head(),
    anchor: Head = Head(),
) -> ChainReport:
    """Whether each entry is as it was written, in its place, with none missing and none added.

    `links` are in their order, beginning after the entry `after`. The entry of the anchor's number must still
    have the anchor's digest.
    """
    expected, previous, checked = after.sequence, after.digest, 0
    for link in links:
        expected, checked = expected + 1, checked + 1
        reason = _what_is_wrong(link, expected=expected, previous=previous)
        if not reason and expected == anchor.sequence and link.digest != anchor.digest:
            reason = "the entry is not the one that was noted"
        if reason:
            return ChainReport(intact=False, entries=checked, first_bad=expected, reason=reason, head=head)
        previous = link.digest
    if (head.sequence, head.digest) != (expected, previous) or anchor.sequence > expected:
        reason = "entries are missing at the end"
        return ChainReport(intact=False, entries=checked, first_bad=expected + 1, reason=reason, head=head)
    return ChainReport(intact=True, entries=checked, head=head)


def _what_is_wrong(link: Link, *, expected: int, previous: str) -> str:
    if link.sequence != expected:
        return f"entry {expected} is missing" if link.sequence > expected else "an entry was added"
    if link.previous != previous:
        return "the entry does not follow the one before it"
    if link.digest != entry_digest(link):
        return "the entry was changed"
    return ""
