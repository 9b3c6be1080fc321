"""What the runs of a restore are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tenantatlas.core import json
from tenantatlas.core.errors import InputError
from tenantatlas.core.ids import sha256_hex
from tenantatlas.policies.registry import get_type

from .mapping import read_mapping
from .world import COPY_SUFFIX, Assignments, Existing, RestoreKind

_LONGEST_SUFFIX = 60
_LONGEST_REASON = 500


@dataclass(frozen=True, kw_only=True)
class PreviewParams:
    """What to preview; nothing named means all of the set. `restore` is the draft that it is for, if any;
    `parent` the restore that it belongs to, where its kind has one.
    """

    set: int
    types: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    version: int = 0
    existing: Existing = Existing.UPDATE
    mapping: dict[str, Any] = field(default_factory=dict)
    restore: int = 0
    kind: RestoreKind = RestoreKind.RESTORE
    parent: int = 0
    existing_by_type: dict[str, Existing] = field(default_factory=dict)
    copy_suffix: str = COPY_SUFFIX
    assignments: Assignments = Assignments.BACKED_UP

    def __post_init__(self) -> None:
        for key in (*self.types, *self.existing_by_type):
            get_type(key)
        if not self.copy_suffix.strip() or len(self.copy_suffix) > _LONGEST_SUFFIX:
            raise InputError(
                f"A copy needs a suffix of at most {_LONGEST_SUFFIX} characters.",
                details={"field": "copy_suffix"},
            )
        object.__setattr__(self, "types", tuple(sorted(set(self.types))))
        object.__setattr__(self, "policies", tuple(sorted(set(self.policies))))
        if self.mapping:
            read_mapping(self.mapping)

    @property
    def takes_back(self) -> bool:
        """Whether it is about what another restore wrote, not about versions of the set."""
        return self.kind in (RestoreKind.UNDO, RestoreKind.TWINS)

    @property
    def scope(self) -> str:
        """A hash of what was chosen, mapping aside: checks are good for the choice they were made for."""
        chosen = [
            self.kind,
            self.parent,
            self.set,
            self.version,
            list(self.types),
            list(self.policies),
            self.existing,
            self.existing_by_type,
            self.copy_suffix,
            self.assignments,
        ]
        return sha256_hex(json.dumps_sorted(chosen))


@dataclass(frozen=True, kw_only=True)
class ExecuteParams:
    """Which restore, the hash of the plan as confirmed, the tenant's name as typed, and why."""

    restore: int
    plan: str
    confirm: str
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.reason) > _LONGEST_REASON:
            raise InputError(
                f"The reason may have {_LONGEST_REASON} characters.", details={"field": "reason"}
            )
