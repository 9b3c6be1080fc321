"""Graph's answers in other words: the same facts, said as another server may say them.

A dialect changes what the simulator answers and nothing of what it stores, only in ways that the facts allow:
white space, annotations, the order of keys and of batch answers, 200 in the place of 201 and 204, absent in
the place of null, links with the port in them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tenantatlas.graph.transport import GraphRequest, GraphResponse, Transport

Json = Any

_SUCCESS = range(200, 300)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a server says things."""

    #: The answer of a request and what becomes of it; also each part of a batch.
    say: Callable[[str, str, int, Json], tuple[int, Json]]
    #: The bytes of an answer.
    write: Callable[[Json], bytes] = orjson.dumps
    headers: Callable[[Mapping[str, str]], dict[str, str]] = dict
    #: The parts of a batch, as they come.
    batch: Callable[[list[Json]], list[Json]] = list


class AnotherGraph:
    """A transport that lets the simulator answer, and says it in a dialect."""

    def __init__(self, simulator: Transport, dialect: Dialect) -> None:
        self._simulator = simulator
        self._dialect = dialect

    async def send(self, request: GraphRequest) -> GraphResponse:
        """See `Transport`."""
        answer = await self._simulator.send(request)
        if "/oauth2/" in request.url or "/.well-known/" in request.url:
            return answer
        path = "/" + request.url.split("/", 3)[3]
        body = orjson.loads(answer.body) if answer.body else None
        if path.endswith("/$batch") and answer.status in _SUCCESS:
            asked = {one["id"]: one for one in orjson.loads(request.body or b"{}")["requests"]}
            body = {"responses": self._dialect.batch([self._part(asked, one) for one in body["responses"]])}
            status = answer.status
        else:
            status, body = self._dialect.say(request.method, path, answer.status, body)
        return self._answer(answer, status, body)

    def _part(self, asked: Mapping[str, Json], part: Json) -> Json:
        one = asked[part["id"]]
        status, body = self._dialect.say(one["method"], one["url"], part["status"], part.get("body"))
        said = {**part, "status": status, "body": body}
        return {name: value for name, value in said.items() if name != "body" or value is not None}

    def _answer(self, answer: GraphResponse, status: int, body: Json) -> GraphResponse:
        data = b"" if body is None else self._dialect.write(body)
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        if data:
            headers |= {"content-type": "application/json;odata.metadata=minimal;charset=utf-8"}
            headers |= {"content-length": str(len(data))}
        return replace(answer, status=status, headers=self._dialect.headers(headers), body=data)


# ── A server that says everything ──


def _annotated(value: Json) -> Json:
    """Every object with what the service may add to it; keys in the other order."""
    if isinstance(value, list):
        return [_annotated(each) for each in value]
    if not isinstance(value, dict):
        return value
    said = {name: _annotated(child) for name, child in reversed(list(value.items()))}
    if "id" in said and "@odata.type" in said:
        said["@odata.id"] = f"deviceManagement/things('{said['id']}')"
        said["@odata.editLink"] = said["@odata.id"]
        said["@odata.etag"] = 'W/"1"'
        said["deviceStatuses@odata.navigationLink"] = "https://graph.microsoft.com/beta/things"
        said["deviceStatuses@odata.associationLink"] = "https://graph.microsoft.com/beta/things/$ref"
        said["#microsoft.graph.assign"] = {"title": "microsoft.graph.assign", "target": "https://x"}
        said["@microsoft.graph.tips"] = "Use $select to choose only the properties your app needs"
        said["supportsScopeTags"] = True
    return said


def _with_port(body: Json) -> Json:
    link = body.get("@odata.nextLink") if isinstance(body, dict) else None
    if isinstance(link, str):
        scheme, rest = link.split("://", 1)
        host, path = rest.split("/", 1)
        body["@odata.nextLink"] = f"{scheme}://{host if ':' in host else host + ':443'}/{path}"
    return body


def _say_much(method: str, _path: str, status: int, body: Json) -> tuple[int, Json]:
    if status not in _SUCCESS:
        return status, body
    body = _with_port(_annotated(body))
    if method == "GET":
        return status, body
    return 200, {} if body is None else body


def _pretty(body: Json) -> bytes:
    """Indented, every letter outside ASCII escaped, slashes too."""
    return json.dumps(body, indent=2, ensure_ascii=True).replace("/", "\\/").replace("\n", "\r\n").encode()


TALKATIVE = Dialect(
    say=_say_much,
    write=_pretty,
    headers=lambda headers: {name.title(): value for name, value in headers.items()},
    batch=lambda parts: list(reversed(parts)),
)


# ── A server that says as little as it may ──


def _without_null(value: Json) -> Json:
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_null(child)
        for name, child in value.items()
        if child is not None and not name.endswith(("@odata.context", "@odata.count"))
    }


def _say_little(method: str, path: str, status: int, body: Json) -> tuple[int, Json]:
    if status not in _SUCCESS:
        return status, body
    if method in ("PATCH", "PUT", "DELETE"):
        return 204, None
    if method == "POST" and isinstance(body, dict) and "id" not in body:
        return 204, None
    if "getOmaSettingPlainTextValue" in path:
        return status, body
    return status, _without_null(body)


LACONIC = Dialect(
    say=_say_little,
    headers=lambda headers: {name: value for name, value in headers.items() if "request-id" not in name},
)


# ── A gateway in front that does not believe that a batch holds JSON ──


def _in_base64(parts: list[Json]) -> list[Json]:
    """Every second body as Graph gives what it does not take for JSON."""
    return [
        {**part, "body": base64.b64encode(orjson.dumps(part["body"])).decode()}
        if number % 2 and part.get("body") is not None
        else part
        for number, part in enumerate(parts)
    ]


def _as_it_is(_method: str, _path: str, status: int, body: Json) -> tuple[int, Json]:
    return status, body


BASE64 = Dialect(say=_as_it_is, batch=_in_base64)

# ── A server that spells ids its own way ──


def _say_loudly(_method: str, _path: str, status: int, body: Json) -> tuple[int, Json]:
    """Ids of assigned groups come in capitals."""
    return status, _louder(body)


def _louder(value: Json) -> Json:
    if isinstance(value, list):
        return [_louder(each) for each in value]
    if isinstance(value, dict):
        return {
            name: child.upper() if name == "groupId" and isinstance(child, str) else _louder(child)
            for name, child in value.items()
        }
    return value


LOUD = Dialect(say=_say_loudly)
DIALECTS = {"talkative": TALKATIVE, "laconic": LACONIC, "base64": BASE64, "loud": LOUD}
