"""The tenant's Graph clients: made from what is sealed, renewed when it changes, refused where unsafe."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tenantatlas.core import clock
from tenantatlas.core.clock import SystemClock
from tenantatlas.core.errors import InputError, SignInFailed, WritesHeld
from tenantatlas.graph.values import Certificate, Secret
from tenantatlas.tenants import connections, services
from tenantatlas.tenants.budgets import DatabaseBudgets
from tenantatlas.tenants.connections import budget_store, client_for, forget_clients, refuse_scaled_time
from tenantatlas.tenants.credentials import certificate, client_secret
from tenantatlas.tenants.models import Purpose, Tenant
from tenantatlas.tenants.writer import writer_client_for
from tests.factories import CLIENT_SECRET
from tests.tenants.certificates import certificate_pem, key_pem, rsa_key

CLIENT = "c0ffee00-0000-4000-8000-00000000000b"


class FakeClient:
    """Keeps what it was made with."""

    def __init__(self, target, *, budgets=None):
        self.target = target
        self.budgets = budgets


@pytest.fixture(autouse=True)
def _fake_clients(monkeypatch):
    monkeypatch.setattr(connections, "GraphClient", FakeClient)
    forget_clients()
    yield
    forget_clients()


def test_the_client_is_made_with_what_was_sealed(cast, settings):
    settings.ATLAS_GRAPH_SHARE = 0.25
    target = client_for(cast.contoso).target

    assert target.credential == Secret(value=CLIENT_SECRET)
    assert target.tenant_guid == cast.contoso.tenant_guid
    assert target.cloud.graph_url == "https://graph.microsoft.com"
    assert target.share == 0.25
    assert CLIENT_SECRET not in repr(target)


def test_one_client_serves_until_something_changes(cast):
    first = client_for(cast.contoso)
    assert client_for(cast.contoso) is first

    services.update_credential(cast.contoso, actor=cast.otto, credential=client_secret("second-secret"))
    second = client_for(cast.contoso)
    assert second is not first
    assert second.target.credential == Secret(value="second-secret")
    assert client_for(cast.fabrikam) is not second


def test_a_certificate_is_given_as_pem(cast):
    pem = certificate_pem(rsa_key()) + key_pem(rsa_key())
    services.update_credential(cast.contoso, actor=cast.otto, credential=certificate(pem))

    assert client_for(cast.contoso).target.credential == Certificate(pem=pem)


def test_trusted_authorities_are_the_companys_and_the_tenants(cast, settings, tmp_path):
    company = tmp_path / "company.pem"
    company.write_text("COMPANY")
    settings.ATLAS_CA_FILE = company
    cast.contoso.ca_pem = "TENANT"
    cast.contoso.save()

    assert client_for(cast.contoso).target.ca_pem == "COMPANY\nTENANT"


def test_a_tenant_without_credential_is_not_connected(cast):
    services.remove_tenant(cast.contoso, actor=cast.otto)

    with pytest.raises(SignInFailed, match="not connected"):
        client_for(Tenant.objects.get(slug="contoso"))


def test_the_writer_is_a_separate_app_where_there_is_one(cast):
    assert writer_client_for(cast.contoso) is client_for(cast.contoso)

    services.update_credential(
        cast.contoso,
        actor=cast.otto,
        credential=client_secret("writers-secret"),
        purpose=Purpose.WRITER,
        client_id=CLIENT,
    )
    assert writer_client_for(cast.contoso).target.client_id == CLIENT
    assert client_for(cast.contoso).target.client_id != CLIENT


def test_nothing_is_written_while_writes_are_held(cast):
    services.hold_writes(cast.contoso, actor=cast.otto)

    with pytest.raises(WritesHeld) as caught:
        writer_client_for(cast.contoso)

    assert "tenants set contoso --writes yes" in caught.value.hint
    assert client_for(cast.contoso)


@pytest.mark.parametrize(
    ("graph", "login", "allowed"),
    [
        ("https://127.0.0.1:8443", "https://localhost:8443", True),
        ("https://[::1]:8443", "https://127.0.0.2", True),
        ("https://graph.microsoft.com", "https://127.0.0.1", False),
        ("https://127.0.0.1", "https://login.example", False),
        ("https://127.0.0.1.example", "https://127.0.0.1", False),
    ],
)
def test_scaled_time_is_for_loopback_only(graph, login, allowed):
    cloud = connections.cloud_named("custom", graph_url=graph, login_url=login)
    refuse_scaled_time(cloud)
    with clock.use_clock(SystemClock(50)):
        if allowed:
            refuse_scaled_time(cloud)
        else:
            with pytest.raises(InputError, match="ATLAS_TIME_SCALE"):
                refuse_scaled_time(cloud)


def test_scaled_time_is_refused_before_a_client_is_made(cast, settings):
    settings.ATLAS_TIME_SCALE = 10.0
    with pytest.raises(InputError, match="ATLAS_TIME_SCALE"):
        client_for(cast.contoso)


def test_budgets_are_shared_rows_on_postgresql(monkeypatch):
    monkeypatch.setattr(connections, "database", SimpleNamespace(vendor="postgresql"))
    assert isinstance(budget_store(), DatabaseBudgets)
    monkeypatch.setattr(connections, "database", SimpleNamespace(vendor="sqlite"))
    assert budget_store() is None
