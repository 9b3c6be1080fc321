"""What every template knows: the tenant, the navigation, the bell, the person's theme."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tenantatlas.accounts.preferences import CHOICES, ZONE, preference
from tenantatlas.notifications.queries import unread_count

from .navigation import GROUPS


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for the frame; one query, none for a stranger."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"theme": "system", "keys": "on"}
    return {
        "tenant": getattr(request, "tenant", None),
        "navigation": GROUPS,
        "unread": unread_count(user.pk),
        "theme": preference(user.preferences, "theme"),
        "keys": preference(user.preferences, "keys"),
        "times_style": preference(user.preferences, "times"),
        "times_choices": CHOICES["times"].items(),
        "zone_unknown": ZONE not in user.preferences,
    }
