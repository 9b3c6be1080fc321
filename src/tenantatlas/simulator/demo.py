"""A believable tenant for demonstrations, and what may happen to one on a bad day."""

from __future__ import annotations

from typing import Any

from .simulator import Simulator


def seed_demo(simulator: Simulator, *, guid: str) -> dict[str, Any]:
    """Fill a tenant."""
    tenant = simulator.tenant(guid)
    return {"tenant": tenant.guid}


def accident(simulator: Simulator, *, guid: str) -> dict[str, Any]:
    """Break some of it."""
    simulator.tenant(guid)
    return {}
