"""Connecting tenants and deciding who may do what in them."""

from __future__ import annotations

import pytest

from tenantatlas.accounts.capabilities import Capability, Role
from tenantatlas.audit.queries import audit_entries, verify_chain
from tenantatlas.core.errors import Conflict, InputError, NotAllowed, NotFound
from tenantatlas.tenants import services
from tenantatlas.tenants.credentials import client_secret
from tenantatlas.tenants.models import Connection, Membership, Purpose, Tenant
from tenantatlas.tenants.queries import (
    capabilities_of,
    connection_of,
    has_capability,
    require_capability,
    tenant_for,
    tenants_of,
)
from tests.canary import secret
from tests.factories import MembershipFactory, UserFactory

GUID = "C0FFEE00-0000-4000-8000-00000000000A"
CLIENT = "c0ffee00-0000-4000-8000-00000000000b"
SECRET = secret("client secret of the services")


def new_tenant(**changes):
    """A tenant that can be connected."""
    given = {
        "slug": "adatum",
        "name": "Adatum",
        "tenant_guid": GUID,
        "client_id": CLIENT,
        "credential": client_secret(SECRET),
    }
    return services.NewTenant(**{**given, **changes})


def last_action(tenant):
    """What the tenant's trail says last."""
    assert verify_chain(tenant.pk).intact
    return audit_entries(tenant.pk).first().action


def test_connecting_makes_the_actor_its_owner_and_keeps_the_secret_sealed(cast):
    tenant = services.add_tenant(new_tenant(), actor=cast.otto)

    assert tenant.tenant_guid == GUID.lower()
    assert has_capability(cast.otto, tenant, Capability.TENANT_MANAGE)
    row = connection_of(tenant, Purpose.READER)
    assert row.client_id == CLIENT
    assert SECRET.encode() not in bytes(row.sealed)
    assert last_action(tenant) == "tenant.added"
    assert SECRET not in str(list(audit_entries(tenant.pk).values()))


def test_only_owners_of_the_install_connect_tenants(cast):
    with pytest.raises(NotAllowed):
        services.add_tenant(new_tenant(), actor=cast.ana)
    assert not Tenant.objects.filter(slug="adatum").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"slug": "Ada Tum"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "-a"}, "slug"),
        ({"slug": "a" * 51}, "slug"),
        ({"name": "  "}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"environment": "prod"}, "environment"),
        ({"tenant_guid": "contoso.com"}, "tenant id"),
        ({"tenant_guid": "00000000-0000-0000-0000-000000000000"}, "empty GUID"),
        ({"client_id": "x"}, "client id"),
        ({"cloud": "moon"}, "cloud"),
        ({"cloud": "global", "graph_url": "https://x.example"}, "cloud"),
        ({"cloud": "custom"}, "address"),
        ({"cloud": "custom", "graph_url": "http://x.example", "login_url": "https://y.example"}, "https"),
        ({"ca_pem": "nothing"}, "CA file"),
    ],
)
def test_what_cannot_be_a_tenant_is_refused_and_nothing_is_kept(cast, changes, says):
    with pytest.raises(InputError, match=says) as caught:
        services.add_tenant(new_tenant(**changes), actor=cast.otto)

    assert caught.value.message
    assert Tenant.objects.count() == 2
    assert Connection.all_tenants.count() == 2


def test_a_custom_cloud_keeps_its_addresses(cast):
    tenant = services.add_tenant(
        new_tenant(
            cloud="custom", graph_url="https://graph.example/", login_url="https://login.example:8443"
        ),
        actor=cast.otto,
    )

    assert tenant.graph_url == "https://graph.example"
    assert tenant.login_url == "https://login.example:8443"


def test_a_slug_is_taken_once(cast):
    with pytest.raises(Conflict, match="contoso already"):
        services.add_tenant(new_tenant(slug="contoso"), actor=cast.otto)


def test_a_removed_tenant_loses_its_credentials_and_can_come_back(cast):
    tenant = services.add_tenant(new_tenant(), actor=cast.otto)
    services.remove_tenant(tenant, actor=cast.otto)

    assert connection_of(tenant, Purpose.READER) is None
    assert last_action(tenant) == "tenant.removed"
    with pytest.raises(NotFound):
        tenant_for(cast.otto, "adatum")
    with pytest.raises(Conflict, match="another Microsoft tenant"):
        services.add_tenant(new_tenant(tenant_guid=CLIENT), actor=cast.otto)

    back = services.add_tenant(new_tenant(), actor=cast.otto)
    assert back.pk == tenant.pk
    assert tenant_for(cast.otto, "adatum") == tenant


def test_a_tenant_that_is_being_written_to_stays(cast):
    Tenant.objects.filter(pk=cast.contoso.pk).update(writer_run=87)

    with pytest.raises(Conflict, match="writing"):
        services.remove_tenant(cast.contoso, actor=cast.otto)

    assert connection_of(cast.contoso, Purpose.READER)


def test_a_credential_is_replaced(cast):
    before = connection_of(cast.contoso, Purpose.READER)

    after = services.update_credential(
        cast.contoso, actor=cast.otto, credential=client_secret("another-secret")
    )

    assert after.pk == before.pk
    assert after.version == before.version + 1
    assert bytes(after.sealed) != bytes(before.sealed)
    assert after.client_id == before.client_id
    assert last_action(cast.contoso) == "connection.updated"


def test_a_writer_needs_its_own_client_id_first(cast):
    credential = client_secret("writers-secret")

    with pytest.raises(InputError, match="no writer app"):
        services.update_credential(
            cast.contoso, actor=cast.otto, credential=credential, purpose=Purpose.WRITER
        )
    row = services.update_credential(
        cast.contoso, actor=cast.otto, credential=credential, purpose=Purpose.WRITER, client_id=CLIENT
    )

    assert row.client_id == CLIENT


def test_settings_of_a_tenant_are_for_its_owners(cast):
    services.set_allow_deletes(cast.contoso, actor=cast.otto, allowed=True)
    services.hold_writes(cast.contoso, actor=cast.otto)
    assert Tenant.objects.get(slug="contoso").allow_deletes
    assert Tenant.objects.get(slug="contoso").writes_held

    services.release_writes(cast.contoso, actor=cast.otto)
    assert not Tenant.objects.get(slug="contoso").writes_held
    assert last_action(cast.contoso) == "tenant.writes_released"

    for change in (
        lambda: services.set_allow_deletes(cast.contoso, actor=cast.ana, allowed=False),
        lambda: services.release_writes(cast.contoso, actor=cast.ana),
        lambda: services.hold_writes(cast.contoso, actor=cast.ana),
        lambda: services.remove_tenant(cast.contoso, actor=cast.ana),
        lambda: services.update_credential(
            cast.contoso, actor=cast.ana, credential=client_secret("anas-secret")
        ),
        lambda: services.grant_membership(cast.contoso, actor=cast.ana, user=cast.eve, role=Role.READER),
        lambda: services.revoke_membership(cast.contoso, actor=cast.ana, user=cast.olu),
    ):
        with pytest.raises(NotAllowed) as caught:
            change()
        lacking = Capability(caught.value.details["capability"])
        assert lacking.words in caught.value.message
        assert lacking in caught.value.hint


def test_a_stranger_finds_nothing_whatever_they_ask(cast):
    never = pytest.raises(NotFound)
    with never as unknown:
        tenant_for(cast.eve, "contosa")
    with pytest.raises(NotFound) as strange:
        tenant_for(cast.eve, "contoso")

    assert strange.value.message.replace("contoso", "contosa") == unknown.value.message
    assert strange.value.hint == unknown.value.hint
    with pytest.raises(NotFound):
        require_capability(cast.eve, cast.contoso, Capability.TENANT_VIEW)
    with pytest.raises(NotFound):
        services.set_allow_deletes(cast.contoso, actor=cast.eve, allowed=True)
    assert list(tenants_of(cast.eve)) == [cast.fabrikam]


def test_strangers_and_members_cost_the_same_number_of_queries(cast, django_assert_num_queries):
    with django_assert_num_queries(1):
        tenant_for(cast.ana, "contoso")
    for slug in ("contoso", "never-existed"):
        with django_assert_num_queries(1), pytest.raises(NotFound):
            tenant_for(cast.eve, slug)


def test_roles_give_what_the_product_says(cast):
    assert has_capability(cast.ana, cast.contoso, Capability.RESTORE_EXECUTE)
    assert not has_capability(cast.eve, cast.fabrikam, Capability.RESTORE_EXECUTE)
    assert capabilities_of(cast.olu, cast.contoso) == {Capability.TENANT_VIEW}
    assert capabilities_of(cast.otto, cast.contoso) == frozenset(Capability)
    manager = UserFactory()
    services.grant_membership(cast.contoso, actor=cast.otto, user=manager, role=Role.MANAGER)
    assert Capability.RESTORE_EXECUTE in capabilities_of(manager, cast.contoso)
    assert Capability.MEMBERS_MANAGE not in capabilities_of(manager, cast.contoso)


def test_who_is_switched_off_may_nothing(cast):
    cast.ana.is_active = False
    cast.ana.save()

    assert capabilities_of(cast.ana, cast.contoso) == frozenset()
    with pytest.raises(NotFound):
        tenant_for(cast.ana, "contoso")


def test_a_grant_that_means_nothing_any_more_gives_nothing(cast):
    member = UserFactory()
    MembershipFactory(
        tenant=cast.contoso, user=member, role=Role.READER, grants=["moon.land", "tenant.manage"]
    )

    assert capabilities_of(member, cast.contoso) == {Capability.TENANT_VIEW}


def test_only_some_capabilities_are_granted_by_themselves(cast):
    with pytest.raises(InputError, match=r"tenant\.manage"):
        services.grant_membership(
            cast.contoso,
            actor=cast.otto,
            user=cast.olu,
            role=Role.OPERATOR,
            grants=[Capability.TENANT_MANAGE],
        )

    membership = services.grant_membership(
        cast.contoso, actor=cast.otto, user=cast.olu, role=Role.OPERATOR, grants=[Capability.RESTORE_EXECUTE]
    )
    assert membership.grants == ["restore.execute"]
    assert last_action(cast.contoso) == "membership.granted"


def test_the_last_owner_stays(cast):
    with pytest.raises(Conflict, match="last owner"):
        services.grant_membership(cast.contoso, actor=cast.otto, user=cast.otto, role=Role.READER)
    with pytest.raises(Conflict, match="last owner"):
        services.revoke_membership(cast.contoso, actor=cast.otto, user=cast.otto)

    services.grant_membership(cast.contoso, actor=cast.otto, user=cast.ana, role=Role.OWNER)
    services.revoke_membership(cast.contoso, actor=cast.otto, user=cast.otto)
    assert not Membership.objects.filter(tenant=cast.contoso, user=cast.otto).exists()
    assert last_action(cast.contoso) == "membership.revoked"


def test_who_is_no_member_cannot_be_made_a_stranger(cast):
    with pytest.raises(NotFound):
        services.revoke_membership(cast.contoso, actor=cast.otto, user=cast.eve)
