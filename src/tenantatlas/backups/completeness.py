"""How completely a run read each policy type, from how its items ended. Pure.

    what happened to the type                                  status        spoils a set
    ─────────────────────────────────────────────────────────  ────────────  ────────────
    every listed policy captured, second list the same         complete
    this cloud or licence lacks it                             unavailable
    a permission is missing for the list                       denied        yes
    list, policy, secret or second list could not be read      partial       yes
    a policy went, came or moved meanwhile                     changed       yes

The worse word wins: denied, unavailable, partial, changed, complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tenantatlas.core.json import Json
from tenantatlas.inventory.models import ReadStatus
from tenantatlas.runs.lifecycle import ItemState

LIST, RECHECK = "list:", "recheck:"
#: Reason codes of items.
VANISHED = "vanished"
ABSENT = "not_there"
CHANGED = "changed_during_capture"
SECRET_MISSING = "secret_not_captured"  # noqa: S105 - a reason code

_NAMED_AT_MOST = 5
_SPOILS = frozenset({ReadStatus.PARTIAL, ReadStatus.DENIED, ReadStatus.CHANGED})


@dataclass(frozen=True, kw_only=True)
class ItemFacts:
    """What counts of one item."""

    key: str
    type_key: str
    label: str
    state: str
    reason: str = ""
    message: str = ""
    payload: Json = None
    details: Json = None


@dataclass(frozen=True, kw_only=True)
class TypeSummary:
    """How completely one policy type was read; `detail` names what is missing."""

    type_key: str
    status: ReadStatus
    listed: int = 0
    captured: int = 0
    failed: int = 0
    detail: str = ""

    @property
    def spoils(self) -> bool:
        """Whether a set with this type cannot be complete."""
        return self.status in _SPOILS


@dataclass
class _Found:
    """The items of one type, sorted out."""

    read: ItemFacts | None = None
    again: ItemFacts | None = None
    policies: list[ItemFacts] = field(default_factory=list)

    def ended(self, state: ItemState) -> list[ItemFacts]:
        return [item for item in self.policies if item.state == state]


def summarise(items: Iterable[ItemFacts], *, held: Mapping[str, Sequence[str]]) -> list[TypeSummary]:
    """One summary per type that the items tell of. `held` are the types read from each collection."""
    found: dict[str, _Found] = {}
    for item in items:
        if item.key.startswith(LIST):
            for number, type_key in enumerate(held.get(item.key.removeprefix(LIST), ())):
                whole = number > 0 and item.state == ItemState.SUCCEEDED
                found.setdefault(type_key, _Found()).read = replace(item, message="") if whole else item
        elif item.key.startswith(RECHECK):
            for type_key in held.get(item.key.removeprefix(RECHECK), ()):
                found.setdefault(type_key, _Found()).again = item
        elif item.type_key:
            found.setdefault(item.type_key, _Found()).policies.append(item)
    return [_summarise_type(type_key, found[type_key]) for type_key in sorted(found)]


def _summarise_type(type_key: str, found: _Found) -> TypeSummary:
    remarks = [remark for remark in _remarks(type_key, found) if remark is not None]
    return TypeSummary(
        type_key=type_key,
        status=worse_of(status for status, _ in remarks),
        listed=len(found.policies),
        captured=len(found.ended(ItemState.SUCCEEDED)),
        failed=sum(item.state in {ItemState.FAILED, ItemState.UNKNOWN} for item in found.policies),
        detail=" ".join(sentence for _, sentence in remarks),
    )


_WORST_FIRST = (ReadStatus.DENIED, ReadStatus.UNAVAILABLE, ReadStatus.PARTIAL, ReadStatus.CHANGED)


def worse_of(seen: Iterable[ReadStatus]) -> ReadStatus:
    """The word that wins; complete where there is no other."""
    said = set(seen)
    return next((status for status in _WORST_FIRST if status in said), ReadStatus.COMPLETE)


_Remark = tuple[ReadStatus, str] | None


def _remarks(type_key: str, found: _Found) -> Iterable[_Remark]:
    failed = [i for i in found.policies if i.state in {ItemState.FAILED, ItemState.UNKNOWN}]
    yield _list_remark(found.read)
    yield _named(
        ReadStatus.PARTIAL,
        [item for item in failed if item.reason != VANISHED],
        "could not be captured",
        of=len(found.policies),
        why=True,
    )
    yield _named(
        ReadStatus.PARTIAL,
        [i for i in found.policies if i.state not in _ENDED],
        "was not reached" if len(found.policies) == 1 else "were not reached",
        of=len(found.policies),
    )
    yield _named(
        ReadStatus.PARTIAL,
        [item for item in found.ended(ItemState.SUCCEEDED) if item.reason == SECRET_MISSING],
        "captured without a secret value that could not be read",
    )
    yield _named(
        ReadStatus.CHANGED,
        [item for item in failed if item.reason == VANISHED],
        "gone when it was to be read",
    )
    yield _again_remark(type_key, found.again)


_ENDED = frozenset({ItemState.SUCCEEDED, ItemState.FAILED, ItemState.UNKNOWN, ItemState.SKIPPED})


def _list_remark(read: ItemFacts | None) -> _Remark:
    if read is None:
        return None
    if read.state == ItemState.SUCCEEDED:
        return (ReadStatus.COMPLETE, read.message) if read.message else None
    status = (read.details or {}).get("status") if isinstance(read.details, dict) else None
    sentence = read.message or "The list was not read."
    return (ReadStatus(status) if status in set(ReadStatus) else ReadStatus.PARTIAL), sentence


def _again_remark(type_key: str, again: ItemFacts | None) -> _Remark:
    if again is None or again.state == ItemState.SUCCEEDED:
        return None
    if again.reason != CHANGED:
        return ReadStatus.PARTIAL, again.message or "Whether it changed meanwhile was not looked up."
    moved = (again.details or {}).get(type_key) or []
    return (ReadStatus.CHANGED, f"Changed during the capture: {shorten(moved)}.") if moved else None


def _named(
    status: ReadStatus, items: Sequence[ItemFacts], what: str, *, of: int = 0, why: bool = False
) -> _Remark:
    if not items:
        return None
    count = f"{len(items)} of {of}" if of else str(len(items))
    names = shorten([_name(item, why=why) for item in items])
    return status, f"{count} {what}: {names}."


def _name(item: ItemFacts, *, why: bool) -> str:
    return f"{item.label} ({item.message.rstrip('.')})" if why and item.message else item.label


def shorten(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
