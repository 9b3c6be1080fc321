"""Connecting a tenant in steps, each of which is saved: begun here, finished by giving it its reader's app.

A tenant without a reader's app is a draft. It is there for its owner, can be corrected and discarded, and
every run in it says that it is not connected yet.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.core.errors import Conflict

from .models import Purpose, Tenant
from .queries import connection_of, require_capability, require_install_owner
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


def correct_tenant(tenant: Tenant, facts: TenantFacts, *, actor: User) -> None:
    """Say again which Microsoft tenant it is, and where. Only while no app is connected to it."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    require_draft(tenant)
    checked = check_facts(facts)
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(**checked)
        shown = {name: checked[name] for name in ("name", "environment", "tenant_guid", "cloud")}
        record_tenant_event("tenant.corrected", tenant=tenant, actor=actor, details=shown)
    tenant.refresh_from_db()


def discard_tenant(tenant: Tenant, *, actor: User) -> None:
    """Give up connecting a tenant that has no app yet."""
    require_draft(tenant)
    remove_tenant(tenant, actor=actor)


def require_draft(tenant: Tenant) -> None:
    """Nothing, or `Conflict` once the tenant has its reader's app."""
    if connection_of(tenant, Purpose.READER) is not None:
        raise Conflict(
            f"{tenant.slug} is connected: it stays the Microsoft tenant that it is.",
            hint="Connect the other tenant under its own slug.",
        )
