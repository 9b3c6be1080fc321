"""Graph's own error answers, in the shapes that Graph uses. None of these is an error of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.core import json
from tenantatlas.core.json import Json


class Style(StrEnum):
    """How the envelope is written."""

    PLAIN = "plain"
    INTUNE = "intune"  # the message is itself a JSON document
    INNER = "inner"  # conditional access: the reason is in innerError.message
    EMPTY = "empty"
    HTML = "html"


@dataclass(eq=False)
class AnswerError(Exception):
    """This request is answered with an error."""

    status: int
    code: str
    message: str
    style: Style = Style.PLAIN
    headers: Mapping[str, str] | None = None
    phrase: str = ""
    inner: str = ""

    def render(self, *, request_id: str, client_request_id: str, date: str) -> tuple[dict[str, str], bytes]:
        """The headers and the body of the answer."""
        headers = {"Content-Type": "application/json", **(self.headers or {})}
        if self.style is Style.EMPTY:
            return headers, b""
        if self.style is Style.HTML:
            page = (
                f"<html><head><title>{self.status}</title></head><body><h2>{self.message}</h2></body></html>"
            )
            return {**headers, "Content-Type": "text/html"}, page.encode()
        return headers, json.dumps(self._envelope(request_id, client_request_id, date))

    def _envelope(self, request_id: str, client_request_id: str, date: str) -> Json:
        message = self.message
        if self.style is Style.INTUNE:
            message = self._nested(request_id)
        inner: dict[str, Json] = {
            "date": date,
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        if self.inner:
            inner = {"message": self.inner, **inner}
        return {"error": {"code": self.code, "message": message, "innerError": inner}}

    def _nested(self, request_id: str) -> str:
        text = (
            f"{self.message} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000"
            f" - Activity ID: {request_id}"
            " - Url: https://fef.sim01.manage.microsoft.com/StatelessService_2611/deviceManagement"
        )
        return json.dumps(
            {
                "_version": 3,
                "Message": text,
                "CustomApiErrorPhrase": self.phrase,
                "RetryAfter": None,
                "ErrorSourceService": "",
                "HttpHeaders": "{}",
            }
        ).decode()


def bad_request(
    message: str, *, code: str = "BadRequest", phrase: str = "", intune: bool = True
) -> AnswerError:
    """A 400, in Intune's nested form unless told otherwise."""
    style = Style.INTUNE if intune else Style.PLAIN
    return AnswerError(400, code, message, style=style, phrase=phrase)


def unknown_segment(segment: str) -> AnswerError:
    """The gateway does not know this part of the path. It says 400, not 404."""
    return AnswerError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def no_route(path: str) -> AnswerError:
    """The service behind the gateway has no such route, or the id in the path is empty."""
    return bad_request(
        f"No OData route exists that match template ~{path} with http verb.",
        code="No method match route template",
        phrase="NoRouteMatch",
    )


def not_found(what: str, *, intune: bool) -> AnswerError:
    """The object is gone, not there yet, or not visible."""
    if intune:
        return AnswerError(404, "ResourceNotFound", f"{what} was not found.", style=Style.INTUNE)
    return AnswerError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )
