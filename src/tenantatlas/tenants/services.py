"""Connecting tenants, deciding who may do what in them. Every change is audited in its transaction."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from tenantatlas.accounts.capabilities import GRANTABLE, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError, NotFound
from tenantatlas.graph.clouds import cloud_named

from .credentials import Credential, authorities, seal_secret
from .models import Connection, Environment, Membership, Purpose, Tenant
from .queries import require_capability, require_install_owner
from .vault import ensure_data_key

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A tenant to connect, as a person describes it."""

    slug: str
    name: str
    tenant_guid: str
    client_id: str
    credential: Credential
    environment: str = Environment.PRODUCTION.value
    cloud: str = "global"
    graph_url: str = ""
    login_url: str = ""
    ca_pem: str = ""


def add_tenant(new: NewTenant, *, actor: User) -> Tenant:
    """Connect a tenant; the actor becomes its owner. Nothing is sent to Graph yet.

    A tenant that was removed before comes back with what is stored of it, if it is the same Microsoft tenant.
    """
    require_install_owner(actor)
    facts = _checked(new)
    client_id = read_guid(new.client_id, what="client id")
    try:
        with transaction.atomic():
            tenant = _new_or_returning(new.slug, facts)
            ensure_data_key(tenant)
            _put_connection(tenant, purpose=Purpose.READER, client_id=client_id, credential=new.credential)
            Membership.objects.update_or_create(
                tenant=tenant,
                user=actor,
                defaults={"role": Role.OWNER.value},
                create_defaults={"role": Role.OWNER.value, "created_at": clock.now()},
            )
            _record(
                "tenant.added",
                tenant=tenant,
                actor=actor,
                details={"tenant_guid": tenant.tenant_guid, "client_id": client_id, "cloud": tenant.cloud},
            )
    except IntegrityError as error:
        raise _slug_taken(new.slug) from error
    return tenant


def update_credential(
    tenant: Tenant,
    *,
    actor: User,
    credential: Credential,
    purpose: Purpose = Purpose.READER,
    client_id: str = "",
) -> Connection:
    """Replace the secret or certificate of an app registration; the old one is forgotten.

    A client id is needed where the tenant has no app for that purpose yet.
    """
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    with transaction.atomic():
        row = Connection.all_tenants.select_for_update().filter(tenant=tenant, purpose=purpose).first()
        known = row.client_id if row else ""
        if not (known or client_id):
            raise InputError(
                f"Tenant {tenant.slug} has no {purpose.value} app yet.", hint="Name it with --client-id GUID."
            )
        guid = read_guid(client_id or known, what="client id")
        changed = _put_connection(tenant, purpose=purpose, client_id=guid, credential=credential)
        _record(
            "connection.updated",
            tenant=tenant,
            actor=actor,
            details={"purpose": purpose.value, "kind": credential.kind.value, "client_id": guid},
        )
    return changed


def set_allow_deletes(tenant: Tenant, *, actor: User, allowed: bool) -> None:
    """Let restores delete policies in this tenant, or not."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.allow_deletes", name="allow_deletes", value=allowed)


def release_writes(tenant: Tenant, *, actor: User) -> None:
    """Confirm, after our own store was restored from a backup, that this tenant may be written to again."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.writes_released", name="writes_held", value=False)


def hold_writes(tenant: Tenant, *, actor: User) -> None:
    """Let nothing be written to this tenant until somebody confirms."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.writes_held", name="writes_held", value=True)


def remove_tenant(tenant: Tenant, *, actor: User) -> None:
    """Disconnect a tenant: its credentials are destroyed, nobody sees it any more.

    Its versions and audit trail stay, for when the same Microsoft tenant is connected again.
    """
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    with transaction.atomic():
        writing = Tenant.objects.filter(tenant_guid=tenant.tenant_guid, writer_run__isnull=False)
        here = Tenant.objects.filter(pk=tenant.pk, removed_at=None)
        if writing.exists() or not here.update(removed_at=clock.now()):
            raise Conflict(
                f"A run is writing to {tenant.slug}.", hint="Cancel it or wait until it has ended."
            )
        Connection.all_tenants.filter(tenant=tenant).delete()
        _record("tenant.removed", tenant=tenant, actor=actor)
    tenant.refresh_from_db()


def grant_membership(
    tenant: Tenant, *, actor: User, user: User, role: Role, grants: Iterable[Capability] = ()
) -> Membership:
    """Give the person a role in the tenant, in place of the one they have. The last owner stays owner."""
    require_capability(actor, tenant, Capability.MEMBERS_MANAGE)
    given = sorted(set(grants))
    beyond = [grant.value for grant in given if grant not in GRANTABLE]
    if beyond:
        raise InputError(f"{beyond[0]} cannot be granted by itself.", hint="Give a role that includes it.")
    with transaction.atomic():
        if role is not Role.OWNER:
            _keep_an_owner(tenant, besides=user)
        values: dict[str, Any] = {"role": role.value, "grants": [grant.value for grant in given]}
        membership, _ = Membership.objects.update_or_create(
            tenant=tenant, user=user, defaults=values, create_defaults={**values, "created_at": clock.now()}
        )
        _record("membership.granted", tenant=tenant, actor=actor, subject=user.email, details=values)
    return membership


def revoke_membership(tenant: Tenant, *, actor: User, user: User) -> None:
    """Make the person a stranger to the tenant. The last owner stays."""
    require_capability(actor, tenant, Capability.MEMBERS_MANAGE)
    with transaction.atomic():
        _keep_an_owner(tenant, besides=user)
        deleted, _ = Membership.objects.filter(tenant=tenant, user=user).delete()
        if not deleted:
            raise NotFound(f"{user.email} is not a member of {tenant.slug}.", hint="See who is.")
        _record("membership.revoked", tenant=tenant, actor=actor, subject=user.email)


def read_guid(text: str, *, what: str) -> str:
    """A GUID in lower case; `InputError` names what it should have been."""
    try:
        guid = uuid.UUID(text.strip())
    except ValueError as error:
        raise InputError(
            f"The {what} {text[:60]!r} is not a GUID.",
            hint="Copy it from the app registration's overview page.",
        ) from error
    if guid.int == 0:
        raise InputError(f"The {what} is the empty GUID.", hint="Copy it from the app registration.")
    return str(guid)


def _checked(new: NewTenant) -> dict[str, Any]:
    if not _SLUG.fullmatch(new.slug):
        raise InputError(
            f"{new.slug[:60]!r} cannot be a tenant's slug.",
            hint="Use up to 50 lower-case letters, digits and hyphens, such as contoso-test.",
        )
    if not new.name.strip() or len(new.name) > 120:  # noqa: PLR2004 - the column's length
        raise InputError("A tenant needs a name of at most 120 characters.", hint="Give one with --name.")
    if new.environment not in Environment.values:
        raise InputError(
            f"There is no environment {new.environment[:30]!r}.",
            hint=f"Use one of {', '.join(Environment.values)}.",
        )
    cloud = cloud_named(new.cloud, graph_url=new.graph_url, login_url=new.login_url)
    custom = bool(new.graph_url)
    return {
        "name": new.name.strip(),
        "environment": new.environment,
        "tenant_guid": read_guid(new.tenant_guid, what="tenant id"),
        "cloud": cloud.name,
        "graph_url": cloud.graph_url if custom else "",
        "login_url": cloud.login_url if custom else "",
        "ca_pem": authorities(new.ca_pem) if new.ca_pem else "",
    }


def _new_or_returning(slug: str, facts: dict[str, Any]) -> Tenant:
    known = Tenant.objects.select_for_update().filter(slug=slug).first()
    if known is None:
        return Tenant.objects.create(slug=slug, created_at=clock.now(), **facts)
    if known.removed_at is None:
        raise _slug_taken(slug)
    if known.tenant_guid != facts["tenant_guid"]:
        raise Conflict(f"The slug {slug} belonged to another Microsoft tenant.", hint="Choose another slug.")
    Tenant.objects.filter(pk=known.pk).update(removed_at=None, **facts)
    known.refresh_from_db()
    return known


def _slug_taken(slug: str) -> Conflict:
    return Conflict(
        f"There is a tenant called {slug} already.",
        hint=f"Choose another slug, or change its credential with `tenantatlas tenants update {slug}`.",
    )


def _put_connection(
    tenant: Tenant, *, purpose: Purpose, client_id: str, credential: Credential
) -> Connection:
    row = Connection.all_tenants.filter(tenant=tenant, purpose=purpose).first()
    row = row or Connection(tenant=tenant, purpose=purpose.value, version=0)
    row.client_id = client_id
    row.kind = credential.kind.value
    row.sealed = seal_secret(tenant, purpose=purpose, secret=credential.text)
    row.expires_at = credential.expires_at
    row.version += 1
    row.updated_at = clock.now()
    row.save()
    return row


def _set_flag(tenant: Tenant, *, actor: User, action: str, name: str, value: bool) -> None:
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(**{name: value})
        _record(action, tenant=tenant, actor=actor, details={name: value})
    setattr(tenant, name, value)


def _keep_an_owner(tenant: Tenant, *, besides: User) -> None:
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    owners = Membership.objects.filter(tenant=tenant, role=Role.OWNER, user__is_active=True)
    if set(owners.values_list("user_id", flat=True)) == {besides.pk}:
        raise Conflict(
            f"{besides.email} is the last owner of {tenant.slug}.", hint="Make somebody else an owner first."
        )


def _record(
    action: str, *, tenant: Tenant, actor: User, subject: str = "", details: dict[str, Any] | None = None
) -> None:
    record_event(
        tenant_id=tenant.pk,
        actor_id=actor.pk,
        actor_name=actor.display_name,
        action=action,
        subject=subject or tenant.slug,
        details=details or {},
    )
