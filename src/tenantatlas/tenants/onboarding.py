"""Connecting a tenant in steps, each of which is saved: begun here, finished by giving it its reader's app.

A tenant without a reader's app is a draft. It is there for its owner, can be discarded, and every run in it
says that it is not connected yet. What was mistyped is corrected by `correcting`.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from tenantatlas.accounts.models import User
from tenantatlas.core.errors import Conflict

from .correcting import id_is_fixed
from .models import Purpose, Tenant
from .queries import connection_of, require_install_owner
from .services import TenantFacts, check_facts, make_tenant, record_tenant_event, remove_tenant, slug_taken


def begin_tenant(facts: TenantFacts, *, actor: User) -> Tenant:
    """Begin connecting a tenant; the actor owns it. It has no app yet and nothing is sent to it."""
    require_install_owner(actor)
    checked = check_facts(facts)
    try:
        with transaction.atomic():
            tenant = make_tenant(facts.slug, checked, owner=actor)
            record_tenant_event(
                "tenant.begun",
                tenant=tenant,
                actor=actor,
                details={"tenant_guid": tenant.tenant_guid, "cloud": tenant.cloud},
            )
    except IntegrityError as error:
        raise slug_taken(facts.slug) from error
    return tenant


def discard_tenant(tenant: Tenant, *, actor: User) -> None:
    """Give up connecting a tenant that has no app yet."""
    require_draft(tenant)
    remove_tenant(tenant, actor=actor)


def require_draft(tenant: Tenant) -> None:
    """Nothing, or `Conflict` once the tenant has its reader's app, or had it and something of it is kept."""
    if connection_of(tenant, Purpose.READER) is not None or id_is_fixed(tenant):
        raise Conflict(
            f"{tenant.slug} is connected: it cannot be discarded.", hint="Remove it on its Settings page."
        )
