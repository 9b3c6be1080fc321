"""A Graph of a few lines: scripted answers, a journal, a sign-in service that gives readable tokens."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tenantatlas.core import clock
from tenantatlas.graph.transport import GraphRequest, GraphResponse, TransportFailed
from tests.canary import MARK, secret

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SECRET = secret("client secret of the fake")
GRAPH = "https://graph.microsoft.com"
LOGIN = "https://login.microsoftonline.com"

Answer = GraphResponse | TransportFailed | Callable[[GraphRequest], "GraphResponse | TransportFailed"]


def reply(status: int = 200, body: Any = None, **headers: str) -> GraphResponse:
    """An answer with a JSON body."""
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return GraphResponse(
        status=status,
        headers={"content-type": "application/json; charset=utf-8", "request-id": "req-1", **names},
        body=raw,
    )


def refusal(status: int, code: str = "Refused", message: str = "No.", **headers: str) -> GraphResponse:
    """An error answer as Graph shapes it."""
    inner = {"request-id": "req-9", "client-request-id": "cli-9", "date": "2026-11-23T08:00:00"}
    return reply(status, {"error": {"code": code, "message": message, "innerError": inner}}, **headers)


def rows(*names: str, link: str | None = None) -> dict[str, Any]:
    """A page of a collection."""
    page: dict[str, Any] = {"value": [{"id": name} for name in names]}
    return page if link is None else {**page, "@odata.nextLink": link}


def make_token(claims: dict[str, Any]) -> str:
    """A token that says these things, signed by nobody."""
    parts = ({"alg": "none"}, {"sub": MARK, **claims})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@dataclass(frozen=True)
class Seen:
    """One request that reached the fake."""

    method: str
    path: str
    origin: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None
    at: float


class FakeGraph:
    """Answers by (method, path with query); the last answer of a script repeats."""

    def __init__(self) -> None:
        self.journal: list[Seen] = []
        self.sign_ins: list[dict[str, list[str]]] = []
        self.scripts: dict[tuple[str, str], list[Answer]] = {}
        self.fallback: Callable[[GraphRequest], GraphResponse] | None = None
        self.roles = ["DeviceManagementConfiguration.Read.All"]
        self.tid = TENANT
        self.expires_in = 3600
        self.login_answers: list[GraphResponse | TransportFailed] = []
        self._numbers = itertools.count(1)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """What to answer there, one after the other."""
        self.scripts[method, path] = list(answers)

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for, in order."""
        return [seen.path for seen in self.journal if seen.method == method]

    async def send(self, request: GraphRequest) -> GraphResponse:
        """The transport."""
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin == LOGIN:
            return self._login(request, parts.path)
        path = request.url.removeprefix(origin)
        seen = Seen(request.method, path, origin, dict(request.headers), request.body, clock.monotonic())
        self.journal.append(seen)
        answer = self._answer(request, path)
        if isinstance(answer, TransportFailed):
            if answer.kind == "unknown" and request.on_sent:
                request.on_sent()
            raise answer
        if request.on_sent:
            request.on_sent()
        return answer

    def _answer(self, request: GraphRequest, path: str) -> GraphResponse | TransportFailed:
        script = self.scripts.get((request.method, path))
        if script is None:
            if path.endswith("/$batch"):
                return self._batch(request, path.removesuffix("/$batch"))
            if self.fallback is not None:
                return self.fallback(request)
            return refusal(404, "ResourceNotFound", "There is no such thing.")
        answer = script.pop(0) if len(script) > 1 else script[0]
        return answer(request) if callable(answer) else answer

    def _batch(self, request: GraphRequest, version: str) -> GraphResponse:
        """Each sub-request answered as it would be alone, last one first."""
        parts = []
        for one in reversed(json.loads(request.body or b"{}")["requests"]):
            inner = GraphRequest(method=one["method"], url=f"{GRAPH}{version}{one['url']}")
            answer = self._answer(inner, version + one["url"])
            assert isinstance(answer, GraphResponse)
            parts.append(sub(one["id"], answer))
        return batch_reply(*parts)

    def _login(self, request: GraphRequest, path: str) -> GraphResponse:
        if path.endswith("/.well-known/openid-configuration"):
            tenant = path.split("/")[1]
            return reply(
                200,
                {
                    "issuer": f"{LOGIN}/{tenant}/v2.0",
                    "authorization_endpoint": f"{LOGIN}/{tenant}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{LOGIN}/{tenant}/oauth2/v2.0/token",
                },
            )
        self.sign_ins.append(parse_qs((request.body or b"").decode()))
        if self.login_answers:
            answer = self.login_answers.pop(0)
            if isinstance(answer, TransportFailed):
                raise answer
            return answer
        token = make_token({"tid": self.tid, "roles": self.roles, "n": next(self._numbers)})
        return reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in})


def sub(number: str | int, answer: GraphResponse) -> bytes:
    """One sub-response; its body stays byte for byte."""
    headers = {name: value for name, value in answer.headers.items() if name != "request-id"}
    head = json.dumps({"id": number, "status": answer.status, "headers": headers}, separators=(",", ":"))
    body = answer.body or b"null"
    return head.encode()[:-1] + b',"body":' + body + b"}"


def batch_reply(*parts: bytes) -> GraphResponse:
    """A batch's answer."""
    return reply(200, b'{"responses":[' + b",".join(parts) + b"]}")


def asked(request: GraphRequest) -> list[dict[str, Any]]:
    """What a batch asks for."""
    requests: list[dict[str, Any]] = json.loads(request.body or b"{}")["requests"]
    return requests
