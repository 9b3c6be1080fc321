"""Key pairs made here: the private half is sealed and never shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tenantatlas.core import clock
from tenantatlas.core.errors import NotAllowed, NotFound, SignInFailed
from tenantatlas.tenants import keys
from tenantatlas.tenants.connections import client_for, forget_clients
from tenantatlas.tenants.credentials import unseal_secret
from tenantatlas.tenants.models import NewCertificate, Purpose
from tenantatlas.tenants.queries import connection_of
from tests.simulated import World, world  # noqa: F401 - a fixture


def test_the_certificate_is_public_and_the_key_is_sealed(cast):
    made = keys.make_certificate(cast.contoso, actor=cast.otto, purpose=Purpose.READER)
    shown = x509.load_der_x509_certificate(keys.public_certificate(made))
    sealed = unseal_secret(cast.contoso, purpose="new reader", sealed=bytes(made.sealed))

    assert load_pem_private_key(sealed.encode(), None).public_key() == shown.public_key()
    assert shown.public_key().key_size == 3072
    assert shown.not_valid_after_utc - clock.now() <= timedelta(days=180)
    assert b"PRIVATE" not in bytes(made.sealed) + made.certificate.encode()


def test_the_app_signs_in_with_it_once_entra_has_it(world: World):  # noqa: F811 - the fixture of that name
    tenant, otto = world.tenant, world.cast.otto
    before = connection_of(tenant, Purpose.READER)
    made = keys.make_certificate(tenant, actor=otto, purpose=Purpose.READER)
    client_for(tenant).token_claims()

    keys.use_certificate(tenant, actor=otto, purpose=Purpose.READER)
    with pytest.raises(SignInFailed, match="700027"):
        client_for(tenant).token_claims()
    world.sim.apps[before.client_id].certificate = made.certificate
    forget_clients()
    assert client_for(tenant).token_claims()["appid"] == before.client_id
    assert not NewCertificate.all_tenants.exists()


def test_making_another_forgets_the_first(cast):
    first = keys.make_certificate(cast.contoso, actor=cast.otto, purpose=Purpose.READER).certificate
    assert keys.make_certificate(cast.contoso, actor=cast.otto, purpose=Purpose.READER).certificate != first
    assert NewCertificate.all_tenants.count() == 1


def test_nobody_else_makes_or_uses_one(cast):
    with pytest.raises(NotAllowed):
        keys.make_certificate(cast.contoso, actor=cast.ana, purpose=Purpose.READER)
    with pytest.raises(NotAllowed):
        keys.use_certificate(cast.contoso, actor=cast.olu, purpose=Purpose.READER)
    with pytest.raises(NotFound):
        keys.use_certificate(cast.contoso, actor=cast.otto, purpose=Purpose.WRITER)
