"""What Microsoft Graph allows, per throttle family, and the time that a piece of work takes at least.

The numbers are those of one app in one tenant. A family's *reads* count every verb: a write takes one of
each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenantatlas.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Family:
    """A set of collections that Graph counts together.

    `serial` ones take one request at a time, never a batch.
    """

    read_per_s: float
    write_per_s: float
    serial: bool = False
    window_s: float = 20.0


_INTUNE = Family(read_per_s=50, write_per_s=5)
_INTUNE_DEVICES = Family(read_per_s=100, write_per_s=10)
#: 3,500 resource units in 10 s for the smallest tenants; a read costs up to 3. 3,000 writes in 150 s.
_IDENTITY = Family(read_per_s=100, write_per_s=20, window_s=10)
#: One request a second, of any kind, for the whole tenant.
_CONDITIONAL_ACCESS = Family(read_per_s=1, write_per_s=1, serial=True)

FAMILIES: dict[str, Family] = {
    "apps": _INTUNE,
    "books": _INTUNE,
    "bundles": _INTUNE,
    "cloudPC": _INTUNE,
    "companyTerms": _INTUNE,
    "conditionalAccess": _CONDITIONAL_ACCESS,
    "deviceConfigV2": _INTUNE,
    "deviceConfiguration": _INTUNE,
    "deviceEnrollment": _INTUNE,
    "deviceIntent": _INTUNE,
    "endpointProtection": _INTUNE,
    "enrollment": _INTUNE,
    "gpAnalytics": _INTUNE,
    "identityAndAccess": _IDENTITY,
    "identityGovernance": _IDENTITY,
    "intuneDevices": _INTUNE_DEVICES,
    "managedApplications": _INTUNE,
    "notifications": _INTUNE,
    "partnerIntegration": _INTUNE,
    "rbac": _INTUNE,
    "remoteAssistance": _INTUNE,
    "updates": _INTUNE,
    "utcm": _INTUNE,
}


def family_named(name: str) -> Family:
    """The family with that name."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise InputError(f"There is no throttle family {name!r}.") from None


def bound_seconds(reads: Mapping[str, int], writes: Mapping[str, int], share: float = 1.0) -> float:
    """The least seconds that so many requests per family take at a steady rate and this share of the budget.

    Families run side by side, so the slowest one is the bound.
    """
    return max(
        (
            _family_seconds(family_named(name), reads.get(name, 0), writes.get(name, 0)) / share
            for name in {*reads, *writes}
        ),
        default=0.0,
    )


def _family_seconds(family: Family, reads: int, writes: int) -> float:
    every = (reads + writes) / family.read_per_s
    return every if family.serial else max(every, writes / family.write_per_s)
