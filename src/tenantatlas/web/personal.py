"""How a person likes to see lists: their last filters, the columns they chose.

Kept in a signed cookie in their browser, because reading a page changes nothing in the database. It names its
person, so that another one at the same browser starts afresh, and it goes with the sign-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from tenantatlas.core.json import Json

SECONDS_KEPT = 180 * 86400
#: Browsers keep 4,096 bytes of a cookie, its name and attributes included.
MOST_BYTES = 3500
LONGEST_FILTERS = 600
_SALT = "tenantatlas.web.personal"


@dataclass
class Personal:
    """What one person's browser remembers. Oldest first: what does not fit is forgotten from the front."""

    person: int
    filters: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)

    def remember_filters(self, place: str, query: str) -> bool:
        """Whether that was news; an empty query forgets."""
        if self.filters.get(place, "") == query:
            return False
        self.filters.pop(place, None)
        if query and len(query) <= LONGEST_FILTERS:
            self.filters[place] = query
        return True

    def hide_columns(self, table: str, columns: Sequence[str]) -> None:
        """From now on the table is shown without these columns."""
        self.hidden.pop(table, None)
        if columns:
            self.hidden[table] = list(columns)


def cookie_name() -> str:
    """The cookie's name: bound to this very host where the site speaks TLS."""
    return "__Host-atlas_view" if settings.SESSION_COOKIE_SECURE else "atlas_view"


def read(request: HttpRequest) -> Personal:
    """What is remembered for who asks; nothing when the cookie is missing, forged or somebody else's."""
    fresh = Personal(person=request.user.pk or 0)
    try:
        kept = signing.loads(request.COOKIES.get(cookie_name(), ""), salt=_SALT, max_age=SECONDS_KEPT)
    except signing.BadSignature:
        return fresh
    if kept.get("person") != fresh.person:
        return fresh
    return Personal(person=fresh.person, filters=kept["filters"], hidden=kept["hidden"])


def write(response: HttpResponse, personal: Personal) -> None:
    """Have the browser remember this instead."""
    value = _packed(personal)
    while len(value) > MOST_BYTES and (personal.filters or personal.hidden):
        crowded = personal.filters or personal.hidden
        crowded.pop(next(iter(crowded)))
        value = _packed(personal)
    response.set_cookie(
        cookie_name(),
        value,
        max_age=SECONDS_KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse) -> None:
    """Have the browser forget it all, as at sign-out."""
    response.delete_cookie(cookie_name(), samesite="Lax")


def _packed(personal: Personal) -> str:
    kept: dict[str, Json] = {
        "person": personal.person,
        "filters": personal.filters,
        "hidden": personal.hidden,
    }
    return signing.dumps(kept, salt=_SALT, compress=True)
