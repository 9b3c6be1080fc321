"""What a view may rely on: who asks, in which tenant, what they may do there. The middleware makes it so."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.core.errors import NotAllowed
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import capabilities_of

_KNOWN = "_capabilities"


class PersonRequest(HttpRequest):
    """A request of a signed-in person."""

    user: User


class TenantRequest(PersonRequest):
    """A request for a page of a tenant that the person may enter; the tenant's scope is entered."""

    tenant: Tenant


def capabilities(request: TenantRequest) -> frozenset[Capability]:
    """What the person may do in the tenant of the path; the database is asked once per request."""
    known: frozenset[Capability] | None = getattr(request, _KNOWN, None)
    if known is None:
        known = capabilities_of(request.user, request.tenant)
        setattr(request, _KNOWN, known)
    return known


def why_not(request: TenantRequest, capability: Capability) -> str:
    """Why the person may not do this, for the place beside the control; empty when they may."""
    return (
        "" if capability in capabilities(request) else f"Needs the right to {capability.words}: ask an owner."
    )


def require(request: TenantRequest, capability: Capability) -> None:
    """Nothing, or the page that says which right is missing."""
    if capability not in capabilities(request):
        raise NotAllowed(
            f"This needs the right to {capability.words}.",
            hint=f"Ask an owner of {request.tenant.name} for it.",
            details={"capability": capability.value},
        )


def address_of(request: HttpRequest) -> str:
    """The address that the request came from.

    What a proxy says is believed only where one is configured, and of that only the last word: the others are
    the sender's own.
    """
    said = request.headers.get("X-Forwarded-For", "") if settings.ATLAS_BEHIND_TLS else ""
    for address in (said.rpartition(",")[2].strip(), str(request.META.get("REMOTE_ADDR", ""))):
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            continue
    return ""


def browser_of(request: HttpRequest) -> str:
    """What the browser calls itself."""
    return "".join(each for each in request.headers.get("User-Agent", "") if each.isprintable())[:200]
