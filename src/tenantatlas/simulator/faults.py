"""Faults by script: match a method and a path, count, then do something unpleasant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import TYPE_CHECKING

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .errors import AnswerError, Style
from .limits import too_many
from .messages import Break, SimRequest, SimResponse

if TYPE_CHECKING:
    from .world import World


class Fault:
    """What happens to a matched request: `before` may answer instead, `after` may spoil the answer."""

    refuses = False  # the connection is never made

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """An answer instead of the service's own; may raise `AnswerError`."""
        del world, request
        return None

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """The answer as it leaves; the service has done its work."""
        del world
        return response


@dataclass(frozen=True)
class Status(Fault):
    """An error status; with `applied` the service does its work first (a 504 after the commit)."""

    status: int
    code: str = "UnknownError"
    message: str = "An internal server error has occurred"
    applied: bool = False
    empty: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    nested: bool = True

    def _error(self) -> AnswerError:
        style = Style.EMPTY if self.empty else Style.INTUNE if self.nested else Style.PLAIN
        return AnswerError(self.status, self.code, self.message, style=style, headers=self.headers)

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Fail at once unless the work is to be done."""
        del world, request
        if not self.applied:
            raise self._error()
        return None

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Fail after the work."""
        if not self.applied:
            return response
        headers, body = self._error().render(
            request_id=world.new_guid(), client_request_id="", date=f"{world.times.now():%Y-%m-%dT%H:%M:%S}"
        )
        return SimResponse(status=self.status, headers=headers, body=body, delay=response.delay)


@dataclass(frozen=True)
class Html(Fault):
    """A gateway's page instead of JSON."""

    status: int = 502

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Answer with the page."""
        del world, request
        raise AnswerError(self.status, "", "Bad Gateway", style=Style.HTML)


@dataclass(frozen=True)
class LoseReply(Fault):
    """The work is done and the answer never arrives."""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Drop the connection."""
        del world
        return replace(response, broken=Break.DROPPED)


@dataclass(frozen=True)
class Drop(Fault):
    """The request is received and nothing is done; the connection closes."""

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Drop the connection."""
        del world, request
        return SimResponse(status=0, broken=Break.DROPPED)


@dataclass(frozen=True)
class Refuse(Fault):
    """No connection: nothing is sent at all."""

    refuses = True

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Refuse the connection."""
        del world, request
        return SimResponse(status=0, broken=Break.REFUSED)


@dataclass(frozen=True)
class Reset(Fault):
    """The work is done and the connection breaks in the middle of the body."""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Cut the body."""
        del world
        return replace(response, broken=Break.CUT)


@dataclass(frozen=True)
class PartialJson(Fault):
    """The work is done and half of the JSON arrives as if it were all."""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Halve the body."""
        del world
        return replace(response, body=response.body[: len(response.body) // 2])


@dataclass(frozen=True)
class Throttle(Fault):
    """A 429. `retry_after`: None = no header, "date" = an HTTP date, "huge", or any text."""

    retry_after: str | None = None
    seconds: float = 5.0  # for "date"

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Refuse for now."""
        del request
        value = self.retry_after
        if value == "huge":
            value = "86400"
        elif value == "date":
            moment = world.times.now().timestamp() + self.seconds
            value = format_datetime(
                world.times.now().fromtimestamp(moment, tz=world.times.now().tzinfo), usegmt=True
            )
        raise too_many(value, intune=True)


@dataclass(frozen=True)
class Slow(Fault):
    """The answer takes so many seconds longer."""

    seconds: float

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Delay the answer."""
        del world
        return replace(response, delay=response.delay + self.seconds)


@dataclass(frozen=True)
class ClaimsChallenge(Fault):
    """401 with a claims challenge: a new token must carry these claims."""

    claims: str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Ask for another token."""
        del world, request
        raise challenge(self.claims)


@dataclass(frozen=True)
class ExpireToken(Fault):
    """401: the token's life is over."""

    def before(self, world: World, request: SimRequest) -> SimResponse | None:
        """Ask for another token."""
        del world, request
        raise expired()


@dataclass(frozen=True)
class NextLink(Fault):
    """The page carries a nextLink to somewhere else. `{self}` in the URL stands for the request's own URL."""

    url: str

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Replace the link."""
        url = self.url.replace("{self}", world.current_url)
        return _rewrite(response, lambda body: {**body, "@odata.nextLink": url})


@dataclass(frozen=True)
class EmptyPage(Fault):
    """A page without rows that has a next page all the same."""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Send the client to the same page once more."""
        url = world.current_url
        return _rewrite(response, lambda body: {**body, "value": [], "@odata.nextLink": url})


@dataclass(frozen=True)
class DuplicateRow(Fault):
    """The last row of the page comes once more at the head of the next page: here, at the end of this one."""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Repeat a row."""
        del world
        return _rewrite(response, lambda body: {**body, "value": [*body["value"], *body["value"][:1]]})


@dataclass(frozen=True)
class Vanish(Fault):
    """An object is deleted as soon as the list has been sent (the first, or the one with that id)."""

    object_id: str = ""

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Delete it."""
        rows = json.loads(response.body).get("value", [])
        wanted = self.object_id or (rows[0]["id"] if rows else "")
        for tenant in world.tenants.values():
            for objects in tenant.stored.values():
                found = objects.get(wanted.lower())
                if found is not None and found.newest is not None:
                    tenant.commit(found, None)
        return response


@dataclass(frozen=True)
class WrongStatus(Fault):
    """The work is done and answered with another success code (201 on a GET, 200 for a 204)."""

    status: int

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Change the code."""
        del world
        return replace(response, status=self.status) if response.status < 300 else response  # noqa: PLR2004 - success


@dataclass(frozen=True)
class Headers(Fault):
    """More response headers (Deprecation, Sunset)."""

    headers: dict[str, str]

    def after(self, world: World, response: SimResponse) -> SimResponse:
        """Add them."""
        del world
        return replace(response, headers={**response.headers, **self.headers})


def challenge(claims: str) -> AnswerError:
    """The 401 of continuous access evaluation."""
    header = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{claims}"'
    )
    return AnswerError(
        401,
        "InvalidAuthenticationToken",
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
        "TokenIssuedBeforeRevocationTimestamp",
        headers={"WWW-Authenticate": header},
    )


def expired() -> AnswerError:
    """The 401 of a token that is too old."""
    return AnswerError(
        401,
        "InvalidAuthenticationToken",
        "Lifetime validation failed, the token is expired.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def _rewrite(response: SimResponse, change: Callable[[Json], Json]) -> SimResponse:
    if not response.body.startswith(b"{"):
        return response
    body = json.loads(response.body)
    if "value" not in body:
        return response
    return replace(response, body=json.dumps(change(body)))


@dataclass
class Rule:
    """One line of the script."""

    method: str
    pattern: re.Pattern[str]
    action: Fault
    nth: int
    times: int
    tenant: str
    seen: int = 0

    def fires(self, method: str, target: str, tenant: str) -> bool:
        """Count a request; is it one of those that are hit?"""
        if self.method != "*" and method not in self.method.split("|"):
            return False
        if not self.pattern.search(target):
            return False
        if self.tenant and self.tenant != tenant:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


class Script:
    """All rules, in the order in which they were given; the first that fires wins."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(
        self, method: str, path: str, action: Fault, *, nth: int = 1, times: int = 1, tenant: str = ""
    ) -> Rule:
        """Hit the nth matching request and `times - 1` more (0 = all that follow). `method` is one, several
        ("PATCH|PUT") or "*".
        """
        rule = Rule(
            method.upper().strip("()"), re.compile(path, re.IGNORECASE), action, nth, times, tenant.lower()
        )
        self.rules.append(rule)
        return rule

    def match(self, method: str, target: str, tenant: str) -> Fault | None:
        """The fault that hits this request; every rule counts it."""
        fired = [rule.action for rule in self.rules if rule.fires(method, target, tenant)]
        return fired[0] if fired else None

    def clear(self) -> None:
        """Forget the script."""
        self.rules.clear()


#: What the control port can script, by name.
FAULTS: dict[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        Status,
        Html,
        LoseReply,
        Drop,
        Refuse,
        Reset,
        PartialJson,
        Throttle,
        Slow,
        ClaimsChallenge,
        ExpireToken,
        NextLink,
        EmptyPage,
        DuplicateRow,
        Vanish,
        WrongStatus,
        Headers,
    )
}
