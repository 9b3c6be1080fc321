"""Credentials of a tenant's app registrations: sealed in rows, given to Graph only."""

from __future__ import annotations

from tenantatlas.core.json import dumps

from .models import Tenant
from .vault import seal

_SEAL_PURPOSE = "connection"


def seal_secret(tenant: Tenant, *, purpose: str, secret: str) -> bytes:
    """A client secret as its row keeps it."""
    return seal(tenant, purpose=_SEAL_PURPOSE, record=purpose, plain=dumps({"secret": secret}))
