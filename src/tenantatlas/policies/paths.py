"""Where things are inside a body.

    path       = name { "." name | "[]" | "[" number "]" }
    settings[].id                       the id of every setting; settings[3].id  of the fourth
    templateReference.templateFamily    one property
    **.children                         every property of that name, at any depth (also at the top)
    *@odata.context                     names with that ending;  trust*  names with that beginning
    settings[].settingInstance.@odata.type     from an @ or # on, the rest is one name

A `Place` is one spot that a path leads to in one body.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tenantatlas.core.json import Json

EVERY = "[]"
ANY_DEPTH = "**"

Tokens = tuple[str, ...]

_TOKEN = re.compile(r"\[\d*\]|[^.\[\]@#]*[@#][^\[\]]*|[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a body. `holder[key]` is the value; `owner` is the nearest object around it."""

    holder: Any
    key: Any
    owner: Any
    where: tuple[str | int, ...]

    @property
    def value(self) -> Json:
        """What is there now."""
        return self.holder[self.key]

    @property
    def path(self) -> str:
        """As people read it: `settings[3].id`."""
        return spell(self.where)

    @property
    def depth(self) -> int:
        """How many steps it is away from the top."""
        return len(self.where)


@cache
def parse(path: str) -> Tokens:
    """The steps of a path: names, `[]`, `[3]` and `**`."""
    return tuple(_TOKEN.findall(path))


def spell(where: tuple[str | int, ...]) -> str:
    """Names and indexes as one path."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where)
    return text.removeprefix(".")


def name_matches(pattern: str, name: str) -> bool:
    """Whether a property name fits one step of a path."""
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    return name == pattern


def tokens_match(pattern: Tokens, tokens: Tokens) -> bool:
    """Whether the steps that led to a spot (names and `[]`) are ones that the pattern describes."""
    if not pattern:
        return not tokens
    if pattern[0] == ANY_DEPTH:
        return any(tokens_match(pattern[1:], tokens[skip:]) for skip in range(len(tokens) + 1))
    if not tokens or (pattern[0] == EVERY) != (tokens[0] == EVERY):
        return False
    return name_matches(pattern[0], tokens[0]) and tokens_match(pattern[1:], tokens[1:])


def find(body: Json, path: str) -> tuple[Place, ...]:
    """Every spot that the path leads to, in the order of the body; properties that hold null as well."""
    return tuple({place.where: place for place in _places(body, parse(path), body, ())}.values())


def _places(holder: Json, tokens: Tokens, owner: Json, where: tuple[str | int, ...]) -> Iterator[Place]:
    if not isinstance(holder, dict | list):
        return
    if isinstance(holder, dict):
        owner = holder
    if tokens[0] == ANY_DEPTH:
        yield from _places(holder, tokens[1:], owner, where)
        for key in _keys(holder):
            yield from _places(holder[key], tokens, owner, (*where, key))
        return
    for key in _matching_keys(holder, tokens[0]):
        if len(tokens) == 1:
            yield Place(holder, key, owner, (*where, key))
        else:
            yield from _places(holder[key], tokens[1:], owner, (*where, key))


def _keys(holder: Json) -> list[Any]:
    return list(range(len(holder))) if isinstance(holder, list) else list(holder)


def _matching_keys(holder: Json, token: str) -> list[Any]:
    if isinstance(holder, list):
        return [key for key in _keys(holder) if token in (EVERY, f"[{key}]")]
    if "*" not in token:
        return [token] if token in holder else []
    return [key for key in holder if name_matches(token, key)]


def value_at(body: Json, path: str) -> Json:
    """The first value that the path leads to, or None."""
    places = find(body, path)
    return places[0].value if places else None


def values(body: Json, path: str) -> tuple[Json, ...]:
    """All values that the path leads to."""
    return tuple(place.value for place in find(body, path))


def copied(value: Json) -> Json:
    """The same value, sharing no object or list with it."""
    if isinstance(value, dict):
        return {key: copied(child) for key, child in value.items()}
    if isinstance(value, list):
        return [copied(child) for child in value]
    return value


def remove(body: Json, patterns: Iterable[str]) -> Json:
    """A copy without what the paths lead to."""
    result = copied(body)
    discard(result, patterns)
    return result


def discard(body: Json, patterns: Iterable[str]) -> None:
    """Take out of this very body what the paths lead to."""
    for pattern in patterns:
        for place in reversed(find(body, pattern)):
            del place.holder[place.key]
