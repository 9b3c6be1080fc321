"""Lost answers: settling what became of a write, and looking for late twins. settle.py has the rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tenantatlas.core import json
from tenantatlas.core.errors import AtlasError
from tenantatlas.core.json import Json

from .hands import Hand, ambiguous, never_answered, never_looked_for
from .models import Restore, WriteRecord, WriteResult, WriteState
from .planned import PlannedWrite, fill_bytes, fill_placeholders
from .settle import Looks, LostChild, LostCreate, is_gone, settle_window
from .verify import Finding
from .work import Outcome, Work

#: So many answers to one write may be lost before it is given up. A refusal, as of a budget, is an answer.
_MOST_LOST = 4
_MOST_LOST_CREATES = 2


class LostAnswers:
    """Settles writes: `done` is called for those that had their effect, `again` for those to send again."""

    def __init__(
        self,
        work: Work,
        *,
        done: Callable[[PlannedWrite, Hand], None],
        again: Callable[[PlannedWrite, Hand], None],
    ) -> None:
        self._work = work
        self._done = done
        self._again = again
        self._settled: list[tuple[PlannedWrite, Hand, WriteRecord]] = []

    def settle(self, write: PlannedWrite, hand: Hand, record: WriteRecord) -> None:
        """Find out what became of it, before anything else happens with the policy."""
        hand.unsettled = hand.touched = True
        if write.repeatable:
            self._work.read_one(hand, then=partial(self._was_read_back, write, hand, record))
            return
        if write.kind == "create":
            self._work.begin_create(hand)
        self._look_later(write, hand, record, Looks(settle_window(hand.policy_type)))

    def end_if_given_up(self, write: PlannedWrite, hand: Hand, record: WriteRecord, *, why: str = "") -> bool:
        """End the policy where a write is not sent once more; also what a worker found before it died.

        `why` it could not be looked for is known only to the one who looked.
        """
        if record.state != WriteState.SETTLED or record.is_done:
            return False
        most = _MOST_LOST if write.repeatable else _MOST_LOST_CREATES
        if record.result == WriteResult.UNSEEN and not write.repeatable:
            self._work.end(hand, never_looked_for(hand, record, why=why))
        elif self._work.journal.times_settled(write) >= most:
            self._work.end(hand, never_answered(hand, record))
        else:
            return False
        return True

    def note(self, write: PlannedWrite, hand: Hand, record: WriteRecord) -> None:
        """Remember a create whose answer was lost: it may have made something besides."""
        settled = record.state == WriteState.SETTLED and record.result != WriteResult.AMBIGUOUS
        if record.kind == "create" and settled:
            self._settled.append((write, hand, record))

    # ── Writes that may be repeated: read back, compare, then repeat if needed ──

    def _was_read_back(self, write: PlannedWrite, hand: Hand, record: WriteRecord, outcome: Outcome) -> None:
        hand.unsettled = False
        journal = self._work.journal
        if self._has_had_effect(write, hand, outcome):
            journal.settle(record, result=WriteResult.APPLIED)
            self._done(write, hand)
            return
        unseen = isinstance(outcome, AtlasError)
        journal.settle(record, result=WriteResult.UNSEEN if unseen else WriteResult.AGAIN)
        self._work.ctx.crash_point("settled")
        if not self.end_if_given_up(write, hand, record):
            self._again(write, hand)

    def _has_had_effect(self, write: PlannedWrite, hand: Hand, outcome: Outcome) -> bool:
        if isinstance(outcome, AtlasError):
            return write.kind == "delete" and is_gone(outcome)
        if write.kind == "delete" or len(hand.left) > 1:
            return False
        return self._work.compare(hand, outcome).finding is not Finding.DIFFERS

    # ── Writes that would make something twice: look for it ──

    def _look_later(self, write: PlannedWrite, hand: Hand, record: WriteRecord, looks: Looks) -> None:
        wait = looks.next_wait()
        if wait is None:
            self._give_up(write, hand, record, looks)
        else:
            self._work.desk.after(wait, partial(self._look, write, hand, record, looks))

    def _look(self, write: PlannedWrite, hand: Hand, record: WriteRecord, looks: Looks) -> None:
        work = self._work
        if work.stopping:
            return
        if write.kind == "create":
            find = partial(
                self._create(write, hand, record).find, work.client, work.listings, ours=work.ours()
            )
        else:
            find = partial(self._child(write).find, work.client)
        work.desk.read(find, then=partial(self._looked, write, hand, record, looks))

    def _create(self, write: PlannedWrite, hand: Hand, record: WriteRecord) -> LostCreate:
        return LostCreate(
            policy_type=hand.policy_type,
            wanted=self._work.wanted(hand),
            sent=self._body(write),
            before=frozenset(record.before),
            sent_at=record.sent_at or record.intended_at,
        )

    def _child(self, write: PlannedWrite) -> LostChild:
        return LostChild(
            path=fill_placeholders(write.twin_path, self._work.ids),
            family=write.family,
            by=write.twin_by,
            sent=self._body(write),
        )

    def _body(self, write: PlannedWrite) -> Json:
        return json.loads(fill_bytes(write.body, self._work.ids) or b"{}")

    def _looked(
        self,
        write: PlannedWrite,
        hand: Hand,
        record: WriteRecord,
        looks: Looks,
        result: tuple[str, ...] | AtlasError,
    ) -> None:
        if isinstance(result, AtlasError):
            if not self._work.concerns_run(result):
                looks.trouble = result
                self._look_later(write, hand, record, looks)
            return
        looks.trouble = None
        if write.kind == "create":
            result = tuple(graph_id for graph_id in result if graph_id not in self._work.ours())
        if not result:
            self._look_later(write, hand, record, looks)
        elif len(result) == 1 or write.kind != "create":
            self._adopt(write, hand, record, result[0])
        else:
            hand.unsettled = False
            self._work.journal.settle(record, result=WriteResult.AMBIGUOUS)
            self._work.end(hand, ambiguous(hand, result))

    def _adopt(self, write: PlannedWrite, hand: Hand, record: WriteRecord, graph_id: str) -> None:
        made = graph_id if write.kind == "create" else ""
        hand.unsettled = False
        self._work.journal.settle(record, result=WriteResult.ADOPTED, graph_id=made)
        self.note(write, hand, record)
        if made:
            self._work.ids[write.item] = made
        self._done(write, hand)

    def _give_up(self, write: PlannedWrite, hand: Hand, record: WriteRecord, looks: Looks) -> None:
        """Nothing shows it after W: it was not applied; one more attempt. Where nobody could look: none."""
        hand.unsettled = False
        trouble = looks.trouble
        self._work.journal.settle(record, result=WriteResult.UNSEEN if trouble else WriteResult.ABSENT)
        self._work.ctx.crash_point("settled")
        self.note(write, hand, record)
        if not self.end_if_given_up(write, hand, record, why=trouble.message if trouble else ""):
            self._again(write, hand)

    # ── At the end ──

    def sweep(self) -> None:
        """Look once more for what lost answers may have made besides ours, and say so."""
        work = self._work
        found: dict[str, dict[str, str]] = {}
        for write, hand, record in self._settled:
            try:
                twins = self._create(write, hand, record).find(work.client, work.listings, ours=work.ours())
            except AtlasError as error:
                work.ctx.mark_incomplete("not_swept", f"Late twins could not be looked for: {error.message}")
                continue
            found |= {twin: {"item": record.item, "id": twin, "name": hand.item.name} for twin in twins}
        if found:
            known = {each["id"]: each for each in work.restore.late_twins} | found
            Restore.objects.filter(pk=work.restore.pk).update(late_twins=list(known.values()))
            names = ", ".join(f"{each['name']} ({each['id']})" for each in found.values())
            work.ctx.mark_incomplete("late_twin", f"A lost answer made something twice: {names}."[:600])
