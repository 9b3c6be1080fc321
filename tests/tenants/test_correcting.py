"""Saying again which Microsoft tenant it is, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenantatlas.audit.queries import audit_entries
from tenantatlas.core.errors import Conflict, InputError, NotAllowed, SignInFailed
from tenantatlas.tenants import rbac
from tenantatlas.tenants.connections import client_for
from tenantatlas.tenants.correcting import correct_tenant, id_is_fixed
from tenantatlas.tenants.credentials import client_secret
from tenantatlas.tenants.models import Connection, PermissionReport, Purpose, Tenant
from tenantatlas.tenants.queries import connection_of
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.tenants.services import TenantFacts, update_credential
from tests.cast import Cast
from tests.factories import ConnectionFactory
from tests.simulated import World, world  # noqa: F401 - a fixture

from .certificates import certificate_pem, rsa_key

OTHER = "c0ffee00-0000-4000-8000-00000000000c"
ELSEWHERE = {"cloud": "custom", "graph_url": "https://graph.example", "login_url": "https://login.example"}


def facts_of(tenant: Tenant) -> TenantFacts:
    """The tenant as it is, to be said again with something else."""
    names = ("slug", "name", "tenant_guid", "environment", "cloud", "graph_url", "login_url", "ca_pem")
    return TenantFacts(**{name: getattr(tenant, name) for name in names})


def test_a_ca_file_is_corrected_and_the_credential_stays(cast: Cast) -> None:
    pem = certificate_pem(rsa_key())

    forgotten = correct_tenant(cast.contoso, replace(facts_of(cast.contoso), ca_pem=pem), actor=cast.otto)

    assert forgotten == {}
    assert client_for(cast.contoso).target.ca_pem == pem
    entry = audit_entries(cast.contoso.pk).first()
    assert entry.action == "tenant.corrected"
    assert entry.details["before"] == {"ca_pem": ""}
    assert len(entry.details["after"]["ca_pem"]) == 64


@pytest.mark.parametrize("there", [ELSEWHERE, {"cloud": "usgov"}, {"cloud": "usgov-dod"}])
def test_no_credential_goes_to_addresses_it_was_not_given_for(cast: Cast, there: dict[str, str]) -> None:
    ConnectionFactory(tenant=cast.contoso, purpose=Purpose.WRITER)
    known = {row.purpose: row.client_id for row in Connection.all_tenants.filter(tenant=cast.contoso)}

    forgotten = correct_tenant(cast.contoso, replace(facts_of(cast.contoso), **there), actor=cast.otto)

    assert forgotten == known
    assert not Connection.all_tenants.filter(tenant=cast.contoso).exists()
    assert connection_of(cast.fabrikam, Purpose.READER)
    with pytest.raises(SignInFailed, match="not connected"):
        client_for(cast.contoso)
    details = audit_entries(cast.contoso.pk).first().details
    assert details["before"]["cloud"] == "global"
    assert details["after"]["cloud"] == there["cloud"]
    assert details["credentials_forgotten"] == known


def test_the_same_addresses_by_another_name_are_the_same(cast: Cast) -> None:
    there = {
        "cloud": "custom",
        "graph_url": "https://graph.microsoft.com",
        "login_url": "https://login.microsoftonline.com",
    }
    assert correct_tenant(cast.contoso, replace(facts_of(cast.contoso), **there), actor=cast.otto) == {}
    assert connection_of(cast.contoso, Purpose.READER)


def test_who_knows_the_tenant_from_before_sends_a_new_credential_to_the_new_addresses(cast: Cast) -> None:
    stale = Tenant.objects.get(pk=cast.contoso.pk)
    correct_tenant(cast.contoso, replace(facts_of(cast.contoso), **ELSEWHERE), actor=cast.otto)
    credential = client_secret("given-for-the-new-addresses")
    update_credential(cast.contoso, actor=cast.otto, credential=credential, client_id=OTHER)

    assert client_for(stale).target.cloud.login_url == ELSEWHERE["login_url"]


def test_the_tenant_id_is_corrected_until_something_of_the_tenant_was_seen(cast: Cast) -> None:
    Tenant.objects.filter(pk=cast.contoso.pk).update(rbac_group_id=OTHER, rbac_group_name="Admins")
    correct_tenant(cast.contoso, replace(facts_of(cast.contoso), tenant_guid=OTHER), actor=cast.otto)
    assert (cast.contoso.tenant_guid, cast.contoso.rbac_group_id) == (OTHER, "")
    assert connection_of(cast.contoso, Purpose.READER)

    with tenant_scope(cast.contoso):
        PermissionReport.objects.create(taken_at=cast.contoso.created_at)
    assert id_is_fixed(cast.contoso)
    back = replace(facts_of(cast.contoso), tenant_guid=cast.fabrikam.tenant_guid)
    with pytest.raises(Conflict, match="stays the Microsoft tenant"):
        correct_tenant(cast.contoso, back, actor=cast.otto)


def test_what_our_own_work_leaves_behind_does_not_fix_the_tenant_id(world: World) -> None:  # noqa: F811 - the fixture
    world.sim.app(connection_of(world.tenant, Purpose.READER).client_id, secret="another")
    for key in ("connection.check", "inventory.sync", "directory_groups.sync"):
        world.work(key)
        assert not id_is_fixed(world.tenant), key


@pytest.mark.parametrize("operation", ["connection.check", "inventory.sync", "directory_groups.sync"])
def test_what_was_read_fixes_the_tenant_id(world: World, operation: str) -> None:  # noqa: F811 - the fixture
    world.catalog_policy("Baseline")
    world.sim.put("/groups", {"displayName": "Pilot", "securityEnabled": True, "groupTypes": []})
    world.work(operation)
    assert id_is_fixed(world.tenant)
    assert not id_is_fixed(world.cast.fabrikam)


def test_a_tenant_that_is_being_written_to_stays_where_it_is(cast: Cast) -> None:
    Tenant.objects.filter(pk=cast.contoso.pk).update(writer_run=87)
    with pytest.raises(Conflict, match="writing"):
        correct_tenant(cast.contoso, replace(facts_of(cast.contoso), **ELSEWHERE), actor=cast.otto)
    correct_tenant(cast.contoso, replace(facts_of(cast.contoso), name="Contoso Ltd"), actor=cast.otto)
    assert cast.contoso.name == "Contoso Ltd"


def test_correcting_is_for_owners_and_nothing_said_anew_is_no_event(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        correct_tenant(cast.contoso, facts_of(cast.contoso), actor=cast.ana)
    before = audit_entries(cast.contoso.pk).count()
    assert correct_tenant(cast.contoso, facts_of(cast.contoso), actor=cast.otto) == {}
    assert audit_entries(cast.contoso.pk).count() == before


def test_every_mistake_is_said_with_its_field(cast: Cast) -> None:
    wrong = replace(facts_of(cast.contoso), name="", tenant_guid="x", cloud="custom", ca_pem="none")
    with pytest.raises(InputError) as caught:
        correct_tenant(cast.contoso, wrong, actor=cast.otto)
    said = [each["field"] for each in caught.value.details["problems"]]
    assert said == ["name", "tenant_guid", "graph_url", "login_url", "ca"]


def test_an_admins_own_token_stays_with_the_addresses_it_is_for(world: World) -> None:  # noqa: F811 - the fixture
    here = "http://testserver/delegated/callback/"
    world.sim.reply_to(here, delegated=["GroupMember.Read.All"])
    begun = rbac.begin(world.tenant, actor=world.cast.otto, redirect_uri=here)
    correct_tenant(world.tenant, replace(facts_of(world.tenant), **ELSEWHERE), actor=world.cast.otto)
    with pytest.raises(SignInFailed, match="begun here"):
        rbac.finish(world.tenant, actor=world.cast.otto, sealed=begun.sealed, answer={})
