"""Graph's budgets as token buckets: by family, tenant and app; the directory's in units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import AnswerError, Style

if TYPE_CHECKING:
    from .facts import Collection
    from .tenants import SimTenant

#: family kind -> (writes per 20 s of one app, of all apps; any verb of one app, of all apps)
_INTUNE = (100, 200, 1000, 2000)
_DEVICES = (200, 400, 2000, 4000)
_WINDOW = 20.0
#: how far a bucket can be overdrawn: calls that are refused count too
_DEBT = 0.25
#: arrivals are never exact to the millisecond: conditional access lets a request be this much early
_JITTER = 0.25
_DIRECTORY_UNITS = {"S": 3500, "M": 5000, "L": 8000}
_DIRECTORY_WRITES = 3000
_COSTS = {"/users": 2, "/applications": 2, "/directoryobjects": 3}


@dataclass
class Bucket:
    """So many tokens, refilled at a steady rate."""

    capacity: float
    rate: float
    tokens: float
    at: float

    def take(self, now: float, cost: float = 1.0, *, slack: float = 0.0, debt: float = _DEBT) -> float:
        """Take tokens; the seconds until there would be enough, 0 if there were. A refused call counts."""
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.rate)
        self.at = now
        missing = cost - slack - self.tokens
        self.tokens = max(self.tokens - cost, -self.capacity * debt - slack)
        return missing / self.rate if missing > 0 else 0.0


class Limits:
    """Every bucket of every tenant."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], Bucket] = {}

    def _bucket(self, key: tuple[str, ...], capacity: float, seconds: float, now: float) -> Bucket:
        found = self._buckets.get(key)
        if found is None:
            found = self._buckets[key] = Bucket(capacity, capacity / seconds, capacity, now)
        return found

    def charge(
        self, tenant: SimTenant, client_id: str, collection: Collection, *, write: bool
    ) -> dict[str, str]:
        """Count one request; raises the 429, or returns headers that tell about the budget."""
        now = tenant.world.times.elapsed()
        if collection.family == "conditionalAccess":
            return self._charge_conditional_access(tenant, now)
        if not collection.intune:
            return self._charge_directory(tenant, client_id, collection, now, write=write)
        limits = _DEVICES if collection.family == "intuneDevices" else _INTUNE
        family = collection.family
        wait = 0.0
        for index, (kind, who) in enumerate(
            (("write", client_id), ("write", "*"), ("any", client_id), ("any", "*"))
        ):
            if write or kind == "any":
                bucket = self._bucket((tenant.guid, family, kind, who), limits[index], _WINDOW, now)
                wait = max(wait, bucket.take(now))
        if wait > 0:
            raise too_many(str(max(1, math.ceil(wait))), intune=True)
        return {}

    def _charge_conditional_access(self, tenant: SimTenant, now: float) -> dict[str, str]:
        bucket = self._bucket((tenant.guid, "conditionalAccess"), 1.0, 1.0, now)
        if bucket.take(now, slack=_JITTER, debt=0.0) > 0:
            raise too_many(None, intune=False)
        return {}

    def _charge_directory(
        self, tenant: SimTenant, client_id: str, collection: Collection, now: float, *, write: bool
    ) -> dict[str, str]:
        cost = 1 if write else _COSTS.get(collection.key, 1)
        capacity = _DIRECTORY_UNITS[tenant.profile.size]
        units = self._bucket((tenant.guid, "directory", "units", client_id), capacity, 10.0, now)
        wait = units.take(now, cost)
        if write:
            writes = self._bucket(
                (tenant.guid, "directory", "write", client_id), _DIRECTORY_WRITES, 150.0, now
            )
            wait = max(wait, writes.take(now))
        headers = {"x-ms-resource-unit": str(cost)}
        used = 1 - units.tokens / capacity
        if used >= 0.8:  # noqa: PLR2004 - Graph tells from four fifths on
            headers["x-ms-throttle-limit-percentage"] = f"{min(used, 1.8):.2f}"
        if wait > 0:
            raise too_many(
                str(max(1, math.ceil(wait))),
                intune=False,
                headers={
                    "x-ms-throttle-scope": f"Application/ReadWrite/{client_id}/{tenant.guid}",
                    "x-ms-throttle-information": "ResourceUnitLimitExceeded",
                },
            )
        return headers

    def reset(self) -> None:
        """Every bucket is full again."""
        self._buckets.clear()


def too_many(retry_after: str | None, *, intune: bool, headers: dict[str, str] | None = None) -> AnswerError:
    """The 429, with or without a word on when to come back."""
    told = dict(headers or {})
    if retry_after is not None:
        told["Retry-After"] = retry_after
    message = "An error has occurred." if intune else "Please retry again later."
    style = Style.INTUNE if intune else Style.PLAIN
    return AnswerError(429, "TooManyRequests", message, style=style, headers=told, phrase="TooManyRequests")
