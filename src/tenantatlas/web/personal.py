"""How a person likes to see lists: their last filters, the columns they chose.

Kept in a signed cookie in their browser, because reading a page changes nothing in the database. It names its
person, so that another one at the same browser starts afresh, and it goes with the sign-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenantatlas.core.json import dumps

from .cookies import forget_cookie, set_signed_cookie, signed_cookie

VIEW = "view"
KEPT = timedelta(days=180)
#: Browsers keep 4,096 bytes of a cookie; it is written in base 64, with its name, signature and attributes.
MOST_BYTES = 2600
LONGEST_FILTERS = 600


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


def read(request: HttpRequest) -> Personal:
    """What is remembered for who asks; nothing when the cookie is missing, forged or somebody else's."""
    fresh = Personal(person=request.user.pk or 0)
    kept = signed_cookie(request, VIEW)
    if not isinstance(kept, dict) or kept.get("person") != fresh.person:
        return fresh
    return Personal(person=fresh.person, filters=kept["filters"], hidden=kept["hidden"])


def write(response: HttpResponseBase, personal: Personal) -> None:
    """Have the browser remember this instead."""
    while len(dumps(asdict(personal))) > MOST_BYTES and (oldest := personal.filters or personal.hidden):
        oldest.pop(next(iter(oldest)))
    set_signed_cookie(response, VIEW, asdict(personal), lasts=KEPT)


def forget(response: HttpResponseBase) -> None:
    """Have the browser forget it all, as at sign-out."""
    forget_cookie(response, VIEW)
