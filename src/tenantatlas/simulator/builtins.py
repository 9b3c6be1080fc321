"""What Microsoft puts into every tenant before anybody configures anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tenants import SimTenant


def add_built_ins(tenant: SimTenant) -> None:
    """Seed the defaults."""
    tenant.put(
        "/organization",
        {
            "id": tenant.guid,
            "displayName": tenant.name,
            "verifiedDomains": [{"name": tenant.domain, "isDefault": True}],
        },
    )
