"""Rows that are valid by default, one factory per model. A factory makes no row that it does not name."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from tenantatlas.accounts.capabilities import Role
from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.core.ids import stable_id
from tenantatlas.tenants.models import Connection, CredentialKind, Membership, Purpose, Tenant
from tenantatlas.tenants.vault import ensure_data_key

from .canary import secret

CLIENT_SECRET = secret("client secret")
PASSWORD = secret("password")


class UserFactory(DjangoModelFactory[User]):
    """A person who can sign in with `PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@contoso.example")
    name = factory.Sequence(lambda n: f"Person {n}")
    created_at = factory.LazyFunction(clock.now)

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **_kwargs: Any) -> None:  # noqa: FBT001 - factory_boy
        """The password in clear, or everybody's."""
        self.set_password(extracted or PASSWORD)
        if create:
            self.save()


class TenantFactory(DjangoModelFactory[Tenant]):
    """A tenant with its data key."""

    class Meta:
        model = Tenant
        skip_postgeneration_save = True

    slug = factory.Sequence(lambda n: f"tenant{n}")
    name = factory.LazyAttribute(lambda tenant: tenant.slug.title())
    environment = "test"
    tenant_guid = factory.LazyAttribute(lambda tenant: stable_id("tenant", tenant.slug))
    created_at = factory.LazyFunction(clock.now)

    @factory.post_generation
    def key(self, create: bool, _extracted: Any, **_kwargs: Any) -> None:  # noqa: FBT001 - factory_boy
        """The data key, wrapped."""
        if create:
            ensure_data_key(self)


class ConnectionFactory(DjangoModelFactory[Connection]):
    """A reader's app with a client secret."""

    class Meta:
        model = Connection

    tenant = factory.SubFactory(TenantFactory)
    purpose = Purpose.READER
    client_id = factory.LazyAttribute(lambda row: stable_id("app", row.tenant.slug, row.purpose))
    kind = CredentialKind.SECRET
    updated_at = factory.LazyFunction(clock.now)

    @factory.lazy_attribute
    def sealed(self) -> bytes:
        """The secret, sealed the way the services do."""
        from tenantatlas.tenants.credentials import seal_secret  # noqa: PLC0415 - needs the app registry

        return seal_secret(self.tenant, purpose=self.purpose, secret=CLIENT_SECRET)

    @classmethod
    def _get_manager(cls, model_class: type[Connection]) -> Any:
        return model_class.all_tenants


class MembershipFactory(DjangoModelFactory[Membership]):
    """A reader's membership."""

    class Meta:
        model = Membership

    tenant = factory.SubFactory(TenantFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.READER
    grants: list[str] = []
    created_at = factory.LazyFunction(clock.now)
