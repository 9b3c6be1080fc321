"""Where our tables live: a SQLite file beside the key, or PostgreSQL by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tenantatlas.core.errors import InputError
from tenantatlas.core.log import remember_secret

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;",
    "PRAGMA foreign_keys=ON;",
    "PRAGMA busy_timeout=30000;",
    "PRAGMA temp_store=MEMORY;",
)


def sqlite_database(path: Path, *, synchronous: str = "FULL") -> dict[str, Any]:
    """WAL, every commit on disk before it is acknowledged, write lock taken at the start, 30 s patience."""
    pragmas = (*_SQLITE_PRAGMAS, f"PRAGMA synchronous={synchronous};")
    return {
        "ENGINE": "tenantatlas.config.sqlite",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE", "init_command": "".join(pragmas)},
    }


def postgresql_database(url: str) -> dict[str, Any]:
    """Connection settings from `postgresql://user:password@host:port/name?sslmode=…`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad_url() from error
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgresql", "postgres"} or not name:
        raise _bad_url()
    options = dict(parse_qsl(parts.query))
    remember_secret(unquote(parts.password or ""))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": str(port or options.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {"connect_timeout": 10, **options},
    }


def _bad_url() -> InputError:
    return InputError(
        "ATLAS_DATABASE_URL is not a PostgreSQL address.",
        hint="Write postgresql://user:password@host:5432/name, or unset it for SQLite.",
    )


def database(url: str, *, home: Path) -> dict[str, Any]:
    """The database that the URL names; without a URL, `atlas.db` in the home folder."""
    return postgresql_database(url) if url else sqlite_database(home / "atlas.db")
