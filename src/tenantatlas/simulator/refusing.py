"""How the sign-in service says no: to a program as JSON, to a person as a page."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from tenantatlas.core import json

from .messages import SimResponse

if TYPE_CHECKING:
    from .world import World

_NO_STORE = "no-store, no-cache"


class SignInError(Exception):
    """The sign-in service refuses, with its own code."""

    def __init__(self, status: int, error: str, code: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.code, self.text = status, error, code, text


def describe(world: World, error: SignInError) -> str:
    """The sentence with the code in front and the ids behind."""
    stamp = f"{world.times.now():%Y-%m-%d %H:%M:%S}Z"
    return (
        f"AADSTS{error.code}: {error.text} Trace ID: {world.new_guid()} Correlation ID: {world.new_guid()} "
        f"Timestamp: {stamp}"
    )


def as_json(world: World, error: SignInError) -> SimResponse:
    """The refusal of a token."""
    body = {
        "error": error.error,
        "error_description": describe(world, error),
        "error_codes": [error.code],
        "timestamp": f"{world.times.now():%Y-%m-%d %H:%M:%S}Z",
        "trace_id": world.new_guid(),
        "correlation_id": world.new_guid(),
        "error_uri": f"https://login.microsoftonline.com/error?code={error.code}",
    }
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": _NO_STORE}
    return SimResponse(status=error.status, headers=headers, body=json.dumps(body))


def as_page(world: World, error: SignInError) -> SimResponse:
    """What a person reads where they cannot be sent back."""
    return page(error.status, "Sorry, but we are having trouble signing you in.", [describe(world, error)])


def page(status: int, title: str, paragraphs: list[str]) -> SimResponse:
    """A plain page. Paragraphs that begin with "<" are markup."""
    shown = [each if each.startswith("<") else f"<p>{html.escape(each)}</p>" for each in paragraphs]
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"</head><body><main><h1>{html.escape(title)}</h1>{''.join(shown)}</main></body></html>"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": _NO_STORE}
    return SimResponse(status=status, headers=headers, body=body.encode())
