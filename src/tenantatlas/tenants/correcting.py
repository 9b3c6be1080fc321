"""Saying again which Microsoft tenant it is, and where: what was mistyped must not need a new start.

    name, environment        at any time
    CA file                  at any time
    cloud, its addresses     at any time; the credentials given for the addresses before are forgotten
    tenant id                until anything was seen of the tenant

A credential goes to the addresses that it was given for and to no others; see ADR 23.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, OuterRef

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.core.errors import Conflict
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json
from tenantatlas.graph.clouds import cloud_named

from .connections import cloud_of, forget_clients
from .models import Connection, Tenant
from .queries import require_capability
from .scope import TenantOwned
from .services import TenantFacts, check_facts, record_tenant_event

_WHERE = ("cloud", "graph_url", "login_url", "ca_pem", "tenant_guid")


def correct_tenant(tenant: Tenant, facts: TenantFacts, *, actor: User) -> dict[str, str]:
    """Say again what the tenant is and where. Audited with what it was before.

    Gives the apps whose credential is forgotten by this: purpose and client id. Refused while a run writes to
    the tenant.
    """
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    checked = check_facts(facts)
    with transaction.atomic():
        known = Tenant.objects.select_for_update().get(pk=tenant.pk)
        changed = {name: value for name, value in checked.items() if value != getattr(known, name)}
        if any(name in changed for name in _WHERE):
            _require_nobody_writes(known)
        if "tenant_guid" in changed:
            _require_unseen(known)
            changed |= {"rbac_group_id": "", "rbac_group_name": ""}
        forgotten = _forget_credentials(known) if _lives_elsewhere(known, checked) else {}
        if changed:
            Tenant.objects.filter(pk=known.pk).update(**changed)
            _record(known, changed, forgotten, actor=actor)
    forget_clients(tenant)
    tenant.refresh_from_db()
    return forgotten


def id_is_fixed(tenant: Tenant) -> bool:
    """Whether anything was seen of the Microsoft tenant, or is kept for it. One query."""
    seen = [
        Exists(model.all_tenants.filter(tenant=OuterRef("pk")))
        for model in apps.get_models()
        if issubclass(model, TenantOwned) and model.is_seen
    ]
    return Tenant.objects.filter(reduce(or_, seen), pk=tenant.pk).exists()


def _require_unseen(tenant: Tenant) -> None:
    if id_is_fixed(tenant):
        raise Conflict(
            f"{tenant.slug} stays the Microsoft tenant that it is: "
            "it was checked, or something of it is kept.",
            hint="Connect the other tenant under its own slug.",
            details={"field": "tenant_guid"},
        )


def _require_nobody_writes(tenant: Tenant) -> None:
    if Tenant.objects.filter(tenant_guid=tenant.tenant_guid, writer_run__isnull=False).exists():
        raise Conflict(
            f"A run is writing to {tenant.slug}.",
            hint="Cancel it or wait until it has ended.",
            details={"field": "cloud"},
        )


def _lives_elsewhere(known: Tenant, checked: dict[str, Any]) -> bool:
    """Whether credentials and tokens would go to another origin than until now."""
    here = cloud_of(known)
    there = cloud_named(checked["cloud"], graph_url=checked["graph_url"], login_url=checked["login_url"])
    return (here.graph_url, here.login_url) != (there.graph_url, there.login_url)


def _forget_credentials(tenant: Tenant) -> dict[str, str]:
    rows = Connection.all_tenants.filter(tenant=tenant)
    forgotten = dict(rows.values_list("purpose", "client_id"))
    rows.delete()
    return forgotten


def _record(known: Tenant, changed: dict[str, Any], forgotten: dict[str, str], *, actor: User) -> None:
    before = {name: getattr(known, name) for name in changed}
    details: dict[str, Json] = {"before": _told(before), "after": _told(changed)}
    if forgotten:
        details["credentials_forgotten"] = forgotten
    record_tenant_event("tenant.corrected", tenant=known, actor=actor, details=details)


def _told(values: dict[str, Any]) -> dict[str, Json]:
    """As the trail keeps it: certificate authorities by their digest, names of groups not at all."""
    return {
        name: sha256_hex(value.encode()) if name == "ca_pem" and value else value
        for name, value in values.items()
        if name != "rbac_group_name"
    }
