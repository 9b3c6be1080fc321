"""The one place that sends a request with a token.

It takes paths, never addresses: the origin is the cloud's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from tenantatlas import __version__
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, SignInFailed
from tenantatlas.core.ids import fresh_id

from .auth import Token, claims_challenge
from .errors import Fault, error_for, path_template, read_fault
from .transport import GraphRequest, GraphResponse, TransportFailed, current_transport
from .values import GraphTarget

logger = logging.getLogger(__name__)

#: Members that an enumeration got later come as they are, not as "unknownFutureValue".
READ_PREFERENCE = {"Prefer": "include-unknown-enum-members"}
_NAMES_TO_LOG = {
    "resource_unit": "x-ms-resource-unit",
    "throttle_percentage": "x-ms-throttle-limit-percentage",
    "deprecation": "deprecation",
    "sunset": "sunset",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request as we mean it. `path` is absolute with version, ready to send."""

    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    deadline: float = 60.0
    on_sent: Callable[[], None] | None = field(default=None, repr=False)
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One whole answer that can be trusted to be Graph's."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sent_at: float
    renewed: bool = False

    @property
    def ok(self) -> bool:
        """Was it done?"""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def request_id(self) -> str:
        """Graph's own name for the exchange."""
        return self.headers.get("request-id", "")

    def fault(self) -> Fault:
        """What an answer that is not ok says."""
        return read_fault(self.status, self.headers, self.body)


class TokenSource(Protocol):
    """Where a sender's tokens come from."""

    async def token(self) -> Token: ...
    async def renew(self, refused: Token, *, claims: str | None) -> Token: ...
    def give_up(self, error: AtlasError) -> None: ...


class Sender:
    """Sends calls to one target. Lives on the loop thread."""

    def __init__(self, target: GraphTarget, tokens: TokenSource) -> None:
        self._target = target
        self._tokens = tokens

    async def prepare(self) -> None:
        """Have a token at hand, so that nobody waits for one when its turn has come."""
        await self._tokens.token()

    async def read(self, call: Call) -> Answer:
        """Send; where the token is refused, once more with a new one."""
        token = await self._tokens.token()
        answer = await self._send(call, token)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        newer = await self._renew(token, answer)
        answer = await self._send(call, newer)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.give_up(error_for(answer.fault(), path=call.path))
        return answer

    async def write(self, call: Call) -> Answer:
        """Send once. Where the token is refused, it is renewed for the next time (`renewed`)."""
        token = await self._tokens.token()
        answer = await self._send(call, token)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        try:
            newer = await self._renew(token, answer)
        except SignInFailed:
            return answer
        return Answer(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            sent_at=answer.sent_at,
            renewed=newer is not token,
        )

    async def _renew(self, refused: Token, answer: Answer) -> Token:
        claims = claims_challenge(answer.headers.get("www-authenticate", ""))
        return await self._tokens.renew(refused, claims=claims)

    async def _send(self, call: Call, token: Token) -> Answer:
        sent_at = clock.monotonic()
        request = self._request(call, token)
        try:
            response = await current_transport().send(request)
            _check(response)
        except TransportFailed as error:
            _log(call, clock.monotonic() - sent_at, failed=error.reason)
            raise
        _log(call, clock.monotonic() - sent_at, response=response)
        return Answer(status=response.status, headers=response.headers, body=response.body, sent_at=sent_at)

    def _request(self, call: Call, token: Token) -> GraphRequest:
        if not call.path.startswith("/") or call.path.startswith("//"):
            raise AssertionError("a call has a path on the tenant's own origin")
        headers = {
            "Authorization": f"Bearer {token.value}",
            "Accept": "application/json",
            "User-Agent": f"TenantAtlas/{__version__}",
            "client-request-id": call.request_id or fresh_id(),
            "return-client-request-id": "true",
        }
        if call.method == "GET":
            headers.update(READ_PREFERENCE)
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        elif call.method not in ("GET", "DELETE"):
            headers["Content-Length"] = "0"
        return GraphRequest(
            method=call.method,
            url=self._target.cloud.graph_url + call.path,
            headers=headers,
            body=call.body,
            deadline=call.deadline,
            on_sent=call.on_sent,
            ca_pem=self._target.ca_pem,
        )


def _check(response: GraphResponse) -> None:
    """Refuse a good answer that is not Graph's (a portal's page) or not whole."""
    announced = response.headers.get("content-length", "")
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    if announced.isdigit() and not encoded and response.body and int(announced) != len(response.body):
        raise TransportFailed("the answer was cut short", kind="unknown")
    if not response.body or not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if "json" not in response.headers.get("content-type", "").lower():
        raise TransportFailed("the answer is not Graph's but a web page", kind="unknown")


def _log(call: Call, seconds: float, *, response: GraphResponse | None = None, failed: str = "") -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    facts: dict[str, object] = {
        "method": call.method,
        "path": path_template(call.path),
        "seconds": round(seconds, 3),
    }
    if failed:
        facts["failed"] = failed
    if response is not None:
        facts["status"] = response.status
        facts["request"] = response.headers.get("request-id", "")
        named = {key: response.headers.get(name) for key, name in _NAMES_TO_LOG.items()}
        facts.update({key: value for key, value in named.items() if value})
    logger.debug("graph_request", extra=facts)
