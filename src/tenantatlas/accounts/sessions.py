"""Sessions in the database, under the digest of what the browser holds: who reads the table can use none.

A session ends twelve hours after sign-in, whatever happens in it; one of nobody (between password and code)
after ten minutes. Ending one is deleting its row: the next request finds nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

from tenantatlas.core import clock
from tenantatlas.core.ids import sha256_hex

from .models import Session

LONGEST = timedelta(hours=12)
LONGEST_OF_NOBODY = timedelta(minutes=10)
_STARTED = "started"
_KEY_CHARS = 40


def stored_key(session_key: str) -> str:
    """The name under which the database knows the session that a browser names so."""
    return sha256_hex(session_key.encode("utf-8", "replace"))[:_KEY_CHARS]


class SessionStore(DatabaseSessions):
    """Django's database sessions, with digests for names and an end that does not move."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Ours, which knows the person."""
        return Session

    def _get_session_from_db(self) -> Session | None:
        key = stored_key(self.session_key or "")
        found: Session | None = Session.objects.filter(session_key=key, expire_date__gt=clock.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Whether a session has this name."""
        return Session.objects.filter(session_key=stored_key(session_key)).exists()

    def delete(self, session_key: str | None = None) -> None:
        """End this session, or the one named."""
        name = session_key or self.session_key
        if name:
            Session.objects.filter(session_key=stored_key(name)).delete()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row; a session that somebody signs in to starts now."""
        if SESSION_KEY in data:
            data.setdefault(_STARTED, clock.now().timestamp())
        started = self.started_at or clock.now()
        return Session(
            session_key=stored_key(self._get_or_create_session_key()),  # type: ignore[attr-defined]  # Django's
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=data.get(SESSION_KEY),
            started_at=started,
            address=str(data.get("address", ""))[:45],
            browser=str(data.get("browser", ""))[:200],
        )

    @property
    def started_at(self) -> datetime | None:
        """When the person signed in; None while nobody has."""
        started = self.get(_STARTED)
        return None if started is None else datetime.fromtimestamp(float(started), tz=clock.now().tzinfo)

    def get_expiry_date(self, **_kwargs: Any) -> datetime:
        """When the session ends, however busy it is. A sign-in not saved yet begins now."""
        if self.started_at is not None:
            return self.started_at + LONGEST
        return clock.now() + (LONGEST if SESSION_KEY in self else LONGEST_OF_NOBODY)

    def get_expiry_age(self, **_kwargs: Any) -> int:
        """Seconds until then, for the cookie."""
        return max(0, int((self.get_expiry_date() - clock.now()).total_seconds()))

    @classmethod
    def clear_expired(cls) -> None:
        """Forget sessions that have ended."""
        Session.objects.filter(expire_date__lte=clock.now()).delete()
