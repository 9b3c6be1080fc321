"""Settings that are missing or contradict each other, found before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register("atlas")
def check_heartbeat(_apps: Sequence[AppConfig] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """A worker must be able to miss a beat without losing its runs."""
    if settings.ATLAS_HEARTBEAT_SECONDS * 2 <= settings.ATLAS_LEASE_SECONDS:
        return []
    return [
        Error(
            "ATLAS_HEARTBEAT_SECONDS is more than half of ATLAS_LEASE_SECONDS.",
            hint="A worker that misses one beat would lose its runs. Use at most half the lease.",
            id="atlas.E001",
        )
    ]


@register("atlas")
def check_key_place(_apps: Sequence[AppConfig] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """The key and the secret are two files."""
    if settings.ATLAS_KEY_FILE != settings.ATLAS_SECRET_KEY_FILE:
        return []
    return [
        Error(
            "ATLAS_KEY_FILE and ATLAS_SECRET_KEY_FILE name the same file.",
            hint="Unset one of them: each defaults to its own file in ATLAS_HOME.",
            id="atlas.E002",
        )
    ]


@register("atlas")
def check_time_scale(_apps: Sequence[AppConfig] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Scaled time is for simulators on loopback; each Graph client refuses it elsewhere."""
    if settings.ATLAS_TIME_SCALE == 1:
        return []
    return [
        Warning(
            f"ATLAS_TIME_SCALE is {settings.ATLAS_TIME_SCALE:g}: only tenants on loopback can be reached.",
            hint="Unset it to work with real tenants.",
            id="atlas.W001",
        )
    ]
