"""Executing a plan: its writes and no others, in its order, each create once, everything read back.

    policy      before set · live digest ─► write ─► … ─► made ─► verified ─► assigned ─► verified ─► ended
    one write   intended ─► sent ─► known ─► recorded
                              └───► unknown ─► settled (see settle.py)

Writes start strictly in the order of the plan: the gate opens when the one before has been handed to the
socket. They end in any order. What a failed policy was needed for is not attempted. After a crash the journal
says where each write is; one that was sent is settled before anything else happens with it.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from tenantatlas.core import clock, json
from tenantatlas.core.errors import AtlasError, Cancelled, Overdue
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.values import WriteReply
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import ItemResult, RunContext, failed_item

from .checks import Checks
from .desk import Desk
from .hands import (
    Hand,
    ambiguous,
    left_out,
    needs_approval,
    not_attempted,
    refused_before,
    stopped_between,
    stopped_unknown,
)
from .journal import Journal
from .lost import LostAnswers
from .models import Restore, WriteRecord, WriteResult, WriteState
from .planned import ABSENT, WRITING, Plan, PlannedWrite, fill_bytes, fill_placeholders
from .readback import ReadBack
from .settle import Listings, growing_waits, settle_window
from .work import Work
from .world import PLACEHOLDER_MARK, RestoreKind

_AHEAD = 8
_MOST_WRITING = 20
_MOST_THROTTLES = 10
_MOST_CONFLICTS = 3
_LAST_VERIFIES_SECONDS = 8.0
_NOT_FOUND = 404
_TRANSIENT = frozenset({409, 423})
#: Conditional access: what it names was just made and is not known everywhere yet.
_PROPAGATING = re.compile(r"\b1040\b")


class Execution:
    """One execution of a plan, for these of its items."""

    def __init__(
        self, ctx: RunContext, *, restore: Restore, plan: Plan, keys: Iterable[str], client: GraphClient
    ) -> None:
        self._ctx = ctx
        self._items = {item.key: item for item in plan.items}
        self._keys = list(keys)
        self._hands = _take_in_hand(plan, self._keys)
        self._order = [write for write in plan.writes if write.item in self._hands]
        self._owner = {write.n: write.item for write in plan.writes}
        self._succeeded_before = set(ctx.items(ItemState.SUCCEEDED).values_list("key", flat=True))
        self._position = 0
        self._done: set[int] = set()
        self._taken_up: set[int] = set()
        self._under_way: set[int] = set()
        self._unsent: set[int] = set()
        self._serial: set[str] = set()
        self._again: deque[PlannedWrite] = deque()
        self._stopped_at = 0.0
        self._work = Work(
            ctx=ctx,
            restore=restore,
            client=client,
            journal=Journal(restore=restore, run=ctx.run, dispatch=ctx.dispatch),
            listings=Listings(client),
            desk=Desk(stop=self._gives_up),
        )
        self._checks = Checks(self._work, needless=self._write_done)
        self._lost = LostAnswers(self._work, done=self._write_done, again=self._send_again)
        self._back = ReadBack(self._work, writes_go_on=self._writes_go_on)

    # ── The course of it ──

    def results(self) -> Iterator[ItemResult]:
        """Each item's result as it is known. Items that were not begun when the run stops have none."""
        work = self._work
        for key in self._keys:
            if key not in self._hands:
                takes_back = work.restore.kind == RestoreKind.UNDO
                yield left_out(self._items[key], restore=work.restore.pk, takes_back=takes_back)
        with work.desk:
            self._resume()
            while self._goes_on():
                self._look()
                self._advance()
                self._back.read_some()
                yield from self._take_results()
                if not work.desk.idle:
                    work.desk.turn()
                elif self._goes_on() and not (work.results or work.stopping):
                    raise RuntimeError("an execution waits for nothing")
            yield from self._take_results()
            if work.trouble is not None:
                raise work.trouble
            if work.stopping:
                yield from self._stopped()
            self._lost.sweep()

    def _goes_on(self) -> bool:
        work = self._work
        if work.trouble is not None:
            return bool(work.desk.writing)
        if work.stopping:
            return bool(work.desk.writing) or self._may_still_verify()
        return any(not hand.ended for hand in self._hands.values())

    def _may_still_verify(self) -> bool:
        """A stop leaves a few seconds to read back what is written."""
        return not self._gives_up() and any(map(self._back.is_last, self._hands.values()))

    def _gives_up(self) -> bool:
        return self._work.stopping and clock.monotonic() > self._stopped_at + _LAST_VERIFIES_SECONDS

    def _look(self) -> None:
        if not self._work.stopping and self._ctx.cancelled():
            self._work.stopping = True
            self._stopped_at = clock.monotonic()

    def _take_results(self) -> Iterator[ItemResult]:
        while self._work.results:
            yield self._work.results.popleft()

    def _stopped(self) -> Iterator[ItemResult]:
        """What a stop leaves in the middle. A process that stops goes on later; a person's stop is final."""
        asked = OperationRun.objects.filter(pk=self._ctx.run.pk).exclude(cancel_asked_at=None)
        if not asked.exists():
            return
        for hand in self._hands.values():
            if not hand.ended and hand.begun:
                yield stopped_unknown(hand) if hand.unsettled else stopped_between(hand)

    # ── After a crash ──

    def _resume(self) -> None:
        """Take up what the journal of this run knows."""
        by_n = {write.n: write for write in self._order}
        self._remember_lost(by_n)
        for n, record in self._work.journal.latest().items():
            self._work.attempts[n] = record.attempt
            if record.is_done:
                self._done.add(n)
            if record.graph_id and record.kind == "create":
                self._work.ids[record.item] = record.graph_id
            if n in by_n:
                self._take_up(by_n[n], self._hands[by_n[n].item], record)
        for hand in self._hands.values():
            if hand.begun:
                self._back.follow(hand)

    def _remember_lost(self, by_n: Mapping[int, PlannedWrite]) -> None:
        """What lost its answer may have left something, whatever came after it."""
        for record in self._work.journal.lost():
            if record.n in by_n:
                hand = self._hands[record.item]
                hand.touched = hand.begun = True
                hand.before = frozenset(record.before) if record.kind == "create" else hand.before
                self._lost.note(by_n[record.n], hand, record)

    def _take_up(self, write: PlannedWrite, hand: Hand, record: WriteRecord) -> None:
        """Go on with a write where an earlier worker left it: one that was sent is settled first."""
        if _may_have_happened(record):
            hand.begun = True
            hand.before = frozenset(record.before) if write.kind == "create" else hand.before
        if record.is_done:
            hand.done.add(write.n)
        elif record.state in (WriteState.SENT, WriteState.UNKNOWN):
            self._taken_up.add(write.n)
            if record.state == WriteState.SENT:
                self._unsent.add(write.n)
            self._lost.settle(write, hand, record)
        elif record.result == WriteResult.REFUSED:
            self._work.end(hand, refused_before(hand, record))
        elif record.result == WriteResult.AMBIGUOUS:
            self._work.end(hand, ambiguous(hand, ()))
        else:
            self._lost.end_if_given_up(write, hand, record)

    # ── Whose turn it is ──

    def _advance(self) -> None:
        """Start every write whose turn it is, and look ahead for the next ones."""
        if self._work.stopping or self._work.trouble is not None:
            return
        for _ in range(len(self._again)):
            write = self._again.popleft()
            if not self._try_start(write):
                self._again.append(write)
        while self._position < len(self._order):
            write = self._order[self._position]
            if write.n not in self._taken_up and not self._try_start(write):
                break
            self._position += 1
        for write in self._order[self._position : self._position + _AHEAD]:
            hand = self._hands[write.item]
            if not hand.is_over(write):
                self._has_looked(write, hand, in_turn=False)

    def _try_start(self, write: PlannedWrite) -> bool:
        """Start the write if all is ready for it; True also where it is over without having been sent."""
        hand = self._hands[write.item]
        if hand.is_over(write):
            self._unsent.discard(write.n)
            return True
        if not self._gate_is_open(write):
            return False
        dead = self._dead_need(write)
        if dead:
            self._work.end(hand, not_attempted(hand, needed=self._items[dead].name))
            return True
        ready = self._needs_met(write, hand) and self._has_looked(write, hand, in_turn=True)
        if not (ready and self._checks.is_needed(write, hand)):
            return hand.is_over(write)
        self._start(write, hand)
        return True

    def _gate_is_open(self, write: PlannedWrite) -> bool:
        """No write before this one may still be on its way to the socket, or may never have got there."""
        unsent = [n for n in self._unsent if not self._hands[self._owner[n]].ended]
        if write.n > min(unsent, default=write.n) or write.serial in self._serial:
            return False
        return write.n not in self._under_way and self._work.desk.writing < _MOST_WRITING

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

    def _needs_met(self, write: PlannedWrite, hand: Hand) -> bool:
        """All that it depends on is written, and what belongs to others has been verified."""
        for n in write.depends_on:
            other = self._hands.get(self._owner[n], hand)
            if n not in self._done or not (other is hand or other.verified):
                return False
        return not (write.kind == "assign" and hand.making and not hand.verified)

    def _has_looked(self, write: PlannedWrite, hand: Hand, *, in_turn: bool) -> bool:
        """Whether what has to be seen before the write has been; begins to look."""
        if not hand.begun and write.expects not in ("", ABSENT) and not self._checks.is_unmoved(hand):
            return False
        return write.kind != "create" or self._checks.has_before_set(hand, in_turn=in_turn)

    def _writes_go_on(self, family: str) -> bool:
        """Whether more writes of the family follow in this phase, and nothing has to be verified first."""
        if self._work.stopping or self._position >= len(self._order):
            return False
        current = self._order[self._position]
        if not self._needs_met(current, self._hands[current.item]):
            return False
        rest = itertools.islice(self._order, self._position, None)
        phase = itertools.takewhile(lambda write: write.phase == current.phase, rest)
        return any(write.family == family for write in phase)

    # ── Sending ──

    def _start(self, write: PlannedWrite, hand: Hand) -> None:
        work = self._work
        path, body = fill_placeholders(write.path, work.ids), fill_bytes(write.body, work.ids)
        if PLACEHOLDER_MARK in path:
            raise RuntimeError(f"write {write.n} has no id to go to")
        if write.kind == "assign":
            self._ctx.crash_point("assign")
        attempt = work.attempts[write.n] + 1
        record = work.journal.intend(write, path=path, body=body, before=hand.before or (), attempt=attempt)
        self._ctx.crash_point("intent")
        work.journal.mark_sent(record)
        not_after = clock.monotonic() + settle_window(hand.policy_type) / 2
        work.attempts[write.n] = attempt
        hand.begun = True
        if write.kind == "create":
            work.begin_create(hand)
        self._unsent.add(write.n)
        self._under_way.add(write.n)
        if write.serial:
            self._serial.add(write.serial)
        work.desk.write(
            partial(self._send, write, record, path, body, not_after),
            then=partial(self._answered, write, hand, record),
        )

    def _send(
        self, write: PlannedWrite, record: WriteRecord, path: str, body: bytes | None, not_after: float
    ) -> WriteReply:
        """Not after half the time that whoever takes over waits before it sends: a frozen worker may wake."""
        return self._work.client.write(
            write.method,
            path,
            body,
            family=write.family,
            request_id=record.client_request_id,
            on_sent=lambda: self._work.desk.tell(partial(self._was_sent, write)),
            not_after=not_after,
        )

    def _was_sent(self, write: PlannedWrite) -> None:
        self._unsent.discard(write.n)
        self._ctx.crash_point("sent")

    # ── Answers ──

    def _answered(
        self, write: PlannedWrite, hand: Hand, record: WriteRecord, result: WriteReply | AtlasError
    ) -> None:
        self._under_way.discard(write.n)
        self._serial.discard(write.serial)
        if isinstance(result, AtlasError):
            self._never_sent(write, hand, record, result)
            return
        if result.status or not result.known:
            self._unsent.discard(write.n)
        self._ctx.crash_point("reply")
        made = _made_id(write, result)
        journal = self._work.journal
        if not result.known or (result.error is None and write.kind == "create" and not made):
            journal.mark_unknown(record, result)
            self._ctx.crash_point("recorded")
            self._lost.settle(write, hand, record)
        elif result.error is None or self._is_gone_already(write, result):
            journal.mark_known(record, result, result=WriteResult.APPLIED, graph_id=made)
            self._ctx.crash_point("recorded")
            if made:
                self._work.ids[write.item] = made
            self._write_done(write, hand)
        else:
            self._refused(write, hand, record, result)

    def _is_gone_already(self, write: PlannedWrite, reply: WriteReply) -> bool:
        again = self._work.attempts[write.n] > 1
        return again and write.method == "DELETE" and reply.status == _NOT_FOUND

    def _never_sent(self, write: PlannedWrite, hand: Hand, record: WriteRecord, error: AtlasError) -> None:
        overdue = isinstance(error, Overdue)
        if overdue or isinstance(error, Cancelled) or self._work.concerns_run(error):
            self._work.journal.mark_not_sent(record, error, result=WriteResult.AGAIN)
            hand.not_touched()
            if overdue:
                self._again.append(write)
            return
        self._work.journal.mark_not_sent(record, error, result=WriteResult.REFUSED)
        self._work.end(hand, failed_item(hand.item.key, error))

    def _refused(self, write: PlannedWrite, hand: Hand, record: WriteRecord, reply: WriteReply) -> None:
        error = reply.error or AtlasError()
        patience = self._patience(write, hand, reply)
        result = WriteResult.REFUSED if patience is None else WriteResult.AGAIN
        self._work.journal.mark_known(record, reply, result=result, graph_id="")
        self._ctx.crash_point("recorded")
        if patience is not None:
            hand.not_touched()
            self._repeat(write, after=patience)
        elif error.details.get("approval_code"):
            self._work.end(hand, needs_approval(hand, error.message))
        else:
            after = hand.made if write.kind == "assign" else ""
            self._work.end(hand, replace(failed_item(hand.item.key, error), after_digest=after))

    def _patience(self, write: PlannedWrite, hand: Hand, reply: WriteReply) -> float | None:
        """After how many seconds a refused write goes again; None where it does not."""
        attempt = self._work.attempts[write.n]
        if reply.again:
            return 0.0 if attempt <= _MOST_THROTTLES else None
        waits = list(growing_waits(settle_window(hand.policy_type)))
        if attempt > len(waits):
            return None
        below = write.kind not in ("create", "delete")
        not_there_yet = hand.making and below and reply.status == _NOT_FOUND
        propagating = reply.error is not None and bool(_PROPAGATING.search(reply.error.message))
        busy = bool(write.serial) and reply.status in _TRANSIENT and attempt <= _MOST_CONFLICTS
        return waits[attempt - 1] if not_there_yet or propagating or busy else None

    def _repeat(self, write: PlannedWrite, *, after: float) -> None:
        if after:
            self._work.desk.after(after, partial(self._again.append, write))
        else:
            self._again.append(write)

    def _send_again(self, write: PlannedWrite, hand: Hand) -> None:
        self._again.append(write)
        self._back.follow(hand)

    def _write_done(self, write: PlannedWrite, hand: Hand) -> None:
        """The write has had its effect."""
        if write.kind == "create":
            self._work.end_create(hand)
        self._unsent.discard(write.n)
        self._done.add(write.n)
        hand.done.add(write.n)
        self._back.follow(hand)


def _take_in_hand(plan: Plan, keys: Iterable[str]) -> dict[str, Hand]:
    """The policies of these keys that the plan writes."""
    chosen = set(keys)
    writes: dict[str, list[PlannedWrite]] = {}
    for write in plan.writes:
        writes.setdefault(write.item, []).append(write)
    return {
        item.key: Hand(item=item, policy_type=get_type(item.type_key), writes=tuple(writes.get(item.key, ())))
        for item in plan.items
        if item.key in chosen and item.action in WRITING
    }


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
