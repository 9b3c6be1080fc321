"""What every template knows: the tenant, the navigation, the bell, the person's theme."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tenantatlas.notifications.queries import unread_count
from tenantatlas.tenants.queries import tenants_of

from .navigation import GROUPS


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for the frame; three queries at most, none for a stranger."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"theme": "system"}
    return {
        "tenant": getattr(request, "tenant", None),
        "my_tenants": tenants_of(user),
        "navigation": GROUPS,
        "unread": unread_count(user.pk),
        "theme": user.preferences.get("theme", "system"),
    }
