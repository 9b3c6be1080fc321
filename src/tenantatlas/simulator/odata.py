"""The query options of a request: `$select`, `$expand` with its own options, `$top`, `$filter` as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from .errors import AnswerError


@dataclass(frozen=True, kw_only=True)
class Query:
    """What the client asked for. `raw` is the query string as it came."""

    select: tuple[str, ...] = ()
    expand: tuple[Expand, ...] = ()
    filter: str = ""
    top: int | None = None
    skiptoken: str = ""
    search: str = ""
    count: bool = False
    raw: str = ""

    def expanded(self, name: str) -> Expand | None:
        """The `$expand` entry for a navigation property."""
        return next((entry for entry in self.expand if entry.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Expand:
    """One expanded navigation property; `cast` is the derived type it was reached through."""

    name: str
    cast: str = ""
    query: Query = field(default_factory=Query)


def parse_query(raw: str) -> Query:
    """Read a query string; what cannot be read is a 400."""
    pairs: dict[str, str] = {}
    for part in raw.split("&") if raw else ():
        key, _, value = part.partition("=")
        name = unquote_plus(key)
        if name in pairs and name.startswith("$"):
            raise AnswerError(
                400,
                "BadRequest",
                f"Query option '{name}' was specified more than once, but it must be unique.",
            )
        pairs[name] = unquote_plus(value)
    return _query(pairs, raw)


def _query(options: dict[str, str], raw: str = "") -> Query:
    return Query(
        select=_names(options.get("$select", "")),
        expand=_expands(options.get("$expand", "")),
        filter=options.get("$filter", ""),
        top=_count(options["$top"]) if "$top" in options else None,
        skiptoken=options.get("$skiptoken", ""),
        search=options.get("$search", ""),
        count=options.get("$count", "").lower() == "true",
        raw=raw,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _count(text: str) -> int:
    if not text.isdigit():
        raise AnswerError(400, "BadRequest", f"Invalid value '{text}' for $top query option found.")
    return int(text)


def _split(text: str, separator: str) -> list[str]:
    """Split outside parentheses."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _expands(text: str) -> tuple[Expand, ...]:
    return tuple(_expand(part) for part in _split(text, ","))


def _expand(text: str) -> Expand:
    name, bracket, inner = text.partition("(")
    options: dict[str, str] = {}
    if bracket:
        for part in _split(inner.rstrip().removesuffix(")"), ";"):
            key, _, value = part.partition("=")
            options[key.strip()] = value
    cast, _, plain = name.strip().rpartition("/")
    return Expand(name=plain, cast=cast, query=_query(options))


def select(body: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    """Only the named properties, compared without case, with the annotations that belong to them."""
    wanted = {name.lower().rpartition("/")[2] for name in names} | {"id"}
    return {
        key: value
        for key, value in body.items()
        if key.lower() in wanted or (key.startswith("@odata") or key.partition("@")[0].lower() in wanted)
    }
