"""A plan as data: items, writes in order, and the hash that pins them. Pure.

    Plan ─┬─ items   one per source policy: one action, its reasons, its notes
          ├─ writes  method, path, canonical body; `{created:<item>}` stands for an id not made yet
          └─ sha256  over all of it: what a person confirms and what execution obeys

| action    | means                                                                                   |
|-----------|-----------------------------------------------------------------------------------------|
| create    | it is not in the tenant: made again, with a new id                                      |
| update    | it is there and differs: changed in place                                               |
| recreate  | it is there and differs: deleted and made again                                         |
| copy      | it is there: made beside it, under a new name                                           |
| remove    | an earlier restore made it, and that is taken back                                      |
| unchanged | it is there and equal: nothing is written                                               |
| skip      | left alone on purpose                                                                   |
| cannot    | may not or cannot be written; the reason is said                                        |
| undecided | a person has to decide something first                                                  |
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .mapping import Need
from .order import Phase
from .world import PLACEHOLDER_MARK, Existing, placeholder

FORMAT = 1

#: What `PlannedWrite.expects` says where there must be no object yet.
ABSENT = "absent"


#: Why an item is held whose write Graph would refuse.
PERMISSION_MISSING = "permission_missing"
#: Why an item is held: what the tenant has of its type could not be read.
NOT_READ = "not_read"
#: Why an item is held: a create of it was sent, and it is not known yet what became of it.
UNSETTLED = "unsettled"
#: What a write that waits for Multi Admin Approval was refused with.
APPROVAL = "approval"


class Action(StrEnum):
    """What a plan does with one policy."""

    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    COPY = "copy"
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    SKIP = "skip"
    CANNOT = "cannot"
    UNDECIDED = "undecided"


#: The actions that write.
WRITING = frozenset({Action.CREATE, Action.UPDATE, Action.RECREATE, Action.COPY, Action.REMOVE})
#: The actions that make a new object.
MAKING = frozenset({Action.CREATE, Action.RECREATE, Action.COPY})
#: The actions that delete an object.
DELETING = frozenset({Action.RECREATE, Action.REMOVE})
#: The actions that touch an object which is there.
TOUCHING = frozenset({Action.UPDATE, Action.RECREATE, Action.REMOVE})


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why an item has its action: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """One id that the source names and what is written instead; `target` "" means: left out."""

    kind: str
    id: str
    target: str
    how: str


@dataclass(frozen=True, kw_only=True)
class PlannedItem:
    """What the plan does with one policy.

    `expects` is the digest that the live object must still have (`absent` where there must be none);
    `wanted` is the composed body to end with, references mapped; `beside` are the live policies that have its
    name already and are known not to be it.
    """

    key: str
    type_key: str
    source_id: str
    version: int
    name: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    live_id: str = ""
    expects: str = ""
    beside: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    wanted: Json = field(default=None, repr=False)
    live: Json = field(default=None, repr=False)
    needs: tuple[Need, ...] = ()

    @property
    def object_id(self) -> str:
        """The id that the policy has in the target, or the placeholder for it."""
        return placeholder(self.key) if self.action in MAKING else self.live_id

    def facts(self) -> Json:
        """What the plan's hash covers of it."""
        return {
            "key": self.key,
            "type": self.type_key,
            "source": self.source_id,
            "version": self.version,
            "name": self.name,
            "action": self.action.value,
            "reasons": [[reason.code, reason.message] for reason in self.reasons],
            "notes": list(self.notes),
            "live": self.live_id,
            "expects": self.expects,
            "beside": list(self.beside),
            "links": [[link.kind, link.id, link.target, link.how] for link in self.links],
            "wanted": self.wanted if self.action in WRITING else None,
        }

    @classmethod
    def from_facts(cls, facts: Json) -> PlannedItem:
        """The item as it was planned (without what was only shown: the live body, the open needs)."""
        return cls(
            key=facts["key"],
            type_key=facts["type"],
            source_id=facts["source"],
            version=facts["version"],
            name=facts["name"],
            action=Action(facts["action"]),
            reasons=tuple(Reason(code=code, message=message) for code, message in facts["reasons"]),
            notes=tuple(facts["notes"]),
            live_id=facts["live"],
            expects=facts["expects"],
            beside=tuple(facts["beside"]),
            links=tuple(
                Link(kind=kind, id=id_, target=target, how=how) for kind, id_, target, how in facts["links"]
            ),
            wanted=facts["wanted"],
        )


@dataclass(frozen=True, kw_only=True)
class PlannedWrite:
    """One write. `serial` names a group of which one write at a time is in flight ("" = none)."""

    n: int
    item: str
    kind: str
    phase: Phase
    family: str
    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    why: str = ""
    expects: str = ""
    depends_on: tuple[int, ...] = ()
    mapping: tuple[Link, ...] = ()
    repeatable: bool = True
    twin_path: str = ""
    twin_by: tuple[str, ...] = ()
    unless: Mapping[str, Json] = field(default_factory=dict)
    serial: str = ""

    def facts(self) -> Json:
        """What the plan's hash covers of it: all."""
        return {
            "n": self.n,
            "item": self.item,
            "kind": self.kind,
            "phase": int(self.phase),
            "family": self.family,
            "method": self.method,
            "path": self.path,
            "body": None if self.body is None else json.loads(self.body),
            "why": self.why,
            "expects": self.expects,
            "depends_on": list(self.depends_on),
            "mapping": [[link.kind, link.id, link.target, link.how] for link in self.mapping],
            "repeatable": self.repeatable,
            "twin_path": self.twin_path,
            "twin_by": list(self.twin_by),
            "unless": dict(self.unless),
            "serial": self.serial,
        }

    @classmethod
    def from_facts(cls, facts: Json) -> PlannedWrite:
        """The write as it was planned."""
        body = facts["body"]
        return cls(
            **{
                **facts,
                "phase": Phase(facts["phase"]),
                "body": None if body is None else json.dumps_sorted(body),
                "depends_on": tuple(facts["depends_on"]),
                "twin_by": tuple(facts["twin_by"]),
                "mapping": tuple(
                    Link(kind=kind, id=id_, target=target, how=how)
                    for kind, id_, target, how in facts["mapping"]
                ),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Items by key and writes in order."""

    tenant_guid: str
    existing: Existing
    allow_deletes: bool
    items: tuple[PlannedItem, ...]
    writes: tuple[PlannedWrite, ...]
    #: what else was chosen, where it is not what is usual
    choices: Mapping[str, Json] = field(default_factory=dict)

    def head(self) -> Json:
        """What the hash covers besides items and writes."""
        return {
            "format": FORMAT,
            "tenant": self.tenant_guid,
            "existing": self.existing.value,
            "allow_deletes": self.allow_deletes,
            **self.choices,
        }

    def lines(self) -> Iterator[bytes]:
        """The plan as canonical bytes: the head, each item, each write."""
        yield json.dumps_sorted(self.head())
        for item in self.items:
            yield json.dumps_sorted(item.facts())
        for write in self.writes:
            yield json.dumps_sorted(write.facts())

    @cached_property
    def sha256(self) -> str:
        """The hash that a person confirms."""
        hashed = hashlib.sha256()
        for line in self.lines():
            hashed.update(len(line).to_bytes(8, "big"))
            hashed.update(line)
        return hashed.hexdigest()

    def counts(self) -> dict[str, int]:
        """Items by action, and the number of writes. Removals are named only where there are some."""
        by_action = Counter(item.action for item in self.items)
        named = [action for action in Action if action is not Action.REMOVE or by_action[action]]
        return {action.value: by_action[action] for action in named} | {"writes": len(self.writes)}

    def writes_by_family(self) -> dict[str, int]:
        """How many writes each throttle family takes."""
        return dict(Counter(write.family for write in self.writes))

    def needs(self) -> tuple[Need, ...]:
        """Everything that was or has to be decided by mapping, once each."""
        found = {(need.kind, need.id): need for item in self.items for need in item.needs}
        return tuple(found[key] for key in sorted(found))


def fill_placeholders(text: str, ids: Mapping[str, str]) -> str:
    """The text with every placeholder whose item is in `ids` replaced by the id."""
    if PLACEHOLDER_MARK not in text:
        return text
    for key, graph_id in ids.items():
        text = text.replace(placeholder(key), graph_id)
    return text


def fill_body(value: Json, ids: Mapping[str, str]) -> Json:
    """A body with the placeholders in its texts replaced."""
    if isinstance(value, dict):
        return {name: fill_body(child, ids) for name, child in value.items()}
    if isinstance(value, list):
        return [fill_body(child, ids) for child in value]
    return fill_placeholders(value, ids) if isinstance(value, str) else value


def fill_bytes(body: bytes | None, ids: Mapping[str, str]) -> bytes | None:
    """The canonical bytes of a body with its placeholders replaced."""
    if body is None or PLACEHOLDER_MARK.encode() not in body:
        return body
    return json.dumps_sorted(fill_body(json.loads(body), ids))


def placeholders_in(texts: Iterable[str | bytes | None], keys: Iterable[str]) -> frozenset[str]:
    """Which of these items' placeholders occur."""
    joined = b"\n".join(
        text.encode() if isinstance(text, str) else text for text in texts if text is not None
    )
    if PLACEHOLDER_MARK.encode() not in joined:
        return frozenset()
    return frozenset(key for key in keys if placeholder(key).encode() in joined)
