"""When the end of a credential is near enough to be said, and in which words: for pages, commands, notices.

A warning holds from when so many days are left until the next one does. The end is what the certificate
or a person said; where nobody said one, there is nothing to warn of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .models import Connection, Purpose

#: So many whole days before the end it is warned of; and once it has ended.
WARN_DAYS = (30, 14, 7, 1)
_GRAVE_DAYS = 7
#: What an app is for, as people miss it. A restore reads too, with the reader's app.
_STOPS = {Purpose.READER: "Backups, drift and restores", Purpose.WRITER: "Restores"}
_REMEDY = "make a certificate on its page under Connection, or a secret in Entra"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A credential's end that is near or past. `since`: when the warning that holds now began to hold."""

    ends: datetime
    since: datetime
    days_left: int

    @property
    def is_over(self) -> bool:
        """Whether the credential has ended."""
        return self.since == self.ends

    @property
    def is_grave(self) -> bool:
        """Whether it cannot wait any more."""
        return self.days_left <= _GRAVE_DAYS

    @property
    def words(self) -> str:
        """What a credential does, as in: it ends in 7 days."""
        if self.is_over:
            return "has ended"
        if self.days_left == 0:
            return "ends within a day"
        return f"ends in {self.days_left} day{'' if self.days_left == 1 else 's'}"


def ending(ends: datetime | None, *, at: datetime) -> Ending | None:
    """The warning that holds at that moment; None while the end is far away or not known."""
    if ends is None:
        return None
    if ends <= at:
        return Ending(ends=ends, since=ends, days_left=0)
    left = (ends - at).days
    reached = [days for days in WARN_DAYS if left <= days]
    if not reached:
        return None
    return Ending(ends=ends, since=ends - timedelta(days=min(reached) + 1), days_left=left)


def consequence(app: Connection, end: Ending) -> str:
    """What stops, when, and what to do about it, in one sentence."""
    what = f"{_STOPS[Purpose(app.purpose)]} of {app.tenant.name}"
    when = f"{end.ends.astimezone(UTC):%d %b %Y, %H:%M} UTC"
    until = f"until the {app.purpose}'s app has a new credential: {_REMEDY}."
    return f"{what} {'have failed since' if end.is_over else 'will fail from'} {when} {until}"
