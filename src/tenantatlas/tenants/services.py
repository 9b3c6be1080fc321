"""Connecting tenants, deciding who may do what in them. Every change is audited in its transaction."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from tenantatlas.accounts.capabilities import GRANTABLE, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError, NotFound
from tenantatlas.core.json import storable_text
from tenantatlas.graph.clouds import CUSTOM, cloud_named, graph_origin, login_origin

from .credentials import Credential, authorities, seal_secret
from .models import Connection, Environment, Membership, NewCertificate, Purpose, Tenant
from .queries import require_capability, require_install_owner
from .vault import ensure_data_key

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class TenantFacts:
    """A tenant, as a person describes it."""

    slug: str
    name: str
    tenant_guid: str
    environment: str = Environment.PRODUCTION.value
    cloud: str = "global"
    graph_url: str = ""
    login_url: str = ""
    ca_pem: str = ""


@dataclass(frozen=True, kw_only=True)
class NewTenant(TenantFacts):
    """A tenant to connect, with the app that reads it."""

    client_id: str
    credential: Credential


def add_tenant(new: NewTenant, *, actor: User) -> Tenant:
    """Connect a tenant; the actor becomes its owner. Nothing is sent to Graph yet.

    A tenant that was removed before comes back with what is stored of it, if it is the same Microsoft tenant.
    """
    require_install_owner(actor)
    facts = check_facts(new)
    client_id = read_guid(new.client_id, what="client id")
    try:
        with transaction.atomic():
            tenant = make_tenant(new.slug, facts, owner=actor)
            _put_connection(tenant, purpose=Purpose.READER, client_id=client_id, credential=new.credential)
            record_tenant_event(
                "tenant.added",
                tenant=tenant,
                actor=actor,
                details={"tenant_guid": tenant.tenant_guid, "client_id": client_id, "cloud": tenant.cloud},
            )
    except IntegrityError as error:
        raise slug_taken(new.slug) from error
    return tenant


def make_tenant(slug: str, facts: dict[str, Any], *, owner: User) -> Tenant:
    """The tenant's row, its key and its owner, within the caller's transaction."""
    tenant = _new_or_returning(slug, facts)
    ensure_data_key(tenant)
    Membership.objects.update_or_create(
        tenant=tenant,
        user=owner,
        defaults={"role": Role.OWNER.value},
        create_defaults={"role": Role.OWNER.value, "created_at": clock.now()},
    )
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
        record_tenant_event(
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


def set_require_approval(tenant: Tenant, *, actor: User, required: bool) -> None:
    """Have every restore of this tenant approved by a second person first, or not."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.require_approval", name="require_approval", value=required)


def release_writes(tenant: Tenant, *, actor: User) -> None:
    """Confirm, after our own store was restored from a backup, that this tenant may be written to again."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.writes_released", name="writes_held", value=False)


def hold_writes(tenant: Tenant, *, actor: User) -> None:
    """Let nothing be written to this tenant until somebody confirms."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    _set_flag(tenant, actor=actor, action="tenant.writes_held", name="writes_held", value=True)


def change_tenant(tenant: Tenant, *, actor: User, name: str, environment: str) -> None:
    """Give the tenant another name and say again what it is for. Its slug stays: links lead through it."""
    require_capability(actor, tenant, Capability.TENANT_MANAGE)
    values = check_names(name=name, environment=environment)
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(**values)
        record_tenant_event("tenant.changed", tenant=tenant, actor=actor, details=values)
    tenant.refresh_from_db()


def keep_rbac_group(tenant: Tenant, *, actor: User, group_id: str, name: str) -> None:
    """Keep which security group shall hold our service principal; an empty id forgets it.

    Nothing is changed at Microsoft: adding the service principal to the group is an admin's own act.
    """
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    guid = read_guid(group_id, what="group id") if group_id else ""
    values = {"rbac_group_id": guid, "rbac_group_name": storable_text(name)[:300] if guid else ""}
    with transaction.atomic():
        Tenant.objects.filter(pk=tenant.pk).update(**values)
        record_tenant_event("rbac_group.chosen", tenant=tenant, actor=actor, details=values)
    tenant.refresh_from_db()


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
        NewCertificate.all_tenants.filter(tenant=tenant).delete()
        record_tenant_event("tenant.removed", tenant=tenant, actor=actor)
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
        record_tenant_event(
            "membership.granted", tenant=tenant, actor=actor, subject=user.email, details=values
        )
    return membership


def revoke_membership(tenant: Tenant, *, actor: User, user: User) -> None:
    """Make the person a stranger to the tenant. The last owner stays."""
    require_capability(actor, tenant, Capability.MEMBERS_MANAGE)
    with transaction.atomic():
        _keep_an_owner(tenant, besides=user)
        deleted, _ = Membership.objects.filter(tenant=tenant, user=user).delete()
        if not deleted:
            raise NotFound(f"{user.email} is not a member of {tenant.slug}.", hint="See who is.")
        record_tenant_event("membership.revoked", tenant=tenant, actor=actor, subject=user.email)


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


def check_names(*, name: str, environment: str) -> dict[str, str]:
    """A tenant's name and environment as they are kept; `InputError` says all that will not do."""
    return _kept_of(
        [
            ("name", lambda: {"name": _checked_name(name)}),
            ("environment", lambda: {"environment": _checked_environment(environment)}),
        ]
    )


def check_facts(new: TenantFacts) -> dict[str, Any]:
    """What a person says of a tenant, as it is kept; `InputError` says all that will not do, at once."""
    checks: list[_Check] = [
        ("name", lambda: {"name": _checked_name(new.name)}),
        ("slug", lambda: _check_slug(new.slug)),
        ("environment", lambda: {"environment": _checked_environment(new.environment)}),
        ("tenant_guid", lambda: {"tenant_guid": read_guid(new.tenant_guid, what="tenant id")}),
    ]
    if new.cloud == CUSTOM:
        checks += [
            ("graph_url", lambda: {"cloud": CUSTOM, "graph_url": graph_origin(new.graph_url)}),
            ("login_url", lambda: {"login_url": login_origin(new.login_url)}),
        ]
    else:
        checks.append(("cloud", lambda: _check_known_cloud(new)))
    checks.append(("ca", lambda: {"ca_pem": authorities(new.ca_pem) if new.ca_pem else ""}))
    return _kept_of(checks)


_Check = tuple[str, Callable[[], dict[str, Any]]]


def _kept_of(checks: Sequence[_Check]) -> dict[str, Any]:
    """What all checks keep, or one `InputError` of every field that will not do."""
    kept: dict[str, Any] = {}
    problems: list[dict[str, str]] = []
    for field, check in checks:
        try:
            kept |= check()
        except InputError as error:
            problems.append({"field": field, "message": error.message, "hint": error.hint})
    if problems:
        hints = dict.fromkeys(each["hint"] for each in problems if each["hint"])
        raise InputError(
            " ".join(each["message"] for each in problems),
            hint=" ".join(hints),
            details={"field": problems[0]["field"], "problems": problems},
        )
    return kept


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 120:  # noqa: PLR2004 - the column's length
        raise InputError(
            "A tenant needs a name of at most 120 characters.", hint="Give the name that people say."
        )
    return storable_text(name.strip())


def _checked_environment(environment: str) -> str:
    if environment not in Environment.values:
        raise InputError(
            f"There is no environment {environment[:30]!r}.",
            hint=f"Use one of {', '.join(Environment.values)}.",
        )
    return environment


def _check_slug(slug: str) -> dict[str, Any]:
    """Nothing is kept of it here: a slug is given once."""
    if not _SLUG.fullmatch(slug):
        raise InputError(
            f"{slug[:60]!r} cannot be a tenant's slug." if slug else "A tenant needs a slug.",
            hint="Use up to 50 lower-case letters, digits and hyphens, such as contoso-test.",
        )
    return {}


def _check_known_cloud(new: TenantFacts) -> dict[str, Any]:
    cloud = cloud_named(new.cloud, graph_url=new.graph_url, login_url=new.login_url)
    return {"cloud": cloud.name, "graph_url": "", "login_url": ""}


def _new_or_returning(slug: str, facts: dict[str, Any]) -> Tenant:
    known = Tenant.objects.select_for_update().filter(slug=slug).first()
    if known is None:
        return Tenant.objects.create(slug=slug, created_at=clock.now(), **facts)
    if known.removed_at is None:
        raise slug_taken(slug)
    if known.tenant_guid != facts["tenant_guid"]:
        raise Conflict(f"The slug {slug} belonged to another Microsoft tenant.", hint="Choose another slug.")
    Tenant.objects.filter(pk=known.pk).update(removed_at=None, **facts)
    known.refresh_from_db()
    return known


def slug_taken(slug: str) -> Conflict:
    """The refusal of a second tenant under one slug."""
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
        record_tenant_event(action, tenant=tenant, actor=actor, details={name: value})
    setattr(tenant, name, value)


def _keep_an_owner(tenant: Tenant, *, besides: User) -> None:
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    owners = Membership.objects.filter(tenant=tenant, role=Role.OWNER, user__is_active=True)
    if set(owners.values_list("user_id", flat=True)) == {besides.pk}:
        raise Conflict(
            f"{besides.email} is the last owner of {tenant.slug}.", hint="Make somebody else an owner first."
        )


def record_tenant_event(
    action: str, *, tenant: Tenant, actor: User, subject: str = "", details: dict[str, Any] | None = None
) -> None:
    """Write the audit entry of something a person did to the tenant."""
    record_event(
        tenant_id=tenant.pk,
        actor_id=actor.pk,
        actor_name=actor.display_name,
        action=action,
        subject=subject or tenant.slug,
        details=details or {},
    )
