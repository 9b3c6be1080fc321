"""The writer's door: the Graph client that may change a tenant, and the claim of being its only writer.

Only what executes restores imports this module.
"""

from __future__ import annotations

from django.db import transaction

from tenantatlas.core.errors import Conflict
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
    """Nothing, or `Conflict` while writes are held, asked of the database now."""
    if Tenant.objects.filter(pk=tenant.pk, writes_held=True).exists():
        raise Conflict(
            f"Writing to {tenant.slug} is held since our own store was restored from a backup.",
            hint="Look at what changed since then and confirm with "
            f"`tenantatlas tenants set {tenant.slug} --writes yes`.",
        )


def claim_writer(tenant: Tenant, *, run_id: int) -> bool:
    """Make this run the tenant's only writer. True if it is now, or was already.

    The claim covers every connection to the same Microsoft tenant.
    """
    with transaction.atomic():
        rows = list(Tenant.objects.select_for_update().filter(tenant_guid=tenant.tenant_guid).order_by("pk"))
        if any(row.writer_run not in (None, run_id) for row in rows):
            return False
        Tenant.objects.filter(pk__in=[row.pk for row in rows]).update(writer_run=run_id)
    return True


def release_writer(tenant: Tenant, *, run_id: int) -> None:
    """Give up the claim of this run; a claim of another run stays."""
    Tenant.objects.filter(tenant_guid=tenant.tenant_guid, writer_run=run_id).update(writer_run=None)
