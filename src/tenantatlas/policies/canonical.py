"""What a policy is, whatever way Graph happened to say it.

    compose           the answers of Graph → one body
    canonical_form    that body without what the service made, in one order → what is compared
    digest            equal digest ⇔ equal canonical form

Canonical: without volatile properties and annotations; null and an empty list mean the same as absent, and
so does an empty description (services fill in [] and "" for what they were not given); numbers keep their
text; sets are sorted by their natural key; assignments as `assignments.normalised` has them; a mask or
token in the place of a secret is no value. A canonical form is its own canonical form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tenantatlas.core import json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json

from . import paths
from .assignments import normalised
from .bodies import cleaned
from .document import Document
from .model import COMMON_VOLATILE, AssignmentRule, AssignWrite, Part, PolicyType, Shape
from .secret_values import secret_places

#: Lists whose order says nothing, whatever the type.
COMMON_UNORDERED: Mapping[str, tuple[str, ...]] = {
    "roleScopeTagIds": ("",),
    "roleScopeTags": ("",),
    "omaSettings": ("omaUri",),
}


def compose(policy_type: PolicyType, document: Document) -> Json:
    """The whole policy as one body: the object with each part that was read in its place."""
    body = with_parts(policy_type, document)
    if policy_type.odata_type and not body.get("@odata.type"):
        body["@odata.type"] = policy_type.odata_type
    if policy_type.assignments and policy_type.assignments.write is not AssignWrite.NONE:
        body["assignments"] = body.get("assignments") or []
    return policy_type.compose(body) if policy_type.compose else body


def with_parts(policy_type: PolicyType, document: Document) -> Json:
    """The object with each part that was read so far in its place, and no more."""
    body = document.read_object()
    for part in policy_type.parts:
        for owner in owners(part, body):
            rows = document.parts.get(part.key_for(owner), ())
            _embed(
                part, owner, [json.loads(row) for row in rows], was_read=part.key_for(owner) in document.parts
            )
    return body


def owners(part: Part, body: Json) -> list[Json]:
    """What a part is read for: the body itself, or the rows of its `for_each` list."""
    if not part.for_each:
        return [body]
    return [row for rows in paths.values(body, part.for_each) if isinstance(rows, list) for row in rows]


def _embed(part: Part, owner: Json, rows: list[Json], *, was_read: bool) -> None:
    if part.shape is Shape.COLLECTION:
        if was_read:
            owner[part.into] = rows
    elif not rows:
        return
    elif part.shape is Shape.VALUE:
        owner[part.into] = rows[0]["value"]
    elif part.into:
        owner[part.into] = rows[0]
    else:
        owner.update(rows[0])


def canonical_form(policy_type: PolicyType, composed: Json) -> Json:
    """What of the body is compared."""
    body = paths.copied(composed)
    for found in list(secret_places(policy_type, body)):
        if not found.comparable:
            found.place.holder[found.place.key] = None
    paths.discard(body, (*COMMON_VOLATILE, *policy_type.volatile))
    body = _without_empty_lists(cleaned(body))
    if body.get("description") == "":
        del body["description"]
    if "assignments" in composed:
        rule = policy_type.assignments or AssignmentRule()
        body["assignments"] = normalised(rule, body.get("assignments", []))
    _sort_sets(policy_type, body)
    return body


def _without_empty_lists(value: Json) -> Json:
    if isinstance(value, dict):
        kept = {name: _without_empty_lists(child) for name, child in value.items()}
        return {name: child for name, child in kept.items() if child != []}
    if isinstance(value, list):
        return [_without_empty_lists(child) for child in value]
    return value


def _sort_sets(policy_type: PolicyType, body: Json) -> None:
    found = [
        (place.depth, place.value, key)
        for path, key in unordered(policy_type).items()
        for place in paths.find(body, path)
        if isinstance(place.value, list)
    ]
    for _, rows, key in sorted(found, key=lambda entry: -entry[0]):
        rows.sort(key=_order_by(key))


def _order_by(key: tuple[str, ...]) -> Callable[[Json], tuple[tuple[bytes, ...], bytes]]:
    return lambda row: (natural_key(row, key), json.dumps_sorted(row))


def unordered(policy_type: PolicyType) -> Mapping[str, tuple[str, ...]]:
    """The lists of this type whose order says nothing, each with its natural key."""
    return {**COMMON_UNORDERED, **policy_type.unordered}


def natural_key(row: Json, key: tuple[str, ...]) -> tuple[bytes, ...]:
    """What identifies a row of a set. The name "" stands for the row itself."""
    return tuple(json.dumps_sorted(paths.value_at(row, name) if name else row) for name in key)


def canonical_bytes(policy_type: PolicyType, composed: Json) -> bytes:
    """The canonical form as bytes; equal forms give equal bytes."""
    return json.dumps_sorted(canonical_form(policy_type, composed))


def digest(policy_type: PolicyType, composed: Json) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return sha256_hex(canonical_bytes(policy_type, composed))
