"""The tenant's Graph clients: made from its sealed credentials, which go to Graph only.

`client_for` is the reader's door. What may write is in `writer`, which backup code does not import.
"""

from __future__ import annotations

import ipaddress
import threading
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection as database

from tenantatlas.core import clock
from tenantatlas.core.errors import InputError, SignInFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import dumps
from tenantatlas.graph.budget import BudgetStore
from tenantatlas.graph.client import GraphClient
from tenantatlas.graph.clouds import CUSTOM, Cloud, cloud_named
from tenantatlas.graph.values import Certificate, GraphTarget, Secret

from .budgets import DatabaseBudgets
from .credentials import unseal_secret
from .models import Connection, CredentialKind, Purpose, Tenant
from .queries import connection_of

#: Every cloud, as people know it.
CLOUD_WORDS = (
    ("global", "Global, and GCC"),
    ("usgov", "US Government L4 (GCC High)"),
    ("usgov-dod", "US Government L5 (DoD)"),
    ("china", "China, operated by 21Vianet"),
    (CUSTOM, "Custom: own addresses"),
)

_clients: dict[tuple[int, str], tuple[str, GraphClient]] = {}
_lock = threading.Lock()


def client_for(tenant: Tenant) -> GraphClient:
    """The tenant's Graph client for reading. One per process; a new one when the connection changes."""
    return client_with(tenant, Purpose.READER)


def client_with(tenant: Tenant, purpose: Purpose) -> GraphClient:
    """The tenant's Graph client with the app of that purpose."""
    row = _connected(tenant, purpose)
    state = _state_of(row.tenant, row)
    with _lock:
        known = _clients.get((tenant.pk, purpose))
        if known is not None and known[0] == state:
            return known[1]
        client = GraphClient(_target(row.tenant, row), budgets=budget_store())
        _clients[(tenant.pk, purpose)] = (state, client)
        return client


def target_of(tenant: Tenant, purpose: Purpose) -> GraphTarget:
    """Where and as which app to sign in, with its credential in clear: for Graph only."""
    row = _connected(tenant, purpose)
    return _target(row.tenant, row)


def _connected(tenant: Tenant, purpose: Purpose) -> Connection:
    """The app and, as `row.tenant`, the tenant as both are now.

    What the caller knows of the tenant can be older than a correction of its addresses: a credential that was
    given since then must not go to those before.
    """
    row = connection_of(tenant, purpose)
    if row is None or row.tenant.removed_at is not None:
        raise SignInFailed(
            f"Tenant {tenant.slug} is not connected.",
            hint="Connect its app on the Connection page, or with "
            f"`tenantatlas tenants update {tenant.slug} --client-id GUID --client-secret-file F`.",
        )
    return row


def forget_clients(tenant: Tenant | None = None) -> None:
    """Drop the tenant's clients, or everybody's, with their tokens; the next are made from the database."""
    with _lock:
        for known in [key for key in _clients if tenant is None or key[0] == tenant.pk]:
            del _clients[known]


def budget_store() -> BudgetStore | None:
    """Where Graph budgets live: shared rows on PostgreSQL, this process's memory on SQLite (one worker)."""
    return DatabaseBudgets() if database.vendor == "postgresql" else None


def cloud_of(tenant: Tenant) -> Cloud:
    """The cloud that the tenant lives in."""
    return cloud_named(tenant.cloud, graph_url=tenant.graph_url, login_url=tenant.login_url)


def _target(tenant: Tenant, row: Connection) -> GraphTarget:
    cloud = cloud_of(tenant)
    refuse_scaled_time(cloud)
    text = unseal_secret(tenant, purpose=row.purpose, sealed=bytes(row.sealed))
    is_secret = row.kind == CredentialKind.SECRET
    return GraphTarget(
        cloud=cloud,
        tenant_guid=tenant.tenant_guid,
        client_id=row.client_id,
        credential=Secret(value=text) if is_secret else Certificate(pem=text),
        ca_pem="\n".join(part for part in (_company_authorities(), tenant.ca_pem) if part),
        share=settings.ATLAS_GRAPH_SHARE,
    )


def refuse_scaled_time(cloud: Cloud) -> None:
    """Scaled time would break Graph's limits: allowed only where both addresses are on loopback."""
    scaled = clock.scale() != 1 or settings.ATLAS_TIME_SCALE != 1
    if scaled and not (_is_loopback(cloud.graph_url) and _is_loopback(cloud.login_url)):
        raise InputError(
            f"ATLAS_TIME_SCALE is set, but {cloud.graph_url} is not on this machine.",
            hint="Unset ATLAS_TIME_SCALE: it is for simulators on loopback only.",
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _company_authorities() -> str:
    path: Path | None = settings.ATLAS_CA_FILE
    return path.read_text(encoding="utf-8") if path else ""


def _state_of(tenant: Tenant, row: Connection) -> str:
    parts = [
        tenant.cloud,
        tenant.graph_url,
        tenant.login_url,
        tenant.tenant_guid,
        tenant.ca_pem,
        row.pk,
        row.version,
        row.client_id,
        str(settings.ATLAS_CA_FILE or ""),
        settings.ATLAS_GRAPH_SHARE,
        sha256_hex(bytes(row.sealed)),
    ]
    return sha256_hex(dumps(parts))
