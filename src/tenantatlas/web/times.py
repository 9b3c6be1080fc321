"""How a person reads times: relative, in their zone or in UTC; 24 or 12 hours. Stored times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from tenantatlas.accounts.preferences import ZONE, preference
from tenantatlas.core import clock

MINUTE, HOUR, DAY = 60, 3600, 86400
RELATIVE_DAYS = 7
_KNOWN = "_times"


@dataclass(frozen=True, kw_only=True)
class Times:
    """One person's way of reading times."""

    zone: str = "UTC"
    style: str = "relative"
    hours: str = "24"

    def shown(self, moment: datetime) -> str:
        """What stands on the page."""
        if self.style == "utc":
            return f"{self._day(moment, UTC)}, {self._clock(moment, UTC)} UTC"
        if self.style == "local":
            return self.minute(moment)
        return ago(moment, clock.now()) or self._day(moment, self._here)

    def exact(self, moment: datetime) -> str:
        """To the second and in both zones: 23 Nov 2026, 09:50:12 Europe/Berlin (08:50:12 UTC)."""
        here = f"{self._day(moment, self._here)}, {self._clock(moment, self._here, seconds=True)} {self.zone}"
        if self.zone == "UTC":
            return here
        there = f"{self._clock(moment, UTC, seconds=True)} UTC"
        if moment.astimezone(self._here).date() != moment.astimezone(UTC).date():
            there = f"{self._day(moment, UTC)}, {there}"
        return f"{here} ({there})"

    def minute(self, moment: datetime) -> str:
        """To the minute, in the person's zone: 23 Nov 2026, 09:50."""
        return f"{self._day(moment, self._here)}, {self._clock(moment, self._here)}"

    @property
    def _here(self) -> tzinfo:
        return ZoneInfo(self.zone)

    @staticmethod
    def _day(moment: datetime, zone: tzinfo) -> str:
        return moment.astimezone(zone).strftime("%d %b %Y")

    def _clock(self, moment: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
        there = moment.astimezone(zone)
        if self.hours == "12":
            return there.strftime("%I:%M:%S %p" if seconds else "%I:%M %p").lstrip("0")
        return there.strftime("%H:%M:%S" if seconds else "%H:%M")


def ago(moment: datetime, now: datetime) -> str:
    """How long before or after now; empty beyond a week, where a date says more."""
    seconds = (now - moment).total_seconds()
    size = abs(seconds)
    if size >= RELATIVE_DAYS * DAY:
        return ""
    if size < MINUTE:
        words = "a moment"
    elif size < HOUR:
        words = f"{int(size // MINUTE)} min"
    elif size < DAY:
        words = f"{int(size // HOUR)} h"
    else:
        words = f"{int(size // DAY)} d"
    return f"in {words}" if seconds < 0 else f"{words} ago"


def times_for(preferences: Mapping[str, str]) -> Times:
    """The way that goes with the person's preferences."""
    return Times(
        zone=preference(preferences, ZONE),
        style=preference(preferences, "times"),
        hours=preference(preferences, "hours"),
    )


def times_of(request: HttpRequest | None) -> Times:
    """The way of who asks; UTC for strangers."""
    known: Times | None = getattr(request, _KNOWN, None)
    if known is None:
        user = getattr(request, "user", None)
        known = times_for(user.preferences) if user is not None and user.is_authenticated else Times()
        if request is not None:
            setattr(request, _KNOWN, known)
    return known
