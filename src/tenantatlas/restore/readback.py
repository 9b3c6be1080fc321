"""Reading back what was written, many policies at a time.

    made     everything but the assignments is written: as promised so far? Only then is it assigned
    whole    everything is written: as promised?

What is read may be old, so a difference is looked at again, with growing waits up to W; then it is a failure.
In a family that takes one request at a time, reading back waits for the writes: one list then serves all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial

from tenantatlas.core.errors import AtlasError
from tenantatlas.graph.limits import family_named
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.registry import ItemResult

from .hands import Hand, differs, removed, still_there, succeeded, unverified
from .settle import growing_waits, is_gone, read_live, settle_window
from .verify import Finding
from .work import Outcome, Work

_AT_ONCE = 20
_SIDE_BY_SIDE = 2

_MADE, _WHOLE = "made", "whole"


class ReadBack:
    """Verifies policies, and ends those that are as promised, or never will be."""

    def __init__(self, work: Work, *, writes_go_on: Callable[[str], bool]) -> None:
        self._work = work
        self._writes_go_on = writes_go_on
        self._waiting: dict[str, deque[tuple[Hand, str]]] = {}
        self._reading: Counter[str] = Counter()
        self._waits: dict[tuple[str, str], Iterator[float]] = {}

    def follow(self, hand: Hand) -> None:
        """A write of this policy has had its effect: verify what can be verified now."""
        if hand.ended or hand.unsettled or not hand.done:
            return
        if not hand.left:
            self._begin(hand, _WHOLE)
        elif hand.making and hand.is_made and not hand.verified:
            self._begin(hand, _MADE)

    def is_last(self, hand: Hand) -> bool:
        """Whether nothing but this verification keeps the policy from its end."""
        return bool(hand.verifying) and not hand.ended and not hand.left

    def _begin(self, hand: Hand, stage: str) -> None:
        if hand.verifying != stage:
            hand.verifying = stage
            self._waits[hand.item.key, stage] = growing_waits(settle_window(hand.policy_type))
            self._queue(hand, stage)

    def _queue(self, hand: Hand, stage: str) -> None:
        self._waiting.setdefault(hand.policy_type.key, deque()).append((hand, stage))

    def read_some(self) -> None:
        """Read what waits; while two readings of a type are under way, the next ones gather."""
        for key, waiting in self._waiting.items():
            family = get_type(key).family
            if waiting and family_named(family).serial and self._writes_go_on(family):
                continue
            while waiting and self._reading[key] < _SIDE_BY_SIDE:
                some = [waiting.popleft() for _ in range(min(len(waiting), _AT_ONCE))]
                graph_ids = [self._work.id_of(hand) for hand, _ in some]
                self._reading[key] += 1
                self._work.desk.read(
                    partial(read_live, self._work.client, self._work.listings, get_type(key), graph_ids),
                    then=partial(self._read, key, some),
                )

    def _read(self, key: str, some: list[tuple[Hand, str]], result: dict[str, Outcome] | AtlasError) -> None:
        self._reading[key] -= 1
        if isinstance(result, AtlasError) and self._work.concerns_run(result):
            return
        for hand, stage in some:
            outcome = result if isinstance(result, AtlasError) else result[self._work.id_of(hand)]
            if not hand.ended and hand.verifying == stage:
                self._judge(hand, stage, outcome)

    def _judge(self, hand: Hand, stage: str, outcome: Outcome) -> None:
        work = self._work
        if hand.removing and is_gone(outcome):
            hand.verified = True
            work.end(hand, removed(hand))
            return
        if hand.removing and not isinstance(outcome, AtlasError):
            self._look_again(hand, stage, otherwise=still_there(hand))
            return
        if isinstance(outcome, AtlasError):
            if not work.concerns_run(outcome):
                self._look_again(hand, stage, otherwise=unverified(hand, outcome))
            return
        compared = work.compare(hand, outcome, besides=hand.pending_names() if stage == _MADE else ())
        if compared.finding is Finding.DIFFERS:
            self._look_again(hand, stage, otherwise=differs(hand, compared))
            return
        work.ctx.crash_point("verify")
        hand.verified = True
        if stage == _MADE:
            hand.made = compared.digest
        if stage == _WHOLE:
            work.end(hand, succeeded(hand, compared, graph_id=work.id_of(hand)))

    def _look_again(self, hand: Hand, stage: str, *, otherwise: ItemResult) -> None:
        wait = next(self._waits[hand.item.key, stage], None)
        if wait is None:
            self._work.end(hand, otherwise)
        else:
            self._work.desk.after(wait, partial(self._queue, hand, stage))
