"""Which tenants a person sees, and what they may do there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min, QuerySet

from tenantatlas.accounts.capabilities import GRANTABLE, ROLES, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.core.errors import NotAllowed, NotFound
from tenantatlas.core.json import Json

from .models import Connection, Membership, NewCertificate, PermissionReport, Purpose, Tenant

MEMBER_FACTS = ("email", "name", "role", "grants", "active")


def tenants_of(user: User) -> QuerySet[Tenant]:
    """The tenants that the person is a member of, by slug."""
    return Tenant.objects.filter(memberships__user=user, removed_at=None).order_by("slug")


def tenant_for(user: User, slug: str) -> Tenant:
    """The tenant, for its members. To everybody else it never existed: one query, one answer."""
    tenant = tenants_of(user).filter(slug=slug).first() if user.is_active else None
    if tenant is None:
        raise NotFound(
            f"There is no tenant called {slug[:50]!r} here.",
            hint="See yours with `tenantatlas tenants list`.",
        )
    return tenant


def capabilities_of(user: User, tenant: Tenant) -> frozenset[Capability]:
    """What the person may do in the tenant: their role's bundle and what was granted besides."""
    membership = Membership.objects.filter(
        tenant=tenant, user=user, user__is_active=True, tenant__removed_at=None
    ).first()
    if membership is None:
        return frozenset()
    granted = {Capability(grant) for grant in membership.grants if grant in set(Capability)}
    return ROLES[Role(membership.role)] | (granted & GRANTABLE)


def members_of(tenant: Tenant) -> QuerySet[Membership]:
    """Who is a member of the tenant, by address."""
    return Membership.objects.filter(tenant=tenant).select_related("user").order_by("user__email")


def member_facts(membership: Membership) -> dict[str, Json]:
    """A member as programs read them; the keys are `MEMBER_FACTS`."""
    return {
        "email": membership.user.email,
        "name": membership.user.name,
        "role": membership.role,
        "grants": list(membership.grants),
        "active": membership.user.is_active,
    }


def memberships_of(user: User) -> QuerySet[Membership]:
    """Of which tenants the person is a member, by slug."""
    return (
        Membership.objects.filter(user=user, tenant__removed_at=None)
        .select_related("tenant")
        .order_by("tenant__slug")
    )


def holders_of(tenant: Tenant, capability: Capability) -> list[User]:
    """The members who may do this in the tenant now."""
    members = Membership.objects.filter(tenant=tenant, user__is_active=True).select_related("user")
    return [each.user for each in members if has_capability(each.user, tenant, capability)]


def has_capability(user: User, tenant: Tenant, capability: Capability) -> bool:
    """Whether the person may do this in the tenant, asked of the database now."""
    return capability in capabilities_of(user, tenant)


def require_capability(user: User, tenant: Tenant, capability: Capability) -> None:
    """Nothing, or `NotAllowed` that names the capability; a stranger gets `NotFound`."""
    held = capabilities_of(user, tenant)
    if not held:
        tenant_for(user, tenant.slug)
    if capability not in held:
        raise NotAllowed(
            f"You may not do this in {tenant.slug}: it needs the right to {capability.words}.",
            hint=f"Ask an owner of {tenant.slug} for {capability.value}.",
            details={"capability": capability.value, "tenant": tenant.slug},
        )


def require_install_owner(user: User) -> None:
    """Nothing, or `NotAllowed`: connecting tenants is for the owners of the install."""
    if not (user.is_active and user.is_owner):
        raise NotAllowed("Only owners of this install may do this.", hint="Ask an owner of the install.")


def connection_of(tenant: Tenant, purpose: str) -> Connection | None:
    """The tenant's app registration for that purpose, whatever the scope."""
    rows = Connection.all_tenants.filter(tenant=tenant, purpose=purpose).select_related("tenant")
    found: Connection | None = rows.first()
    return found


def connections_to_warn_of() -> QuerySet[Connection]:
    """The apps of every tenant whose credential has a known end, or had when its owners were warned."""
    rows = Connection.all_tenants.filter(tenant__removed_at=None).exclude(expires_at=None, ending_told=None)
    return rows.select_related("tenant").order_by("pk")


def latest_report(tenant: Tenant) -> PermissionReport | None:
    """What the app was allowed when it was last checked."""
    reports = PermissionReport.all_tenants.filter(tenant=tenant).order_by("-taken_at", "-pk")
    found: PermissionReport | None = reports.first()
    return found


def new_certificate_of(tenant: Tenant, purpose: str) -> NewCertificate | None:
    """The certificate that was made for that app and is not used yet."""
    found: NewCertificate | None = NewCertificate.all_tenants.filter(tenant=tenant, purpose=purpose).first()
    return found


def connected_ids(tenants: Iterable[Tenant]) -> frozenset[int]:
    """Which of these tenants have an app to sign in with; the others are being connected."""
    found = Connection.all_tenants.filter(tenant__in=list(tenants), purpose=Purpose.READER)
    return frozenset(found.values_list("tenant_id", flat=True))


def soonest_expiry(tenants: Iterable[Tenant]) -> dict[int, datetime]:
    """For each of these tenants, when the first of its credentials ends, as far as that is known."""
    rows = Connection.all_tenants.filter(tenant__in=list(tenants), expires_at__isnull=False)
    return dict(rows.values("tenant_id").annotate(at=Min("expires_at")).values_list("tenant_id", "at"))
