"""Where the token may go: exactly one origin. Links from data are only ever read for what comes after it."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

from tenantatlas.core.errors import InputError, Untrusted

_LONGEST_LINK = 16 * 1024
_AUTHORITY = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_HTTPS = 443
#: Characters that a URL holds as they are. Everything else in a path of ours is percent-encoded; `%` stays.
_AS_IS = "%/?&=$'()*,;:@!+-._~[]"
_VERSION = re.compile(r"/(v1\.0|beta)(?=/)")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _same_origin(parts: SplitResult, origin: str) -> bool:
    ours = urlsplit(origin)
    return (
        parts.scheme == "https"
        and _AUTHORITY.fullmatch(parts.netloc) is not None
        and parts.hostname == ours.hostname
        and (parts.port or _HTTPS) == (ours.port or _HTTPS)
    )


def path_within(origin: str, link: str) -> str:
    """The path and query of an absolute link, verbatim, if it leads to that origin; else `Untrusted`.

    Whoever sends puts the origin in front of it again, so that no second reading of the link can go
    elsewhere.
    """
    parts = _split(link) if _is_plain(link) else None
    if parts is None or not _same_origin(parts, origin):
        raise Untrusted(
            "Microsoft Graph's answer links to another place; the link was not followed.",
            hint="Check the cloud of this tenant, and any proxy in between.",
        )
    rest = link[link.index("://") + 3 + len(parts.netloc) :]
    if not rest.startswith("/"):
        raise Untrusted("Microsoft Graph's answer holds a link without a path.")
    return rest


def _is_plain(link: str) -> bool:
    """Printable ASCII without spaces, backslashes or fragments."""
    return (
        len(link) <= _LONGEST_LINK
        and all("!" <= character <= "~" for character in link)
        and "\\" not in link
        and "#" not in link
    )


def own_path(path: str) -> str:
    """A path of ours, ready to send: absolute, with version; what a URL cannot hold is percent-encoded."""
    if not _VERSION.match(path):
        raise InputError(f"A path for Graph begins with /v1.0/ or /beta/, not {path[:40]!r}.")
    return quote(path, safe=_AS_IS)


def split_version(path: str) -> tuple[str, str]:
    """("/beta", "/deviceManagement/…"); the first is empty where the path has no version."""
    found = _VERSION.match(path)
    return ("", path) if found is None else (found[0], path[found.end() :])
