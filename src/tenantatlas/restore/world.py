"""What a plan is made from: source versions, the target as it was read, what a person chose. Pure values.

sources ──┐
live ─────┼──► plan.build_plan ──► items and ordered writes, pinned by a hash
mapping ──┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType

from .mapping import Decisions

#: What the name of a copy ends with, unless a person chose something else.
COPY_SUFFIX = " - restored"


class Existing(StrEnum):
    """What to do with a policy that is in the target already."""

    UPDATE = "update"
    RECREATE = "recreate"
    COPY = "copy"
    SKIP = "skip"


class Assignments(StrEnum):
    """Which assignments the restored policies end with."""

    BACKED_UP = "backed-up"
    NONE = "none"
    KEEP = "keep"


class RestoreKind(StrEnum):
    """What a restore is for: putting versions back, enforcing conditional access, taking another one back, or
    removing what its lost answers made twice.
    """

    RESTORE = "restore"
    ENABLE = "enable"
    UNDO = "undo"
    TWINS = "twins"


class Existence(StrEnum):
    """What one GET said of an id in the target. Unknown: it could not be asked."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Undone:
    """One object that an earlier restore wrote, and what is known of how it left it.

    `live_id`: its id, "" where that restore removed it. `left`: the digest that it had in the end; "" where
    nobody verified it, None where it does not matter. `remove`: there was no such object before. `unknown`:
    the answer to its create was lost, and nobody knows whether that restore made one.
    """

    live_id: str = ""
    left: str | None = ""
    remove: bool = False
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """One version to restore: its composed body, as captured. `undone` where it takes a write back."""

    policy_type: PolicyType
    source_id: str
    version: int
    name: str
    body: Json = field(repr=False)
    undone: Undone | None = None

    @property
    def key(self) -> str:
        """The natural key of its item."""
        return item_key(self.policy_type.key, self.source_id)


@dataclass(frozen=True, kw_only=True)
class LiveType:
    """What the target has of one policy type: its list rows by id, and the composed bodies that were read."""

    rows: Mapping[str, Json] = field(default_factory=dict)
    bodies: Mapping[str, Json] = field(default_factory=dict)
    #: ids whose body could not be read, with the reason
    unread: Mapping[str, str] = field(default_factory=dict)
    #: why the list itself could not be read; then `rows` says nothing
    failed: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanInput:
    """Everything that a plan depends on. Equal inputs give equal plans, byte for byte."""

    tenant_guid: str
    graph_url: str
    kind: RestoreKind = RestoreKind.RESTORE
    existing: Existing = Existing.UPDATE
    #: policy type → what to do with its policies, where that is not `existing`
    existing_by_type: Mapping[str, Existing] = field(default_factory=dict)
    copy_suffix: str = COPY_SUFFIX
    assignments: Assignments = Assignments.BACKED_UP
    allow_deletes: bool = False
    #: policy type → the permissions that the app which writes lacks to write it
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: tuple[Source, ...]
    #: versions of the same set that are not restored: they tell who is who
    siblings: tuple[Source, ...] = ()
    live: Mapping[str, LiveType] = field(default_factory=dict)
    #: the directory as cached: id → name of the groups that are there
    groups: Mapping[str, str] = field(default_factory=dict)
    #: (kind, source id) → the name that it had
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    checks: Mapping[tuple[str, str], Existence] = field(default_factory=dict)
    #: kind → why some of it could not be looked for (`Existence.UNKNOWN`)
    unasked: Mapping[str, str] = field(default_factory=dict)
    mapping: Decisions = field(default_factory=dict)
    #: item key → why nothing is made for it now: an earlier create of it may still have an effect
    unsettled: Mapping[str, str] = field(default_factory=dict)
    #: item key → the id that an earlier restore gave to that policy
    successors: Mapping[str, str] = field(default_factory=dict)

    def existing_of(self, type_key: str) -> Existing:
        """What to do with policies of that type that are in the target already."""
        return self.existing_by_type.get(type_key, self.existing)

    def live_of(self, type_key: str) -> LiveType:
        """What the target has of that type."""
        return self.live.get(type_key, LiveType(failed="It was not read."))


def item_key(type_key: str, source_id: str) -> str:
    """The natural key of an item."""
    return f"{type_key}/{source_id}"


def placeholder(key: str) -> str:
    """What stands in paths and bodies for the id of an item that is not created yet."""
    return f"{{created:{key}}}"


#: What every placeholder begins with.
PLACEHOLDER_MARK = "{created:"
