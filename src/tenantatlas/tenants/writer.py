"""The writer's door: the Graph client that may change a tenant.

Only what executes restores imports this module.
"""

from __future__ import annotations

from tenantatlas.core.errors import WritesHeld
from tenantatlas.graph.client import GraphClient

from .connections import client_with
from .models import Purpose, Tenant
from .queries import connection_of


def writer_client_for(tenant: Tenant) -> GraphClient:
    """The tenant's Graph client for writing: its writer's app, or the reader's where it has no writer.

    Refused while writes are held.
    """
    require_writes_allowed(tenant)
    purpose = Purpose.WRITER if connection_of(tenant, Purpose.WRITER) else Purpose.READER
    return client_with(tenant, purpose)


def require_writes_allowed(tenant: Tenant) -> None:
    """Nothing, or `WritesHeld` while writes are held, asked of the database now."""
    if Tenant.objects.filter(pk=tenant.pk, writes_held=True).exists():
        raise WritesHeld(
            f"Writing to {tenant.slug} is held, by a person or since our own store was restored from a copy.",
            hint="Look at what changed since then and confirm with "
            f"`tenantatlas tenants set {tenant.slug} --writes yes`.",
        )
