"""How a person likes the product: what may be chosen, and what holds until they choose."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Final

#: What a person wants to be told about a kind of thing.
ALWAYS, ONLY_PROBLEMS, NEVER = "always", "problems", "never"

#: Kinds of notification, by the first word of their subject. Others are always told.
NOTIFICATION_KINDS: Mapping[str, str] = {
    "run": "Runs that you or your schedules started",
    "schedule": "Schedules that are late or were skipped",
    "approval": "Restores that wait for approval",
}

#: name -> value -> words; the first value holds until the person chooses. Zones are apart: there are many.
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "theme": {"system": "System theme", "light": "Light", "dark": "Dark"},
    "times": {"relative": "Relative", "local": "Local time", "utc": "UTC"},
    "hours": {"24": "24 hours, 14:30", "12": "12 hours, 2:30 PM"},
    "keys": {"on": "On", "off": "Off"},
    **{
        f"notify.{kind}": {ALWAYS: "Always", ONLY_PROBLEMS: "Only problems", NEVER: "Never"}
        for kind in NOTIFICATION_KINDS
    },
}
ZONE: Final = "zone"


@cache
def known_zones() -> tuple[str, ...]:
    """The time zones that can be chosen, UTC first."""
    names = {name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/")}
    return ("UTC", *sorted(names))


def is_allowed(name: str, value: str) -> bool:
    """Whether that is a preference, and the value one that it can have."""
    return value in (known_zones() if name == ZONE else CHOICES.get(name, ()))


def preference(preferences: Mapping[str, str], name: str) -> str:
    """What the person chose; what holds for everybody where they chose nothing that is known now."""
    value = str(preferences.get(name, ""))
    if is_allowed(name, value):
        return value
    return "UTC" if name == ZONE else next(iter(CHOICES[name]))
