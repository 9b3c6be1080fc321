"""Executing a plan: its writes and no others, in its order, each create once, everything read back.

    policy      before set · live digest ─► write ─► … ─► made ─► verified ─► assigned ─► verified ─► ended
    one write   intended ─► sent ─► known ─► recorded
                              └───► unknown ─► settled (see settle.py)

Writes start strictly in the order of the plan: the gate opens when the one before has been handed to the
socket. They end in any order. What a failed policy was needed for is not attempted. After a crash the journal
says where each write is; one that was sent is settled before anything else happens with it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from tenantatlas.backups.services import store_document
from tenantatlas.core import clock, json
from tenantatlas.core.errors import AtlasError, Cancelled
from tenantatlas.core.json import Json
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.policies import Row
from tenantatlas.graph.values import WriteReply
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import ItemResult, RunContext, failed_item, puts_aside

from .desk import Desk
from .journal import Journal
from .match import same_name
from .models import Restore, RestoreItem, WriteRecord, WriteResult, WriteState
from .planned import (
    ABSENT,
    MAKING,
    WRITING,
    Action,
    Plan,
    PlannedItem,
    PlannedWrite,
    fill_body,
    fill_bytes,
    fill_placeholders,
)
from .settle import Listings, LostChild, LostCreate, growing_waits, read_live, settle_window
from .verify import Comparison, Finding, compare, is_needless
from .world import PLACEHOLDER_MARK

_AHEAD = 8
_MOST_WRITING = 20
_VERIFIED_AT_ONCE = 20
_VERIFIES_SIDE_BY_SIDE = 2
_FRESH_SECONDS = 5.0
_BEFORE_SET_SECONDS = 60.0
_MOST_THROTTLES = 10
_MOST_REPEATS = 3
_MOST_CREATES = 2
_LAST_VERIFIES_SECONDS = 8.0
_NOT_FOUND = 404
_TRANSIENT = frozenset({409, 423})
_PROPAGATING = re.compile(r"\b1040\b")


@dataclass
class _Hand:
    """One policy in hand."""

    item: PlannedItem
    policy_type: PolicyType
    writes: tuple[PlannedWrite, ...]
    done: set[int] = field(default_factory=set)
    begun: bool = False
    ended: bool = False
    verified: bool = False
    verifying: str = ""
    checked_at: float = -1.0
    checking: bool = False
    before: frozenset[str] | None = None
    needed: set[int] = field(default_factory=set)
    unsettled: bool = False
    rewritten: tuple[str, ...] = ()
    preimage: int | None = None

    @property
    def making(self) -> bool:
        return self.item.action in MAKING

    @property
    def namesake(self) -> tuple[str, str]:
        """What it shares with policies that could be taken for it."""
        return self.policy_type.key, str(self.item.wanted.get(self.policy_type.name_field))

    @property
    def left(self) -> tuple[PlannedWrite, ...]:
        """The writes that have not had their effect."""
        return tuple(write for write in self.writes if write.n not in self.done)

    @property
    def is_made(self) -> bool:
        """Whether everything that comes before its assignments is written."""
        following = self.left[0] if self.left else None
        return following is None or following.kind == "assign"

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


class Execution:
    """One execution of a plan, for these of its items."""

    def __init__(
        self, ctx: RunContext, *, restore: Restore, plan: Plan, keys: Iterable[str], client: GraphClient
    ) -> None:
        self._ctx = ctx
        self._restore = restore
        self._client = client
        self._journal = Journal(restore=restore, run=ctx.run, dispatch=ctx.dispatch)
        self._listings = Listings(client)
        self._items = {item.key: item for item in plan.items}
        self._keys = list(keys)
        chosen = set(self._keys)
        writes: dict[str, list[PlannedWrite]] = {}
        for write in plan.writes:
            writes.setdefault(write.item, []).append(write)
        self._hands = {
            key: _Hand(item=item, policy_type=get_type(item.type_key), writes=tuple(writes.get(key, ())))
            for key, item in self._items.items()
            if key in chosen and item.action in WRITING
        }
        self._order = [write for write in plan.writes if write.item in self._hands]
        self._position = 0
        self._owner = {write.n: write.item for write in plan.writes}
        self._ids: dict[str, str] = {}
        self._done: set[int] = set()
        self._attempts: dict[int, int] = {}
        self._unsent: set[int] = set()
        self._serial: dict[str, int] = {}
        self._again: deque[PlannedWrite] = deque()
        self._to_verify: dict[str, deque[tuple[_Hand, str]]] = {}
        self._verifies: dict[str, int] = {}
        self._results: deque[ItemResult] = deque()
        self._trouble: AtlasError | None = None
        self._stopping = False
        self._lost: list[WriteRecord] = []
        self._under_way: set[int] = set()
        self._waits: dict[tuple[str, str], Iterator[float]] = {}
        self._stopped_at = 0.0
        self._taken_up: set[int] = set()
        succeeded = ctx.items(ItemState.SUCCEEDED).values_list("key", flat=True)
        self._succeeded_before = set(succeeded)
        self._creating: Counter[tuple[str, str]] = Counter()
        self._desk = Desk(stop=self._gives_up)

    # ── The course of it ──

    def results(self) -> Iterator[ItemResult]:
        """Each item's result as it is known. Items that were not begun when the run stops have none."""
        yield from self._left_out()
        with self._desk:
            self._resume()
            while self._goes_on():
                self._look()
                self._advance()
                self._verify_some()
                yield from self._take_results()
                if not self._desk.idle:
                    self._desk.turn()
                elif self._stopping:
                    break
                elif self._goes_on() and not self._results:
                    raise RuntimeError("an execution waits for nothing")
            yield from self._take_results()
            if self._stopping and self._trouble is None:
                yield from self._stopped()
            if self._trouble is None:
                self._sweep()
        if self._trouble is not None:
            raise self._trouble

    def _goes_on(self) -> bool:
        if self._stopping or self._trouble is not None:
            return bool(self._desk.writing) or (self._trouble is None and self._may_still_verify())
        return any(not hand.ended for hand in self._hands.values())

    def _may_still_verify(self) -> bool:
        """A stop leaves a few seconds to read back what is written."""
        written = any(hand.verifying and not hand.ended and not hand.left for hand in self._hands.values())
        return written and not self._gives_up()

    def _gives_up(self) -> bool:
        return self._stopping and clock.monotonic() > self._stopped_at + _LAST_VERIFIES_SECONDS

    def _look(self) -> None:
        if not self._stopping and self._ctx.cancelled():
            self._stopping = True
            self._stopped_at = clock.monotonic()

    def _take_results(self) -> Iterator[ItemResult]:
        while self._results:
            yield self._results.popleft()

    def _left_out(self) -> Iterator[ItemResult]:
        """What the plan does not write."""
        for key in self._keys:
            item = self._items[key]
            if item.action in WRITING:
                continue
            reason = item.reasons[0].code if item.reasons else item.action.value
            message = " ".join(each.message for each in item.reasons)
            undecided = item.action is Action.UNDECIDED
            yield ItemResult(
                key=key,
                state=ItemState.NEEDS_DECISION if undecided else ItemState.SKIPPED,
                action=item.action.value,
                reason=reason,
                message=message[:600] or "It is as captured already.",
                hint=f"See `tenantatlas restore mapping {self._restore.pk}`." if undecided else "",
            )

    def _resume(self) -> None:
        """Take up what the journal of this run knows."""
        by_n = {write.n: write for write in self._order}
        for n, record in self._journal.latest().items():
            self._attempts[n] = record.attempt
            if record.is_done:
                self._done.add(n)
            if record.graph_id and record.kind == "create":
                self._ids[record.item] = record.graph_id
            if n in by_n:
                self._take_up(by_n[n], self._hands[by_n[n].item], record)
        for hand in self._hands.values():
            if hand.begun and not hand.ended and not hand.unsettled:
                self._after_write(hand)

    def _take_up(self, write: PlannedWrite, hand: _Hand, record: WriteRecord) -> None:
        """Go on with a write where an earlier worker left it: one that was sent is settled first."""
        hand.begun = hand.begun or _may_have_happened(record)
        if record.is_done:
            hand.done.add(write.n)
            self._note_lost(record)
        elif record.state in (WriteState.SENT, WriteState.UNKNOWN):
            self._taken_up.add(write.n)
            if record.state == WriteState.SENT:
                self._unsent.add(write.n)
            self._settle(write, hand, record)
        elif record.result == WriteResult.REFUSED:
            self._end(hand, _refused_before(hand, record))
        elif record.result == WriteResult.AMBIGUOUS:
            self._end(hand, _ambiguous(hand, ()))

    # ── Starting writes ──

    def _advance(self) -> None:
        """Start every write whose turn it is, and prepare the next ones."""
        if self._stopping or self._trouble is not None:
            return
        for _ in range(len(self._again)):
            write = self._again.popleft()
            if not self._try_start(write):
                self._again.append(write)
        while self._position < len(self._order):
            write = self._order[self._position]
            hand = self._hands[write.item]
            over = hand.ended or write.n in hand.done or write.n in self._taken_up
            if not over and not self._try_start(write):
                break
            self._position += 1
        for write in self._order[self._position : self._position + _AHEAD]:
            hand = self._hands[write.item]
            if not hand.ended and write.n not in hand.done:
                self._prepare(write, hand)

    def _try_start(self, write: PlannedWrite) -> bool:
        """Start the write if all is ready for it; True also where it is over without having been sent."""
        hand = self._hands[write.item]
        if hand.ended:
            return True
        if not self._gate_is_open(write) or self._serial.get(write.serial, 0):
            return False
        dead = self._dead_need(write)
        if dead:
            self._end(hand, self._not_attempted(hand, dead))
            return True
        if not (self._needs_met(write, hand) and self._prepare(write, hand)):
            return False
        if not self._is_needed(write, hand):
            return hand.is_over(write)
        if not hand.is_over(write):
            self._start(write, hand)
        return True

    def _gate_is_open(self, write: PlannedWrite) -> bool:
        """No write before this one may still be on its way to the socket, or may never have got there."""
        first = min(self._unsent, default=write.n)
        return write.n <= first and write.n not in self._under_way and self._desk.writing < _MOST_WRITING

    def _dead_need(self, write: PlannedWrite) -> str:
        """The item that this write needs and that will not come, if there is one."""
        for n in write.depends_on:
            owner = self._owner[n]
            hand = self._hands.get(owner)
            if hand is None:
                lives = n in self._done and owner in self._succeeded_before
            else:
                lives = not hand.ended or hand.verified
            if not lives:
                return owner
        return ""

    def _needs_met(self, write: PlannedWrite, hand: _Hand) -> bool:
        """All that it depends on is written, and what belongs to others has been verified."""
        for n in write.depends_on:
            if n not in self._done:
                return False
            other = self._hands.get(self._owner[n])
            if other is not None and other is not hand and not other.verified:
                return False
        return not (write.kind == "assign" and hand.making and not hand.verified)

    def _prepare(self, write: PlannedWrite, hand: _Hand) -> bool:
        """Whether everything that has to be looked at before the write has been; begins to look."""
        if not hand.begun and write.expects not in ("", ABSENT) and not self._is_checked(hand):
            return False
        if write.kind == "create" and hand.before is None:
            self._take_before_set(hand)
            return False
        return True

    def _is_needed(self, write: PlannedWrite, hand: _Hand) -> bool:
        """Whether the write brings anything; asked when it is its turn, since the one before may decide it."""
        if not write.unless or write.n in hand.needed:
            return True
        self._ask_whether_needed(write, hand)
        return False

    def _start(self, write: PlannedWrite, hand: _Hand) -> None:
        path = fill_placeholders(write.path, self._ids)
        body = fill_bytes(write.body, self._ids)
        if PLACEHOLDER_MARK in path:
            raise RuntimeError(f"write {write.n} has no id to go to")
        if write.kind == "assign":
            self._ctx.crash_point("assign")
        attempt = self._attempts.get(write.n, 0) + 1
        record = self._journal.intend(write, path=path, body=body, before=hand.before or (), attempt=attempt)
        self._ctx.crash_point("intent")
        self._journal.mark_sent(record)
        self._attempts[write.n] = attempt
        hand.begun = True
        self._unsent.add(write.n)
        if write.kind == "create":
            self._creating[hand.namesake] = 1
        if write.serial:
            self._serial[write.serial] = write.n
        self._under_way.add(write.n)
        self._desk.write(
            partial(self._send, write, record, path, body), then=partial(self._answered, write, hand, record)
        )

    def _send(self, write: PlannedWrite, record: WriteRecord, path: str, body: bytes | None) -> WriteReply:
        return self._client.write(
            write.method,
            path,
            body,
            family=write.family,
            request_id=record.client_request_id,
            on_sent=lambda: self._desk.tell(partial(self._was_sent, write)),
        )

    def _was_sent(self, write: PlannedWrite) -> None:
        self._unsent.discard(write.n)
        self._ctx.crash_point("sent")

    # ── Looking right before ──

    def _is_checked(self, hand: _Hand) -> bool:
        """The live object is still what the preview saw; read no longer ago than a few seconds."""
        if hand.checked_at >= 0 and clock.monotonic() - hand.checked_at <= _FRESH_SECONDS:
            return True
        if not hand.checking:
            hand.checking = True
            self._desk.read(
                partial(read_live, self._client, self._listings, hand.policy_type, [hand.item.live_id]),
                then=partial(self._checked, hand),
            )
        return False

    def _checked(self, hand: _Hand, result: dict[str, Document | AtlasError] | AtlasError) -> None:
        hand.checking = False
        if hand.ended or hand.begun:
            return
        outcome = result if isinstance(result, AtlasError) else result[hand.item.live_id]
        if isinstance(outcome, AtlasError):
            self._check_failed(hand, outcome)
            return
        found = digest(hand.policy_type, compose(hand.policy_type, outcome))
        if found != hand.item.expects:
            self._end(hand, _changed(hand, "It was changed in the tenant since the preview.", after=found))
            return
        if hand.preimage is None:
            version, _ = store_document(
                self._ctx.tenant, hand.policy_type, outcome, run=self._ctx.run, reason="restore"
            )
            hand.preimage = version.pk
            RestoreItem.objects.filter(restore=self._restore, key=hand.item.key).update(preimage=version)
        hand.checked_at = clock.monotonic()

    def _check_failed(self, hand: _Hand, error: AtlasError) -> None:
        if self._concerns_run(error):
            return
        if error.details.get("status") == _NOT_FOUND or error.code == "not_seen":
            self._end(hand, _changed(hand, "It was deleted in the tenant since the preview."))
        else:
            self._end(hand, failed_item(hand.item.key, error))

    def _take_before_set(self, hand: _Hand) -> None:
        """The ids of that type and name just before; one that the preview did not see stops the item."""
        if hand.checking or self._creating[hand.namesake]:
            return
        hand.checking = True
        since = clock.monotonic() - _BEFORE_SET_SECONDS
        self._desk.read(
            partial(self._listings.rows, hand.policy_type, since=since),
            then=partial(self._before_taken, hand),
        )

    def _before_taken(self, hand: _Hand, result: dict[str, Row] | AtlasError) -> None:
        hand.checking = False
        if isinstance(result, AtlasError):
            if not self._concerns_run(result):
                self._end(hand, failed_item(hand.item.key, result))
            return
        rows = {graph_id: row.body for graph_id, row in result.items()}
        named = set(same_name(hand.policy_type, hand.item.wanted, rows))
        strangers = named - set(hand.item.beside) - self._ours() - {hand.item.live_id}
        if strangers and not hand.begun:
            self._end(hand, _changed(hand, "A policy of its name was made in the tenant since the preview."))
            return
        hand.before = frozenset(named)

    def _ours(self) -> set[str]:
        """The ids that this restore made."""
        return set(self._ids.values())

    def _ask_whether_needed(self, write: PlannedWrite, hand: _Hand) -> None:
        if hand.checking:
            return
        hand.checking = True
        graph_id = self._id_of(hand)
        self._desk.read(
            partial(read_live, self._client, self._listings, hand.policy_type, [graph_id]),
            then=partial(self._needed_known, write, hand, graph_id),
        )

    def _needed_known(
        self,
        write: PlannedWrite,
        hand: _Hand,
        graph_id: str,
        result: dict[str, Document | AtlasError] | AtlasError,
    ) -> None:
        hand.checking = False
        outcome = result if isinstance(result, AtlasError) else result[graph_id]
        if isinstance(outcome, AtlasError):
            if not self._concerns_run(outcome):
                hand.needed.add(write.n)
            return
        unless = dict(write.unless)
        if is_needless(fill_body(unless, self._ids), compose(hand.policy_type, outcome)):
            self._journal.skip(write, path=fill_placeholders(write.path, self._ids))
            self._write_done(write, hand)
        else:
            hand.needed.add(write.n)

    # ── Answers ──

    def _answered(
        self, write: PlannedWrite, hand: _Hand, record: WriteRecord, result: WriteReply | AtlasError
    ) -> None:
        self._under_way.discard(write.n)
        if write.serial:
            self._serial.pop(write.serial, None)
        if isinstance(result, AtlasError):
            self._never_sent(hand, record, result)
            return
        if result.status or not result.known:
            self._unsent.discard(write.n)
        self._ctx.crash_point("reply")
        made = _made_id(write, result)
        if not result.known or (result.error is None and write.kind == "create" and not made):
            self._journal.mark_unknown(record, result)
            self._ctx.crash_point("recorded")
            self._settle(write, hand, record)
        elif result.error is None or self._is_gone_already(write, result):
            self._journal.mark_known(record, result, result=WriteResult.APPLIED, graph_id=made)
            self._ctx.crash_point("recorded")
            if made:
                self._ids[write.item] = made
            self._write_done(write, hand)
        else:
            self._refused(write, hand, record, result)

    def _is_gone_already(self, write: PlannedWrite, reply: WriteReply) -> bool:
        return write.method == "DELETE" and reply.status == _NOT_FOUND and self._attempts[write.n] > 1

    def _never_sent(self, hand: _Hand, record: WriteRecord, error: AtlasError) -> None:
        if isinstance(error, Cancelled) or self._concerns_run(error):
            self._journal.mark_not_sent(record, error, result=WriteResult.AGAIN)
            hand.begun = bool(hand.done)
            return
        self._journal.mark_not_sent(record, error, result=WriteResult.REFUSED)
        self._end(hand, failed_item(hand.item.key, error))

    def _refused(self, write: PlannedWrite, hand: _Hand, record: WriteRecord, reply: WriteReply) -> None:
        error = reply.error or AtlasError()
        patience = self._patience(write, hand, reply)
        result = WriteResult.REFUSED if patience is None else WriteResult.AGAIN
        self._journal.mark_known(record, reply, result=result, graph_id="")
        self._ctx.crash_point("recorded")
        if patience is not None:
            hand.begun = bool(hand.done)
            self._repeat(write, after=patience)
        elif error.details.get("approval_code"):
            self._end(hand, _needs_approval(hand, error))
        else:
            self._end(hand, failed_item(hand.item.key, error))

    def _patience(self, write: PlannedWrite, hand: _Hand, reply: WriteReply) -> float | None:
        """After how many seconds a refused write goes again; None where it does not."""
        attempt = self._attempts[write.n]
        if reply.again:
            return 0.0 if attempt <= _MOST_THROTTLES else None
        waits = list(growing_waits(settle_window(hand.policy_type)))
        if attempt > len(waits):
            return None
        not_there_yet = hand.making and write.kind != "create" and reply.status == _NOT_FOUND
        propagating = reply.error is not None and bool(_PROPAGATING.search(reply.error.message))
        busy = bool(write.serial) and reply.status in _TRANSIENT and attempt <= _MOST_REPEATS
        return waits[attempt - 1] if not_there_yet or propagating or busy else None

    def _repeat(self, write: PlannedWrite, *, after: float = 0.0) -> None:
        if after:
            self._desk.after(after, partial(self._again.append, write))
        else:
            self._again.append(write)

    def _write_done(self, write: PlannedWrite, hand: _Hand) -> None:
        if write.kind == "create":
            self._creating[hand.namesake] = 0
        self._unsent.discard(write.n)
        hand.done.add(write.n)
        self._done.add(write.n)
        self._after_write(hand)

    def _after_write(self, hand: _Hand) -> None:
        """What follows once a write has had its effect: look whether the policy is as promised."""
        if hand.ended or hand.unsettled or not hand.done:
            return
        if not hand.left:
            self._begin_verify(hand, "whole")
        elif hand.making and hand.is_made and not hand.verified:
            self._begin_verify(hand, "made")

    # ── Lost answers ──

    def _settle(self, write: PlannedWrite, hand: _Hand, record: WriteRecord) -> None:
        hand.unsettled = True
        if write.repeatable:
            self._read_back(write, hand, record)
            return
        waits = growing_waits(settle_window(hand.policy_type))
        self._desk.after(next(waits), partial(self._look_for, write, hand, record, waits))

    def _read_back(self, write: PlannedWrite, hand: _Hand, record: WriteRecord) -> None:
        """Writes that may be repeated: read back, compare, then repeat if needed."""
        graph_id = self._id_of(hand)
        self._desk.read(
            partial(read_live, self._client, self._listings, hand.policy_type, [graph_id]),
            then=partial(self._was_read_back, write, hand, record, graph_id),
        )

    def _was_read_back(
        self,
        write: PlannedWrite,
        hand: _Hand,
        record: WriteRecord,
        graph_id: str,
        result: dict[str, Document | AtlasError] | AtlasError,
    ) -> None:
        if isinstance(result, AtlasError) and self._concerns_run(result):
            return
        outcome = result if isinstance(result, AtlasError) else result[graph_id]
        hand.unsettled = False
        if self._has_had_effect(write, hand, outcome):
            self._journal.settle(record, result=WriteResult.APPLIED)
            self._write_done(write, hand)
        elif self._attempts[write.n] > _MOST_REPEATS:
            self._journal.settle(record, result=WriteResult.ABSENT)
            self._end(hand, _never_answered(hand, record))
        else:
            self._journal.settle(record, result=WriteResult.AGAIN)
            self._repeat(write)
            self._after_write(hand)

    def _has_had_effect(self, write: PlannedWrite, hand: _Hand, outcome: Document | AtlasError) -> bool:
        if isinstance(outcome, AtlasError):
            return write.kind == "delete" and outcome.details.get("status") == _NOT_FOUND
        if write.kind == "delete":
            return False
        later = {each.n for each in hand.left} - {write.n}
        return not later and self._compare(hand, outcome, besides=()).finding is not Finding.DIFFERS

    def _look_for(
        self, write: PlannedWrite, hand: _Hand, record: WriteRecord, waits: Iterator[float]
    ) -> None:
        if self._stopping:
            return
        if write.kind == "create":
            work = partial(
                self._lost_create(write, hand, record).find, self._client, self._listings, ours=self._ours()
            )
        else:
            child = LostChild(
                path=fill_placeholders(write.twin_path, self._ids),
                family=write.family,
                by=write.twin_by,
                sent=self._sent_body(write),
            )
            work = partial(child.find, self._client)
        self._desk.read(work, then=partial(self._looked, write, hand, record, waits))

    def _lost_create(self, write: PlannedWrite, hand: _Hand, record: WriteRecord) -> LostCreate:
        return LostCreate(
            policy_type=hand.policy_type,
            wanted=fill_body(hand.item.wanted, self._ids),
            sent=self._sent_body(write),
            before=frozenset(record.before),
            sent_at=record.sent_at or record.intended_at,
        )

    def _sent_body(self, write: PlannedWrite) -> Json:
        return json.loads(fill_bytes(write.body, self._ids) or b"{}")

    def _looked(
        self,
        write: PlannedWrite,
        hand: _Hand,
        record: WriteRecord,
        waits: Iterator[float],
        result: tuple[str, ...] | AtlasError,
    ) -> None:
        if isinstance(result, AtlasError):
            if self._concerns_run(result):
                return
            result = ()
        if not result:
            self._not_found(write, hand, record, waits)
        elif len(result) == 1 or write.kind != "create":
            self._adopt(write, hand, record, result[0])
        else:
            hand.unsettled = False
            self._journal.settle(record, result=WriteResult.AMBIGUOUS)
            self._end(hand, _ambiguous(hand, result))

    def _adopt(self, write: PlannedWrite, hand: _Hand, record: WriteRecord, graph_id: str) -> None:
        if write.kind == "create" and graph_id in self._ours():  # another lost answer was quicker
            self._settle(write, hand, record)
            return
        hand.unsettled = False
        made = graph_id if write.kind == "create" else ""
        self._journal.settle(record, result=WriteResult.ADOPTED, graph_id=made)
        self._note_lost(record)
        if made:
            self._ids[write.item] = made
        self._write_done(write, hand)

    def _not_found(
        self, write: PlannedWrite, hand: _Hand, record: WriteRecord, waits: Iterator[float]
    ) -> None:
        wait = next(waits, None)
        if wait is not None:
            self._desk.after(wait, partial(self._look_for, write, hand, record, waits))
            return
        hand.unsettled = False
        self._journal.settle(record, result=WriteResult.ABSENT)
        self._note_lost(record)
        if self._attempts[write.n] < _MOST_CREATES:
            self._repeat(write)
        else:
            self._end(hand, _never_answered(hand, record))

    def _note_lost(self, record: WriteRecord) -> None:
        if record.kind == "create" and record.state == WriteState.SETTLED:
            self._lost.append(record)

    # ── Reading back ──

    def _begin_verify(self, hand: _Hand, stage: str) -> None:
        if hand.verifying == stage:
            return
        hand.verifying = stage
        waits = growing_waits(settle_window(hand.policy_type))
        self._queue_verify(hand, stage, waits)

    def _queue_verify(self, hand: _Hand, stage: str, waits: Iterator[float]) -> None:
        self._waits[hand.item.key, stage] = waits
        self._to_verify.setdefault(hand.policy_type.key, deque()).append((hand, stage))

    def _verify_some(self) -> None:
        """Read back what waits for it, many at a time."""
        for key, waiting in self._to_verify.items():
            while waiting and self._verifies.get(key, 0) < _VERIFIES_SIDE_BY_SIDE:
                some = [waiting.popleft() for _ in range(min(len(waiting), _VERIFIED_AT_ONCE))]
                self._verifies[key] = self._verifies.get(key, 0) + 1
                graph_ids = [self._id_of(hand) for hand, _ in some]
                self._desk.read(
                    partial(read_live, self._client, self._listings, get_type(key), graph_ids),
                    then=partial(self._read_for_verify, key, some),
                )

    def _read_for_verify(
        self,
        key: str,
        some: list[tuple[_Hand, str]],
        result: dict[str, Document | AtlasError] | AtlasError,
    ) -> None:
        self._verifies[key] -= 1
        if isinstance(result, AtlasError) and self._concerns_run(result):
            return
        for hand, stage in some:
            outcome = result if isinstance(result, AtlasError) else result[self._id_of(hand)]
            self._verified_one(hand, stage, outcome)
        self._verify_some()

    def _verified_one(self, hand: _Hand, stage: str, outcome: Document | AtlasError) -> None:
        if hand.ended or hand.verifying != stage:
            return
        if isinstance(outcome, AtlasError):
            if not self._concerns_run(outcome):
                self._verify_later(hand, stage, _unverified(hand, outcome))
            return
        besides = hand.pending_names() if stage == "made" else ()
        compared = self._compare(hand, outcome, besides=besides)
        if compared.finding is Finding.DIFFERS:
            self._verify_later(hand, stage, _differs(hand, compared))
            return
        self._ctx.crash_point("verify")
        hand.verified = True
        hand.rewritten = compared.paths
        if stage == "whole":
            self._end(hand, self._succeeded(hand, compared))

    def _compare(self, hand: _Hand, document: Document, *, besides: Iterable[str]) -> Comparison:
        return compare(
            hand.policy_type,
            wanted=fill_body(hand.item.wanted, self._ids),
            live=compose(hand.policy_type, document),
            besides=besides,
        )

    def _verify_later(self, hand: _Hand, stage: str, otherwise: ItemResult) -> None:
        """What was read may be old: look again, up to W; then it is not what was promised."""
        waits = self._waits[hand.item.key, stage]
        wait = next(waits, None)
        if wait is None:
            self._end(hand, otherwise)
        else:
            self._desk.after(wait, partial(self._queue_verify, hand, stage, waits))

    def _id_of(self, hand: _Hand) -> str:
        deletes = hand.left and hand.left[0].kind == "delete"
        return hand.item.live_id if deletes else self._ids.get(hand.item.key, hand.item.live_id)

    # ── Ends ──

    def _end(self, hand: _Hand, result: ItemResult) -> None:
        if not hand.ended:
            hand.ended = True
            self._creating[hand.namesake] = 0
            self._unsent.difference_update(write.n for write in hand.left)
            self._results.append(result)

    def _succeeded(self, hand: _Hand, compared: Comparison) -> ItemResult:
        rewritten = compared.paths if compared.finding is Finding.REWRITTEN else ()
        return ItemResult(
            key=hand.item.key,
            state=ItemState.SUCCEEDED,
            action=hand.item.action.value,
            reason="rewritten" if rewritten else "",
            message=f"The service keeps it differently in {', '.join(rewritten)}."[:600] if rewritten else "",
            before_digest="" if hand.item.expects == ABSENT else hand.item.expects,
            after_digest=compared.digest,
            details={
                "id": self._id_of(hand),
                "writes": len(hand.writes),
                **({"preimage": hand.preimage} if hand.preimage else {}),
                **({"differences": list(rewritten)} if rewritten else {}),
            },
        )

    def _not_attempted(self, hand: _Hand, needed: str) -> ItemResult:
        name = self._items[needed].name
        if hand.begun:
            return _failed(hand, "needs_failed", f"It is not complete: it needs “{name}”, which failed.")
        return ItemResult(
            key=hand.item.key,
            state=ItemState.SKIPPED,
            action=hand.item.action.value,
            reason="needs_failed",
            message=f"Not attempted: it needs “{name}”, which failed."[:600],
        )

    def _concerns_run(self, error: AtlasError) -> bool:
        """Whether the error ends the work on all items; it is kept, and raised when nothing is under way."""
        if isinstance(error, Cancelled):
            return True
        if not (puts_aside(error) or error.stops_run):
            return False
        self._trouble = self._trouble or error
        return True

    def _stopped(self) -> Iterator[ItemResult]:
        """What a stop leaves in the middle. A process that stops goes on later; a person's stop is final."""
        asked = OperationRun.objects.filter(pk=self._ctx.run.pk).exclude(cancel_asked_at=None)
        if not asked.exists():
            return
        for hand in self._hands.values():
            if hand.ended or not hand.begun:
                continue
            if hand.unsettled or any(write.n in self._under_way for write in hand.left):
                yield _stopped_unknown(hand)
            else:
                yield _stopped_between(hand)

    def _sweep(self) -> None:
        """Look once more for what lost answers may have made besides ours, and say so."""
        found: list[dict[str, str]] = []
        for record in self._lost:
            hand = self._hands[record.item]
            write = next(each for each in hand.writes if each.n == record.n)
            try:
                twins = self._lost_create(write, hand, record).find(
                    self._client, self._listings, ours=self._ours()
                )
            except AtlasError as error:
                self._ctx.mark_incomplete("not_swept", f"Late twins could not be looked for: {error.message}")
                continue
            found += [{"item": record.item, "id": twin, "name": hand.item.name} for twin in twins]
        if found:
            known = {each["id"]: each for each in [*self._restore.late_twins, *found]}
            Restore.objects.filter(pk=self._restore.pk).update(late_twins=list(known.values()))
            names = ", ".join(f"{each['name']} ({each['id']})" for each in found)
            self._ctx.mark_incomplete("late_twin", f"A lost answer made something twice: {names}."[:600])


def _may_have_happened(record: WriteRecord) -> bool:
    """Whether the object may have been touched by this attempt."""
    never = (WriteResult.AGAIN, WriteResult.NEEDLESS)
    return record.state != WriteState.INTENDED and record.result not in never


def _made_id(write: PlannedWrite, reply: WriteReply) -> str:
    """The id of what a create made; "" where the answer does not say."""
    if write.kind != "create" or reply.error is not None or not reply.body:
        return ""
    try:
        body = json.loads(reply.body)
    except json.BadJson:
        return ""
    found = body.get("id") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""


def _failed(hand: _Hand, reason: str, message: str, *, hint: str = "", **more: Json) -> ItemResult:
    return ItemResult(
        key=hand.item.key,
        state=ItemState.FAILED,
        action=hand.item.action.value,
        reason=reason,
        message=message[:600],
        hint=hint,
        before_digest="" if hand.item.expects == ABSENT else hand.item.expects,
        details=more or None,
    )


def _changed(hand: _Hand, message: str, *, after: str = "") -> ItemResult:
    result = _failed(hand, "changed_since_preview", message, hint="Preview it again.")
    return replace(result, after_digest=after)


def _differs(hand: _Hand, compared: Comparison) -> ItemResult:
    where = ", ".join(compared.paths) or "its contents"
    message = f"What was read back is not what was written: {where}."
    return _failed(hand, "differs", message, differences=list(compared.paths))


def _unverified(hand: _Hand, error: AtlasError) -> ItemResult:
    return _failed(hand, "unverified", f"It could not be read back: {error.message}")


def _never_answered(hand: _Hand, record: WriteRecord) -> ItemResult:
    message = f"No answer told what became of {record.method} {record.path}, and nothing shows it."
    return replace(_failed(hand, "no_answer", message), state=ItemState.UNKNOWN)


def _refused_before(hand: _Hand, record: WriteRecord) -> ItemResult:
    return _failed(hand, record.code or "rejected", record.message or "Microsoft Graph refused the write.")


def _ambiguous(hand: _Hand, ids: Iterable[str]) -> ItemResult:
    listed = ", ".join(ids)
    message = "An answer was lost, and more than one object may be what it made"
    result = _failed(hand, "ambiguous", f"{message}: {listed}." if listed else f"{message}.")
    return replace(result, state=ItemState.NEEDS_DECISION)


def _needs_approval(hand: _Hand, error: AtlasError) -> ItemResult:
    hint = "Ask for the approval in the admin center, then preview again."
    result = _failed(hand, "approval", error.message, hint=hint)
    return replace(result, state=ItemState.NEEDS_DECISION)


def _stopped_unknown(hand: _Hand) -> ItemResult:
    message = "The run was stopped before it was known what became of a write."
    return replace(_failed(hand, "stopped", message), state=ItemState.UNKNOWN)


def _stopped_between(hand: _Hand) -> ItemResult:
    message = f"The run was stopped after {len(hand.done)} of {len(hand.writes)} writes."
    return _failed(hand, "stopped", message, hint="Preview again to see what is left.")
