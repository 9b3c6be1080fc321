"""MSAL's way to the network: our transport, and the login origin only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tenantatlas.core.errors import SignInFailed, Unavailable, UpstreamError

from .errors import parse_retry_after
from .origins import path_within
from .transport import GraphRequest, GraphResponse, TransportFailed, current_transport, hint_for
from .values import GraphTarget
from .waiting import LoopThread

_DEADLINE = 30.0
_DISCOVERY = "/v2.0/.well-known/openid-configuration"


class NoCache(dict[str, Any]):
    """MSAL remembers answers by the wall clock; we decide ourselves when to ask again."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Forget it."""


class _MsalAnswer:
    """An answer in the shape MSAL expects."""

    def __init__(self, answer: GraphResponse) -> None:
        self.status_code = answer.status
        self.headers = dict(answer.headers)
        self.text = answer.body.decode("utf-8", "replace")

    def raise_for_status(self) -> None:
        """Refusals are read from the text; worse answers never get here."""


def _description(answer: GraphResponse) -> str:
    """What a refusal of the sign-in service says."""
    said = _json(answer)
    return str(said.get("error_description") or "")[:2000] if isinstance(said, dict) else ""


def _json(answer: GraphResponse) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _with_endpoints(url: str, answer: GraphResponse) -> GraphResponse:
    """The discovery document, with the endpoints that every tenant has where it does not say its own.

    Refusals and what is no such document stay as they are.
    """
    if answer.status == HTTPStatus.NOT_FOUND and not _description(answer):
        said: Any = {}
    elif answer.status == HTTPStatus.OK:
        said = _json(answer)
    else:
        return answer
    if not isinstance(said, dict):
        return answer
    tenant = url.removesuffix(_DISCOVERY)
    usual = {
        "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{tenant}/oauth2/v2.0/token",
    }
    headers = {"content-type": "application/json"}
    return GraphResponse(status=HTTPStatus.OK, headers=headers, body=json.dumps({**usual, **said}).encode())


class MsalHttp:
    """MSAL's way to the network: our transport, the login origin only, no redirects.

    `last_refusal` is what the service said the last time that it refused.
    """

    def __init__(self, target: GraphTarget, loop: LoopThread) -> None:
        self._target = target
        self._loop = loop
        self.last_refusal = ""

    def get(
        self, url: str, params: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> _MsalAnswer:
        """An HTTP GET for MSAL."""
        answer = self._send("GET", url, params, headers or {}, None)
        return self._checked(_with_endpoints(url, answer) if url.endswith(_DISCOVERY) else answer)

    def post(
        self,
        url: str,
        params: Any = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> _MsalAnswer:
        """An HTTP POST for MSAL."""
        form = data if isinstance(data, str) else urlencode(data or {})
        headers = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return self._checked(self._send("POST", url, params, headers, form.encode("ascii")))

    def close(self) -> None:
        """Nothing is held open."""

    def _send(
        self, method: str, url: str, params: Any, headers: Mapping[str, str], body: bytes | None
    ) -> GraphResponse:
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
        request = GraphRequest(
            method=method,
            url=self._within_login(url),
            headers=dict(headers),
            body=body,
            deadline=_DEADLINE,
            ca_pem=self._target.ca_pem,
        )
        try:
            return self._loop.run(current_transport().send(request))
        except TransportFailed as error:
            raise Unavailable(
                f"The sign-in service could not be reached: {error.reason}.",
                hint=hint_for(error.reason),
            ) from None

    def _within_login(self, url: str) -> str:
        cloud = self._target.cloud
        failed: UpstreamError | None = None
        for origin in (cloud.login_url, *cloud.login_aliases):
            try:
                return origin + path_within(origin, url)
            except UpstreamError as error:
                failed = error
        raise SignInFailed(
            "The sign-in service links to another place; nothing was sent there.",
            hint="Check the login address of the tenant's cloud.",
        ) from failed

    def _checked(self, answer: GraphResponse) -> _MsalAnswer:
        status = answer.status
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(
                f"The sign-in service answered {status}.",
                details={
                    "status": status,
                    "retry_after": parse_retry_after(answer.headers.get("retry-after")),
                },
            )
        if "json" not in answer.headers.get("content-type", "") or 300 <= status < 400:  # noqa: PLR2004 - redirects
            raise Unavailable(
                f"The sign-in service's answer ({status}) is not its own.",
                hint="A proxy or portal may have answered in its place; check the login address.",
                details={"status": status},
            )
        if status >= HTTPStatus.BAD_REQUEST:
            self.last_refusal = _description(answer)
        return _MsalAnswer(answer)
