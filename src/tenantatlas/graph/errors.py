"""Graph's answers, turned into the errors that a person can meet.

Intune nests its message as JSON inside the error message; gateways answer with HTML or nothing. What comes
out holds a short sentence, a hint and small facts: never a body, never a token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from tenantatlas.core import clock
from tenantatlas.core.errors import (
    AtlasError,
    ConsentMissing,
    NotOffered,
    Rejected,
    SignInFailed,
    Throttled,
    Unavailable,
    UpstreamError,
)
from tenantatlas.core.log import redact_text

_LONGEST_MESSAGE = 400
_LONGEST_RETRY_AFTER = 86_400.0
_PERMISSION = re.compile(r"\b[A-Z][A-Za-z]+(?:-[A-Za-z]+)?\.(?:Read|ReadWrite)(?:\.[A-Za-z]+)*\b")
_QUOTED = re.compile(r"'[^']*'")
_ID = re.compile(r"(?i)^[^(']*(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[^(']*$|^[\d_-]+$")
_GUID = re.compile(r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")

#: What Graph says where a cloud, a licence or a tenant does not have the thing at all.
_NOT_OFFERED = (
    "not applicable to target tenant",
    "not supported for this environment",
    "not supported in this environment",
    "requestfromnonpremiumtenant",
    "premium license",
    "premium licence",
    "not licensed for this feature",
    "does not have a valid license",
)
#: These need an entitlement besides the permission; without it Graph answers a plain 403.
_ENTITLED = re.compile(r"(?i)/deviceManagement/windows(?:Feature|Quality|Driver)\w*(?:Profiles|Policies)\b")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What an error answer says, unwrapped."""

    status: int
    code: str = ""
    message: str = ""
    phrase: str = ""
    request_id: str = ""
    client_request_id: str = ""
    approval_code: str = ""
    retry_after: float | None = None

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions that the text names."""
        return tuple(dict.fromkeys(_PERMISSION.findall(self.message)))

    def details(self) -> dict[str, Any]:
        """The facts for machines."""
        facts = {
            "status": self.status,
            "graph_code": self.code,
            "request_id": self.request_id,
            "client_request_id": self.client_request_id,
            "approval_code": self.approval_code,
        }
        return {name: value for name, value in facts.items() if value}


def clean(text: str) -> str:
    """One line, short, without anything that looks like a token."""
    line = " ".join(redact_text(text).split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 1] + "…"


def read_fault(status: int, headers: Mapping[str, str], body: bytes) -> Fault:
    """Unwrap an error answer, whatever it is made of."""
    error = _error_object(body)
    inner = error.get("innerError") or error.get("innererror")
    inner = inner if isinstance(inner, dict) else {}
    nested = _object(str(error.get("message") or ""))
    text = str(nested.get("Message") or nested.get("message") or "" if nested else error.get("message") or "")
    nested_headers = _object(str(nested.get("HttpHeaders") or ""))
    approval = _text(headers.get("x-msft-approval-code") or nested_headers.get("x-msft-approval-code"))
    return Fault(
        status=status,
        code=clean(_text(error.get("code"))),
        message=_message(text, inner),
        phrase=clean(_text(nested.get("CustomApiErrorPhrase"))),
        request_id=_text(headers.get("request-id") or inner.get("request-id")),
        client_request_id=_text(headers.get("client-request-id") or inner.get("client-request-id")),
        approval_code=approval if _GUID.fullmatch(approval) else "",
        retry_after=_first_wait(headers.get("retry-after"), nested.get("RetryAfter")),
    )


def _message(text: str, inner: Mapping[str, Any]) -> str:
    message = text.split(" - Operation ID", 1)[0]
    inner_message = _text(inner.get("message"))
    if inner_message and inner_message not in message:
        message = f"{message} ({inner_message})" if message else inner_message
    return clean(message)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(data: bytes | str) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _error_object(body: bytes) -> dict[str, Any]:
    outer = _object(body)
    error = outer.get("error", outer)
    return error if isinstance(error, dict) else {"message": _text(error)}


def _first_wait(*values: object) -> float | None:
    for value in values:
        seconds = parse_retry_after(str(value)) if value is not None else None
        if seconds is not None:
            return seconds
    return None


def parse_retry_after(value: str | None) -> float | None:
    """Seconds that a `Retry-After` asks for, rounded up, within 0 … one day; None where it says nothing."""
    if not value:
        return None
    seconds = _as_number(value.strip())
    if seconds is None:
        seconds = _until_date(value.strip())
    if seconds is None or not math.isfinite(seconds):
        return None
    return float(math.ceil(min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)))


def _as_number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?\d{1,300}(?:\.\d{1,300})?", text) else None


def _until_date(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - clock.now()).total_seconds()


def error_for(fault: Fault, *, path: str) -> AtlasError:
    """The error that this answer is, as a person meets it."""
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(retry_after=fault.retry_after, details=fault.details())
    if _is_unavailable(fault.status):
        return _unavailable(fault)
    if fault.status < HTTPStatus.BAD_REQUEST:
        return Unavailable(
            f"Microsoft Graph answered {fault.status}; redirects are never followed.",
            hint="Check the address of the cloud, and any proxy in between.",
            details=fault.details(),
        )
    if _is_not_offered(fault, path):
        return NotOffered(
            _sentence("This cloud or licence does not offer it", fault), details=fault.details()
        )
    return _refusal(fault)


def _is_unavailable(status: int) -> bool:
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.NOT_IMPLEMENTED):
        return status == HTTPStatus.REQUEST_TIMEOUT
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _unavailable(fault: Fault) -> UpstreamError:
    return Unavailable(
        _sentence(f"Microsoft Graph answered {fault.status}", fault),
        hint="Try again later; if it stays, give Microsoft the request id.",
        details=fault.details(),
    )


def _refusal(fault: Fault) -> UpstreamError:
    if fault.status == HTTPStatus.UNAUTHORIZED:
        return SignInFailed(
            _sentence("Microsoft Graph does not accept the sign-in", fault),
            hint="Check that the app registration is enabled and belongs to this tenant and cloud.",
            details=fault.details(),
        )
    if fault.status == HTTPStatus.FORBIDDEN:
        return consent_missing(fault.permissions, fault)
    return Rejected(_sentence("Microsoft Graph refused", fault), hint=_hint(fault), details=fault.details())


def consent_missing(permissions: tuple[str, ...], fault: Fault) -> ConsentMissing:
    """A 403, naming the permissions (any one of them is enough)."""
    named = " or ".join(permissions)
    message = f"A permission is missing: {named}." if named else _sentence("A permission is missing", fault)
    return ConsentMissing(
        message,
        hint="Grant it to the app registration as an application permission, with admin consent.",
        details={**fault.details(), "permissions": list(permissions)},
    )


def _is_not_offered(fault: Fault, path: str) -> bool:
    if fault.status == HTTPStatus.NOT_IMPLEMENTED:
        return True
    said = f"{fault.code} {fault.message} {fault.phrase}".lower()
    if fault.status in (400, 403, 404) and any(words in said for words in _NOT_OFFERED):
        return True
    forbidden = fault.status == HTTPStatus.FORBIDDEN and not fault.permissions
    return forbidden and _ENTITLED.search(path) is not None


def _sentence(start: str, fault: Fault) -> str:
    said = fault.message or fault.phrase or fault.code
    if not said:
        return f"{start} ({fault.status})." if str(fault.status) not in start else f"{start}."
    return f"{start}: {said}"


def _hint(fault: Fault) -> str:
    if fault.approval_code or "approval" in fault.message.lower():
        return "Multi Admin Approval holds this change: another admin must approve it in Intune."
    if fault.status == HTTPStatus.NOT_FOUND:
        return "It is gone, or not visible yet."
    if fault.status == HTTPStatus.CONFLICT:
        return "Something else changed it at the same time, or the name is taken."
    if fault.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "The policy is larger than Graph accepts."
    return ""


def path_template(path: str) -> str:
    """The path as it may be logged: no query, ids and quoted arguments replaced."""
    segments = path.split("?", 1)[0].split("/")
    return "/".join("{id}" if _ID.search(one) else _QUOTED.sub("'…'", one) for one in segments)[:200]
