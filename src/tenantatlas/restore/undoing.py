"""Taking a restore back: what may be taken back, and in which order. Pure.

| the restore           | taking it back                                                        |
|-----------------------|-----------------------------------------------------------------------|
| changed the object    | changes it to what it was before; the object stays                    |
| made the object       | removes it, where the tenant allows deletes                           |
| made it again         | changes the new one to what the old one was before                    |
| removed the object    | makes it again, under a new id                                        |
| may have made one     | is for a person: the answer was lost, and the object has no id here   |

An object that is not as the restore left it was touched since: somebody wanted it so, and it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from tenantatlas.core.json import Json
from tenantatlas.policies import references, writes
from tenantatlas.policies.canonical import digest
from tenantatlas.policies.model import Step, StepKind, WriteContext

from .match import Match
from .order import ItemSteps
from .planned import Reason
from .world import PlanInput, Source, item_key

#: The object is not there any more.
GONE = "gone"
#: Nobody knows whether the restore made an object.
UNKNOWN = "unknown"
#: The restore made the object, and the tenant does not allow deletes.
DELETES_OFF = "deletes_off"


def moved(source: Source, match: Match, live: Json) -> Reason | None:
    """Why the write is not taken back: the object is not as it was left. None where it is, or for no undo."""
    undone = source.undone
    if undone is None or undone.left is None:
        return None
    if undone.unknown:
        return Reason(
            code=UNKNOWN,
            message="The answer to its create was lost, so nobody knows whether the restore made it.",
        )
    if not undone.live_id:
        return None
    if not match.live_id or live is None:
        return Reason(code=GONE, message="It was deleted since the restore.")
    return _touched(source, undone.left, live)


def _touched(source: Source, left: str, live: Json) -> Reason | None:
    if not left:
        return Reason(
            code="not_verified",
            message="What the restore left was never verified: nobody knows whether it was touched since.",
        )
    if digest(source.policy_type, live) != left:
        return Reason(code="touched", message="It was changed since the restore: it is left as it is.")
    return None


def removal(source: Source, match: Match, live: Json, *, allow_deletes: bool) -> tuple[Step, ...] | Reason:
    """The steps that remove what a restore made, or why it stays."""
    reason = moved(source, match, live)
    if reason is not None and reason.code != GONE:
        return reason
    if not match.live_id or live is None:
        return Reason(code=GONE, message="It is not there any more.")
    if not allow_deletes:
        return Reason(
            code=DELETES_OFF,
            message="The restore made it, and this tenant does not allow deletes: it stays.",
        )
    ctx = WriteContext(policy_type=source.policy_type, wanted=live, live=live)
    steps = tuple(replace(step, kind=StepKind.DELETE) for step in writes.delete_steps(ctx))
    return steps or Reason(code="no_way", message="Microsoft Graph has no way to delete it.")


def users_of(given: PlanInput, matches: Mapping[str, Match]) -> dict[str, set[str]]:
    """For each object that is to be removed: the sources whose own object names it now. Both by item key."""
    users: dict[str, set[str]] = {
        source.key: set() for source in given.sources if source.undone is not None and source.undone.remove
    }
    if not users:
        return users
    for source in given.sources:
        live = given.live_of(source.policy_type.key).bodies.get(matches[source.key].live_id)
        for named in references.find(source.policy_type, live) if live is not None else ():
            used = item_key(named.kind, named.id)
            if used in users and used != source.key:
                users[used].add(source.key)
    return users


def users_first(steps: Iterable[ItemSteps], users: Mapping[str, set[str]]) -> list[ItemSteps]:
    """The steps, each removal after everything of the plan that names what goes."""
    found = {each.key: each for each in steps}
    there = {key: named & found.keys() for key, named in users.items() if key in found}
    there = _without_circles(there)
    return [replace(each, after=frozenset(there.get(key, ()))) for key, each in found.items()]


def _without_circles(users: dict[str, set[str]]) -> dict[str, set[str]]:
    """As given; where removals name each other in a circle, no order among removals is asked for."""
    try:
        TopologicalSorter(users).prepare()
    except CycleError:
        return {key: named - users.keys() for key, named in users.items()}
    return users
