"""Application permissions: what each collection asks for, and the words in which Graph says no."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from tenantatlas.core.json import Json

from .collections import all_collections
from .errors import AnswerError, Style
from .facts import Collection

#: The least that reading everything needs, and what writing needs besides.
READER: frozenset[str] = frozenset(collection.read[0] for collection in all_collections() if collection.read)
WRITER: frozenset[str] = frozenset(
    name for collection in all_collections() for name in (*collection.write[:1], *collection.write_also)
)


def granted(claims: Mapping[str, Json]) -> set[str]:
    """What a token allows: an app's roles, or what a person has delegated to it."""
    return set(claims["roles"]) if "roles" in claims else set(str(claims.get("scp", "")).split())


def require(collection: Collection, held: AbstractSet[str], *, write: bool) -> None:
    """Refuse an app that lacks the permission."""
    wanted = collection.write if write else collection.read
    missing = collection.delegated_only or not held & set(wanted)
    if not missing and write and not set(collection.write_also) <= held:
        missing, wanted = True, (*wanted, *collection.write_also)
    if missing:
        raise _refusal(collection, wanted)


def _refusal(collection: Collection, wanted: tuple[str, ...]) -> AnswerError:
    scopes = ", ".join(wanted)
    if collection.intune:
        return AnswerError(
            403,
            "Forbidden",
            "Application is not authorized to perform this operation. Application must have one of the "
            f"following scopes: {scopes}",
            style=Style.INTUNE,
            phrase="Forbidden",
        )
    if collection.family == "conditionalAccess":
        return AnswerError(
            403,
            "AccessDenied",
            "You cannot perform the requested operation, required scopes are missing in the token.",
        )
    return AnswerError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )
