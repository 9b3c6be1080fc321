"""`$batch`: up to twenty requests in an envelope, each with an outcome of its own, in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantatlas.core import json
from tenantatlas.core.json import Json

from .errors import AnswerError
from .messages import SimRequest, SimResponse

if TYPE_CHECKING:
    from .world import World

MOST = 20
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
Serve = Callable[[SimRequest], SimResponse]


def answer_batch(
    world: World, request: SimRequest, root: str, version: str, serve: Serve
) -> tuple[Json, float]:
    """The envelope's answer and the seconds it takes."""
    items = _items(request)
    outcomes: dict[str, int] = {}
    responses: list[Json] = []
    delay = 0.0
    for item in items:
        response = _answer_item(item, f"{root}/{version}", request, outcomes, serve)
        delay = max(delay, response.delay)
        outcomes[item["id"].lower()] = response.status
        responses.append(_shown(item["id"], response))
    world.random.shuffle(responses)
    return {"responses": responses}, delay


def _refuse(message: str) -> AnswerError:
    return AnswerError(400, "BadRequest", message)


def _items(request: SimRequest) -> list[dict[str, Json]]:
    try:
        body = json.loads(request.body)
        items = body["requests"]
    except (json.BadJson, KeyError, TypeError) as error:
        raise _refuse("Invalid batch payload format.") from error
    if not isinstance(items, list) or not items:
        raise _refuse("Invalid batch payload format.")
    if len(items) > MOST:
        raise _refuse(f"Number of batch request steps exceeds the maximum value of {MOST}.")
    seen: set[str] = set()
    for item in items:
        _check_item(item, seen)
    return items


def _check_item(item: Json, seen: set[str]) -> None:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        raise _refuse("Request Id is missing or is not a string.")
    if item["id"].lower() in seen:
        raise _refuse(f"Request Id {item['id']} has to be unique in a batch.")
    seen.add(item["id"].lower())
    if item.get("method") not in _METHODS or not isinstance(item.get("url"), str):
        raise _refuse("Invalid batch payload format.")
    for needed in item.get("dependsOn") or ():
        if needed.lower() not in seen:
            raise _refuse(f"Request Id {needed} in dependsOn is not known.")


def _answer_item(
    item: dict[str, Json], base: str, outer: SimRequest, outcomes: dict[str, int], serve: Serve
) -> SimResponse:
    for needed in item.get("dependsOn") or ():
        if outcomes.get(needed.lower(), 0) >= 400:  # noqa: PLR2004 - HTTP's errors
            return _error(424, "FailedDependency", "A request that this one depends on has failed.")
    refusal = _refuse_item(item)
    if refusal is not None:
        return refusal
    headers = {str(key): str(value) for key, value in (item.get("headers") or {}).items()}
    headers.setdefault("Authorization", outer.header("authorization"))
    body = b"" if item.get("body") is None else json.dumps(item["body"])
    url = base + "/" + item["url"].lstrip("/")
    response = serve(SimRequest(method=item["method"], url=url, headers=headers, body=body))
    if response.broken is not None:
        return _error(504, "GatewayTimeout", "The request timed out behind the gateway.")
    return response


def _refuse_item(item: dict[str, Json]) -> SimResponse | None:
    parts = urlsplit(item["url"])
    first = parts.path.lstrip("/").split("/")[0].lower()
    if parts.scheme or parts.netloc:
        return _error(400, "BadRequest", "The url of a batched request must be relative.")
    if first in {"beta", "v1.0"}:
        return _error(400, "BadRequest", f"Resource not found for the segment '{first}'.")
    if first == "$batch":
        return _error(400, "BadRequest", "Nested batches are not supported.")
    names = {str(key).lower() for key in item.get("headers") or {}}
    if item.get("body") is not None and "content-type" not in names:
        return _error(400, "BadRequest", "Write request id has a body but no Content-Type header.")
    return None


def _error(status: int, code: str, message: str) -> SimResponse:
    headers = {"Content-Type": "application/json"}
    return SimResponse(
        status=status, headers=headers, body=json.dumps({"error": {"code": code, "message": message}})
    )


def _shown(item_id: str, response: SimResponse) -> Json:
    headers = {key: value for key, value in response.headers.items() if key.lower() != "content-length"}
    shown: dict[str, Json] = {"id": item_id, "status": response.status, "headers": headers}
    if response.body:
        shown["body"] = _body(response)
    return shown


def _body(response: SimResponse) -> Json:
    try:
        return json.loads(response.body)
    except json.BadJson:
        return response.body.decode("utf-8", "replace")
