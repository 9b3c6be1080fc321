"""What all parts of one execution share: the journal, the threads, the ids that were made, the results."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Cancelled
from tenantatlas.core.json import Json
from tenantatlas.graph.client import GraphClient
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.document import Document
from tenantatlas.runs.registry import ItemResult, RunContext, puts_aside

from .desk import Desk
from .hands import Hand
from .journal import Journal
from .models import Restore
from .planned import fill_body
from .settle import Listings, read_live
from .verify import Comparison, compare
from .world import RestoreKind

#: What reading one policy gives.
Outcome = Document | AtlasError


@dataclass
class Work:
    """The shared state of one execution; used by the thread that takes its results."""

    ctx: RunContext
    restore: Restore
    client: GraphClient
    journal: Journal
    listings: Listings
    desk: Desk
    #: item key → the id that was made for it
    ids: dict[str, str] = field(default_factory=dict)
    #: name → the policy whose create under it is on its way: an object that appears may be its
    creating: dict[tuple[str, str], str] = field(default_factory=dict)
    #: name → when the last create under it ended (monotonic)
    created_at: dict[tuple[str, str], float] = field(default_factory=dict)
    #: how often each write has been tried
    attempts: Counter[int] = field(default_factory=Counter)
    results: deque[ItemResult] = field(default_factory=deque)
    trouble: AtlasError | None = None
    stopping: bool = False

    def end(self, hand: Hand, result: ItemResult) -> None:
        """The policy has its result; the first one counts."""
        if not hand.ended:
            hand.ended = True
            self.end_create(hand)
            self.results.append(result)

    def begin_create(self, hand: Hand) -> None:
        """Its create goes out: no other of its name until it has ended."""
        self.creating.setdefault(hand.namesake, hand.item.key)

    def end_create(self, hand: Hand) -> None:
        """What became of its create is known, if it was on its way."""
        if self.creating.get(hand.namesake) == hand.item.key:
            del self.creating[hand.namesake]
            self.created_at[hand.namesake] = clock.monotonic()

    def may_create(self, hand: Hand) -> bool:
        """Whether no create of another policy of its name is on its way."""
        return self.creating.get(hand.namesake, hand.item.key) == hand.item.key

    def concerns_run(self, error: AtlasError) -> bool:
        """Whether the error ends the work on all items; it is kept, and raised when nothing is under way."""
        if isinstance(error, Cancelled):
            return True
        if not (puts_aside(error) or error.stops_run):
            return False
        self.trouble = self.trouble or error
        return True

    def ours(self) -> set[str]:
        """The ids that this restore made."""
        return set(self.ids.values())

    def id_of(self, hand: Hand) -> str:
        """The id of the object that its next write is about."""
        left = hand.left
        deletes = bool(left) and left[0].kind == "delete"
        return hand.item.live_id if deletes else self.ids.get(hand.item.key, hand.item.live_id)

    def wanted(self, hand: Hand) -> Json:
        """The body to end with, ids filled in."""
        return fill_body(hand.item.wanted, self.ids)

    def compare(self, hand: Hand, document: Document, *, besides: Iterable[str] = ()) -> Comparison:
        """What was read, beside the promise."""
        live = compose(hand.policy_type, document)
        enabling = self.restore.kind == RestoreKind.ENABLE
        return compare(
            hand.policy_type, wanted=self.wanted(hand), live=live, besides=besides, strictly=enabling
        )

    def read_one(self, hand: Hand, *, then: Callable[[Outcome], None]) -> None:
        """Read the policy as it is now; an error that ends all work is taken care of."""
        graph_id = self.id_of(hand)

        def answered(result: dict[str, Outcome] | AtlasError) -> None:
            outcome = result if isinstance(result, AtlasError) else result[graph_id]
            if not (isinstance(outcome, AtlasError) and self.concerns_run(outcome)):
                then(outcome)

        self.desk.read(
            partial(read_live, self.client, self.listings, hand.policy_type, [graph_id]), then=answered
        )
