"""Who acts in the tests, and where.

Otto  owner of the install and of every tenant
Ana   operator of Contoso, granted restore
Olu   reader of Contoso
Eve   operator of Fabrikam: a stranger to Contoso
"""

from __future__ import annotations

from dataclasses import dataclass

from tenantatlas.accounts.capabilities import Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.tenants.models import Tenant

from .factories import ConnectionFactory, MembershipFactory, TenantFactory, UserFactory

CONTOSO = "c0ffee00-0000-4000-8000-000000000001"
FABRIKAM = "c0ffee00-0000-4000-8000-000000000002"


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Everybody, and the two tenants."""

    otto: User
    ana: User
    olu: User
    eve: User
    contoso: Tenant
    fabrikam: Tenant


def make_cast() -> Cast:
    """Everybody in their places, in the database."""
    otto = UserFactory(email="otto@contoso.example", name="Otto", is_owner=True)
    ana = UserFactory(email="ana@contoso.example", name="Ana")
    olu = UserFactory(email="olu@contoso.example", name="Olu")
    eve = UserFactory(email="eve@fabrikam.example", name="Eve")
    contoso = TenantFactory(slug="contoso", name="Contoso", tenant_guid=CONTOSO)
    fabrikam = TenantFactory(slug="fabrikam", name="Fabrikam", tenant_guid=FABRIKAM)
    for tenant in (contoso, fabrikam):
        ConnectionFactory(tenant=tenant)
        MembershipFactory(tenant=tenant, user=otto, role=Role.OWNER)
    MembershipFactory(tenant=contoso, user=ana, role=Role.OPERATOR, grants=[Capability.RESTORE_EXECUTE])
    MembershipFactory(tenant=contoso, user=olu, role=Role.READER)
    MembershipFactory(tenant=fabrikam, user=eve, role=Role.OPERATOR)
    return Cast(otto=otto, ana=ana, olu=olu, eve=eve, contoso=contoso, fabrikam=fabrikam)
