"""What a view may rely on: who asks, and in which tenant. The middleware makes it so."""

from __future__ import annotations

from django.http import HttpRequest

from tenantatlas.accounts.models import User
from tenantatlas.tenants.models import Tenant


class PersonRequest(HttpRequest):
    """A request of a signed-in person."""

    user: User


class TenantRequest(PersonRequest):
    """A request for a page of a tenant that the person may enter; the tenant's scope is entered."""

    tenant: Tenant
