"""From a URL to the collection, object, child or action that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from .collections import collection_at
from .errors import no_route, unknown_segment
from .facts import Collection

_CALL = re.compile(r"(?P<name>[^(]+)\((?P<inside>.*)\)", re.DOTALL)
_PARAMETER = re.compile(r"(\w+)=(?:'((?:[^']|'')*)'|([^,]*))(?:,|$)", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """One part of a path. `parameters` are those of a function."""

    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_key: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """What a path names: a collection, perhaps an object in it, perhaps more below."""

    version: str
    collection: Collection
    object_id: str = ""
    rest: tuple[Segment, ...] = ()
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL taken apart."""

    host: str  # with port
    root: str  # scheme and host
    path: str  # still encoded
    query: str
    segments: tuple[Segment, ...]

    @property
    def version(self) -> str:
        """ "beta", "v1.0" or ""."""
        first = self.segments[0].text.lower() if self.segments else ""
        return first if first in {"beta", "v1.0"} else ""


def parse_url(url: str) -> Target:
    """Take a URL apart."""
    parts = urlsplit(url)
    segments: list[Segment] = []
    for raw in parts.path.split("/")[1:]:
        segments.extend(_segments(unquote(raw)))
    return Target(
        host=parts.netloc.lower(),
        root=f"{parts.scheme}://{parts.netloc.lower()}",
        path=parts.path,
        query=parts.query,
        segments=tuple(segments),
    )


def _segments(text: str) -> list[Segment]:
    match = _CALL.fullmatch(text)
    if match is None:
        return [Segment(text)]
    name, inside = match["name"], match["inside"]
    parameters = {
        found[1]: (found[2] if found[2] is not None else found[3]).replace("''", "'")
        for found in _PARAMETER.finditer(inside)
    }
    if parameters or not inside:
        return [Segment(name, parameters)]
    return [Segment(name), Segment(inside.strip("'").replace("''", "'"), is_key=True)]


def resolve(target: Target) -> Route:
    """The collection and what follows, or Graph's misleading 400."""
    segments = target.segments[1:]
    for length in range(len(segments), 0, -1):
        path = "/" + "/".join(segment.text for segment in segments[:length]).lower()
        collection = collection_at(path)
        if collection is not None:
            key = segments[length - 1].parameters  # an alternate key: servicePrincipals(appId='...')
            named = (Segment("", key, is_key=True),) if key else ()
            return _route(target, collection, (*named, *segments[length:]))
    raise unknown_segment(next((segment.text for segment in segments), ""))


def _route(target: Target, collection: Collection, rest: tuple[Segment, ...]) -> Route:
    if target.version == "v1.0" and not collection.v1:
        raise unknown_segment(collection.path.rpartition("/")[2])
    if collection.singleton:
        if rest and collection.path.count("/") == 1:
            raise unknown_segment(rest[0].text)
        if rest:
            raise no_route("singleton/key")
        return Route(version=target.version, collection=collection, rest=rest, path=target.path)
    if rest and not rest[0].text and not rest[0].is_key:
        raise no_route("singleton/navigation/key")
    names_action = bool(rest) and _is_collection_action(collection, rest[0].text)
    if not rest or names_action:
        return Route(version=target.version, collection=collection, rest=rest, path=target.path)
    return Route(
        version=target.version,
        collection=collection,
        object_id=_object_id(rest[0]),
        rest=rest[1:],
        path=target.path,
    )


def _is_collection_action(collection: Collection, name: str) -> bool:
    action = collection.actions.get(name)
    return name == "$count" or (action is not None and action.on_collection)


def _object_id(segment: Segment) -> str:
    if segment.parameters:
        key, value = next(iter(segment.parameters.items()))
        return f"{key}={value}"
    return segment.text
