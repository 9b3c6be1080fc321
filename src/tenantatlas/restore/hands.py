"""One policy while it is restored, and how it can end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tenantatlas.core import json
from tenantatlas.core.errors import AtlasError, ConsentMissing
from tenantatlas.core.json import Json
from tenantatlas.policies.model import PolicyType
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.registry import ItemResult

from .models import WriteRecord
from .planned import (
    ABSENT,
    APPROVAL,
    MAKING,
    NOT_READ,
    PERMISSION_MISSING,
    UNSETTLED,
    Action,
    PlannedItem,
    PlannedWrite,
)
from .verify import Comparison, Finding

_LONGEST_MESSAGE = 600


@dataclass
class Hand:
    """One policy in hand: its writes in order, and how far it is.

    `begun`: its object may have been touched. `touched`: so it stays, since an answer was lost. `unsettled`:
    nobody knows yet what became of a write. `before`: the ids that had its name when that was asked, and
    seen. `made`: the digest of a new object when it was read back, not assigned yet.
    """

    item: PlannedItem
    policy_type: PolicyType
    writes: tuple[PlannedWrite, ...]
    done: set[int] = field(default_factory=set)
    needed: set[int] = field(default_factory=set)
    begun: bool = False
    touched: bool = False
    unsettled: bool = False
    looking: bool = False
    seen_at: float | None = None
    before: frozenset[str] | None = None
    before_asked: float = 0.0
    before_seen: float = 0.0
    verifying: str = ""
    verified: bool = False
    made: str = ""
    ended: bool = False
    preimage: int | None = None

    @property
    def making(self) -> bool:
        """Whether it makes a new object."""
        return self.item.action in MAKING

    @property
    def namesake(self) -> tuple[str, str]:
        """What it shares with policies that could be taken for it."""
        return self.policy_type.key, str((self.item.wanted or {}).get(self.policy_type.name_field))

    @property
    def removing(self) -> bool:
        """Whether nothing is to be left of its object."""
        return self.item.action is Action.REMOVE

    @property
    def left(self) -> tuple[PlannedWrite, ...]:
        """The writes that have not had their effect."""
        return tuple(write for write in self.writes if write.n not in self.done)

    @property
    def is_made(self) -> bool:
        """Whether everything that comes before its assignments is written."""
        left = self.left
        return not left or left[0].kind == "assign"

    def not_touched(self) -> None:
        """The last attempt of a write has left nothing behind."""
        self.begun = self.touched or bool(self.done)

    def is_over(self, write: PlannedWrite) -> bool:
        """Whether nothing is left to do about this write."""
        return self.ended or write.n in self.done

    def pending_names(self) -> set[str]:
        """The properties that writes still to come will change."""
        names = {"assignments"} if any(write.kind == "assign" for write in self.left) else set()
        for write in self.left:
            body = json.loads(write.body) if write.body and write.kind != "assign" else {}
            names |= set(body) if isinstance(body, dict) else set()
        return names


# ── Ends ──────────────────────────────────────────────────────────────────────────────────────────────────


def left_out(item: PlannedItem, *, restore: int, takes_back: bool = False) -> ItemResult:
    """What the plan does not write. What was wanted and may not be had yet waits for a person's decision."""
    undecided = item.action is Action.UNDECIDED
    message = " ".join(reason.message for reason in item.reasons) or "It is as captured already."
    if item.action is Action.CANNOT and takes_back:
        return ItemResult(
            key=item.key,
            state=ItemState.NEEDS_DECISION,
            action=item.action.value,
            reason="stays",
            message=message[:_LONGEST_MESSAGE],
            hint="It was not taken back and stays as it is.",
        )
    if any(reason.code == PERMISSION_MISSING for reason in item.reasons):
        return ItemResult(
            key=item.key,
            state=ItemState.NEEDS_DECISION,
            action=item.action.value,
            reason=ConsentMissing.code,
            message=message[:_LONGEST_MESSAGE],
            hint="Check the connection once it may, then preview again.",
        )
    codes = {reason.code for reason in item.reasons}
    if not codes.isdisjoint((NOT_READ, UNSETTLED)):
        return ItemResult(
            key=item.key,
            state=ItemState.NEEDS_DECISION,
            action=item.action.value,
            reason=NOT_READ if NOT_READ in codes else UNSETTLED,
            message=message[:_LONGEST_MESSAGE],
            hint="Preview it again.",
        )
    return ItemResult(
        key=item.key,
        state=ItemState.NEEDS_DECISION if undecided else ItemState.SKIPPED,
        action=item.action.value,
        reason=item.reasons[0].code if item.reasons else item.action.value,
        message=message[:_LONGEST_MESSAGE],
        hint=f"See `tenantatlas restore mapping {restore}`." if undecided else "",
    )


def succeeded(hand: Hand, compared: Comparison, *, graph_id: str) -> ItemResult:
    """Read back, and as promised; what the service keeps differently by declaration is listed."""
    rewritten = compared.paths if compared.finding is Finding.REWRITTEN else ()
    details: dict[str, Json] = {"id": graph_id, "writes": len(hand.writes)}
    if hand.preimage:
        details["preimage"] = hand.preimage
    if rewritten:
        details["differences"] = list(rewritten)
    message = f"The service keeps it differently in {', '.join(rewritten)}." if rewritten else ""
    return ItemResult(
        key=hand.item.key,
        state=ItemState.SUCCEEDED,
        action=hand.item.action.value,
        reason="rewritten" if rewritten else "",
        message=message[:_LONGEST_MESSAGE],
        before_digest=_before(hand),
        after_digest=compared.digest,
        details=details,
    )


def failed(hand: Hand, reason: str, message: str, *, hint: str = "", **details: Json) -> ItemResult:
    """It is not as promised, for this reason."""
    return ItemResult(
        key=hand.item.key,
        state=ItemState.FAILED,
        action=hand.item.action.value,
        reason=reason,
        message=message[:_LONGEST_MESSAGE],
        hint=hint,
        before_digest=_before(hand),
        details=details or None,
    )


def _before(hand: Hand) -> str:
    return "" if hand.item.expects == ABSENT else hand.item.expects


def changed(hand: Hand, message: str, *, after: str = "") -> ItemResult:
    """Somebody touched it since the preview: it is not overwritten."""
    result = failed(hand, "changed_since_preview", message, hint="Preview it again.")
    return replace(result, after_digest=after)


def differs(hand: Hand, compared: Comparison) -> ItemResult:
    """What was read back is not what was promised, and no rule declares it."""
    where = ", ".join(compared.paths) or "its contents"
    message = f"What was read back is not what was written: {where}."
    result = failed(hand, "differs", message, differences=list(compared.paths))
    return replace(result, after_digest=compared.digest)


def removed(hand: Hand) -> ItemResult:
    """Looked for, and gone."""
    details: dict[str, Json] = {"id": hand.item.live_id, "writes": len(hand.writes)}
    if hand.preimage:
        details["preimage"] = hand.preimage
    return ItemResult(
        key=hand.item.key,
        state=ItemState.SUCCEEDED,
        action=hand.item.action.value,
        before_digest=_before(hand),
        details=details,
    )


def still_there(hand: Hand) -> ItemResult:
    """Deleted, and the tenant shows it all the same."""
    return failed(hand, "still_there", "It was deleted, and the tenant still shows it.")


def unverified(hand: Hand, error: AtlasError) -> ItemResult:
    """It may be right, but nobody saw it."""
    return failed(hand, "unverified", f"It could not be read back: {error.message}")


def refused_before(hand: Hand, record: WriteRecord) -> ItemResult:
    """Graph refused a write, and the worker died before it could say so."""
    if record.code == APPROVAL:
        return needs_approval(hand, record.message)
    return failed(hand, record.code or "rejected", record.message or "Microsoft Graph refused the write.")


def not_attempted(hand: Hand, *, needed: str) -> ItemResult:
    """What it needs has failed."""
    if hand.begun:
        return failed(hand, "needs_failed", f"It is not complete: it needs “{needed}”, which failed.")
    result = failed(hand, "needs_failed", f"Not attempted: it needs “{needed}”, which failed.")
    return replace(result, state=ItemState.SKIPPED)


def needs_approval(hand: Hand, message: str) -> ItemResult:
    """Multi Admin Approval holds the write."""
    hint = "Ask for the approval in the admin center, then preview again."
    return replace(failed(hand, APPROVAL, message, hint=hint), state=ItemState.NEEDS_DECISION)


def ambiguous(hand: Hand, ids: Iterable[str]) -> ItemResult:
    """An answer was lost, and only a person can tell which object is ours."""
    listed = ", ".join(ids)
    message = "An answer was lost, and more than one object may be what it made"
    result = failed(hand, "ambiguous", f"{message}: {listed}." if listed else f"{message}.")
    return replace(result, state=ItemState.NEEDS_DECISION)


def never_answered(hand: Hand, record: WriteRecord) -> ItemResult:
    """Sent more than once, and neither an answer nor the tenant shows it."""
    message = f"No answer told what became of {record.method} {record.path}, and nothing shows it."
    return replace(failed(hand, "no_answer", message), state=ItemState.UNKNOWN)


def never_looked_for(hand: Hand, record: WriteRecord, *, why: str = "") -> ItemResult:
    """The answer was lost, and Graph did not say whether it is there: it is not sent again."""
    message = f"No answer told what became of {record.method} {record.path}, and it could not be looked for"
    message = f"{message}: {why}" if why else f"{message}."
    hint = "Look in the admin center whether it is there, then preview again."
    return replace(failed(hand, "no_answer", message, hint=hint), state=ItemState.UNKNOWN)


def stopped_unknown(hand: Hand) -> ItemResult:
    """The stop came before a lost answer was settled."""
    message = "The run was stopped before it was known what became of a write."
    return replace(failed(hand, "stopped", message), state=ItemState.UNKNOWN)


def stopped_between(hand: Hand) -> ItemResult:
    """The stop came in the middle of its writes, or before they were read back."""
    message = f"The run was stopped after {len(hand.done)} of {len(hand.writes)} writes."
    return failed(hand, "stopped", message, hint="Preview again to see what is left.")
