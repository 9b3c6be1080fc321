"""What the browser keeps for us besides its session: signed, bound to what it is for, hidden from scripts.

seen      when the person last did something, so that a session ends after half an hour without: in a cookie
          because a GET writes nothing to the database
known     that this browser has signed in to an account before, so that others' tries do not lock it out
messages  the toasts of the page to come
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenantatlas.accounts.sessions import SessionStore, stored_key
from tenantatlas.core import clock
from tenantatlas.core.ids import fresh_id

IDLE = timedelta(minutes=30)
SEEN, _KNOWN = "seen", "known"
_RENEWED_AFTER = timedelta(minutes=1)
_KNOWN_FOR = timedelta(days=180)


class Toasts(CookieStorage):
    """Toasts in a cookie only, so that showing one writes nothing."""

    @property
    def cookie_name(self) -> str:  # type: ignore[override]  # Django has a plain attribute
        """Bound to this very host where the site speaks TLS."""
        return _full("messages")


def set_signed_cookie(response: HttpResponseBase, name: str, value: object, *, lasts: timedelta) -> None:
    """Give the browser a value that it cannot change and scripts cannot read."""
    response.set_cookie(
        _full(name),
        signing.dumps(value, salt=name),
        max_age=int(lasts.total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def signed_cookie(request: HttpRequest, name: str) -> object:
    """What we gave the browser under that name; None where that is nothing, or not ours."""
    try:
        value: object = signing.loads(request.COOKIES.get(_full(name), ""), salt=name)
    except signing.BadSignature:
        return None
    return value


def forget_cookie(response: HttpResponseBase, name: str) -> None:
    """Have the browser forget what we gave it under that name."""
    response.delete_cookie(_full(name), samesite="Lax")


def _full(name: str) -> str:
    return f"{settings.COOKIE_PREFIX}{name}"


# ── When the person last did something ────────────────────────────────────────────────────────────────────


def is_idle(request: HttpRequest) -> bool:
    """Whether nothing was done in the request's session for half an hour."""
    return clock.now() - _last_act(request) >= IDLE


def note_act(request: HttpRequest, response: HttpResponseBase) -> None:
    """Remember that something was done now, to the minute. Pages that renew themselves do nothing."""
    if request.headers.get("HX-Request") == "true" and request.method == "GET":
        return
    if clock.now() - _last_act(request) >= _RENEWED_AFTER:
        value = [_session_name(request), int(clock.now().timestamp())]
        set_signed_cookie(response, SEEN, value, lasts=IDLE)


def _last_act(request: HttpRequest) -> datetime:
    session = request.session
    started = session.started_at if isinstance(session, SessionStore) else None
    seen = signed_cookie(request, SEEN)
    last = started or datetime.fromtimestamp(0, tz=UTC)
    if isinstance(seen, list) and len(seen) == 2 and seen[0] == _session_name(request):  # noqa: PLR2004 - as written
        last = max(last, datetime.fromtimestamp(int(seen[1]), tz=UTC))
    return last


def _session_name(request: HttpRequest) -> str:
    return stored_key(request.session.session_key or "")


# ── Whether this browser has signed in before ─────────────────────────────────────────────────────────────


def known_browser(request: HttpRequest, email: str) -> str:
    """The id of the browser if it has signed in to the account before; else empty."""
    known = signed_cookie(request, _KNOWN)
    accounts = known.get("accounts", ()) if isinstance(known, dict) else ()
    return str(known["id"]) if isinstance(known, dict) and _digest(email) in accounts else ""


def note_known_browser(request: HttpRequest, response: HttpResponseBase, email: str) -> None:
    """Remember that the account was signed in to with this browser."""
    known = signed_cookie(request, _KNOWN)
    before = known if isinstance(known, dict) else {"id": fresh_id(), "accounts": []}
    accounts = [_digest(email), *(each for each in before["accounts"] if each != _digest(email))][:5]
    set_signed_cookie(response, _KNOWN, {"id": before["id"], "accounts": accounts}, lasts=_KNOWN_FOR)


def _digest(email: str) -> str:
    return stored_key(f"account {email.strip().lower()}")
