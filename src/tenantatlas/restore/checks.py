"""Looking at the tenant right before a write.

update, recreate    the live object is still as the preview saw it; what it is now is stored, for undo
create              the ids of that type and name; one that the preview did not see stops the item
some steps          is it needed at all? (Graph refuses to set a priority to its value)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tenantatlas.backups.services import store_document
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.policies import Row
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.runs.registry import failed_item

from .hands import Hand, changed, failed
from .journal import unsettled_creates, why_unsettled
from .match import same_name
from .models import RestoreItem
from .planned import UNSETTLED, PlannedWrite, fill_body, fill_placeholders
from .settle import is_gone
from .verify import is_needless
from .work import Outcome, Work

_FRESH_SECONDS = 5.0
_BEFORE_SET_SECONDS = 60.0


class Checks:
    """Looks, and ends the items whose ground has moved."""

    def __init__(self, work: Work, *, needless: Callable[[PlannedWrite, Hand], None]) -> None:
        self._work = work
        self._needless = needless
        self._unsettled = unsettled_creates(besides=work.ctx.run.pk)

    def is_unmoved(self, hand: Hand) -> bool:
        """Whether the live object was seen, a few seconds ago at most, as the preview saw it."""
        if hand.seen_at is not None and clock.monotonic() - hand.seen_at <= _FRESH_SECONDS:
            return True
        if not hand.looking:
            hand.looking = True
            self._work.read_one(hand, then=partial(self._seen, hand))
        return False

    def _seen(self, hand: Hand, outcome: Outcome) -> None:
        hand.looking = False
        if hand.ended or hand.begun:
            return
        if isinstance(outcome, AtlasError):
            self._not_seen(hand, outcome)
            return
        found = digest(hand.policy_type, compose(hand.policy_type, outcome))
        if found != hand.item.expects:
            message = "It was changed in the tenant since the preview."
            self._work.end(hand, changed(hand, message, after=found))
            return
        if hand.preimage is None:
            self._keep(hand, outcome)
        hand.seen_at = clock.monotonic()

    def _keep(self, hand: Hand, outcome: Outcome) -> None:
        """Store what the object is now, as a version like any other."""
        if isinstance(outcome, AtlasError):
            return
        work = self._work
        version, _ = store_document(
            work.ctx.tenant, hand.policy_type, outcome, run=work.ctx.run, reason="restore"
        )
        RestoreItem.objects.filter(restore=work.restore, key=hand.item.key).update(preimage=version)
        hand.preimage = version.pk

    def _not_seen(self, hand: Hand, error: AtlasError) -> None:
        if is_gone(error):
            self._work.end(hand, changed(hand, "It was deleted in the tenant since the preview."))
        else:
            self._work.end(hand, failed_item(hand.item.key, error))

    def has_before_set(self, hand: Hand, *, in_turn: bool) -> bool:
        """Whether it is known which objects had its name just before. Namesakes are created one by one.

        What was seen ahead of its turn is looked at again in its turn, where it has waited for long.
        """
        work = self._work
        if not work.may_create(hand):
            return False
        until = self._unsettled.get(hand.item.key)
        if until is not None and not hand.begun and clock.now() < until:
            work.end(hand, failed(hand, UNSETTLED, why_unsettled(until)))
            return False
        asked = clock.monotonic()
        limit = max(asked - _BEFORE_SET_SECONDS, work.created_at.get(hand.namesake, float("-inf")))
        if hand.before is not None and (hand.begun or not in_turn or self._is_current(hand, limit)):
            return True
        if not hand.looking:
            hand.looking = True
            work.desk.read(
                partial(work.listings.whole, hand.policy_type, since=limit),
                then=partial(self._before_known, hand, asked),
            )
        return False

    def _is_current(self, hand: Hand, limit: float) -> bool:
        """Whether its before set is of a minute ago at most, and of after the last create of its name."""
        last_create = self._work.created_at.get(hand.namesake, float("-inf"))
        return hand.before_seen >= limit and hand.before_asked >= last_create

    def _before_known(self, hand: Hand, asked: float, result: dict[str, Row] | AtlasError) -> None:
        hand.looking = False
        work = self._work
        if hand.ended:
            return
        if isinstance(result, AtlasError):
            if not work.concerns_run(result):
                work.end(hand, failed_item(hand.item.key, result))
            return
        rows = {graph_id: row.body for graph_id, row in result.items()}
        named = set(same_name(hand.policy_type, hand.item.wanted, rows))
        strangers = named - set(hand.item.beside) - work.ours() - {hand.item.live_id}
        if strangers and not hand.begun:
            work.end(hand, changed(hand, "A policy of its name was made in the tenant since the preview."))
        else:
            hand.before, hand.before_asked, hand.before_seen = frozenset(named), asked, clock.monotonic()

    def is_needed(self, write: PlannedWrite, hand: Hand) -> bool:
        """Whether the write brings anything; asked in its turn: the one before may have decided it."""
        if not write.unless or write.n in hand.needed:
            return True
        if not hand.looking:
            hand.looking = True
            self._work.read_one(hand, then=partial(self._need_known, write, hand))
        return False

    def _need_known(self, write: PlannedWrite, hand: Hand, outcome: Outcome) -> None:
        hand.looking = False
        work = self._work
        unless = fill_body(dict(write.unless), work.ids)
        if isinstance(outcome, AtlasError) or not is_needless(unless, compose(hand.policy_type, outcome)):
            hand.needed.add(write.n)
            return
        work.journal.skip(write, path=fill_placeholders(write.path, work.ids))
        self._needless(write, hand)
