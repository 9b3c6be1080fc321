"""Key pairs that are made here, so that no private key is ever sent or saved by hand.

    make ──► the private key sealed, the certificate to download ──► upload it in Entra ──► use

Until `use_certificate`, the app keeps the credential that it has: rotation without an outage.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.core.errors import NotFound
from tenantatlas.core.log import remember_secret

from .credentials import certificate, seal_secret, unseal_secret
from .models import Connection, NewCertificate, Purpose, Tenant
from .queries import new_certificate_of, require_capability
from .services import record_tenant_event, update_credential

#: Short enough to be changed often, long enough not to be forgotten.
DAYS = 180
_BITS = 3072
_CLOCKS_DIFFER = timedelta(hours=1)


def make_certificate(tenant: Tenant, *, actor: User, purpose: Purpose) -> NewCertificate:
    """Make a key pair and a certificate for the app. One that was made before and not used is forgotten."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    ends = clock.now() + timedelta(days=DAYS)
    shown = _self_signed(key, f"TenantAtlas {tenant.slug} {purpose.value}", ends)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    remember_secret(private)
    public = shown.public_bytes(Encoding.PEM).decode("ascii")
    values = {
        "certificate": public,
        "sealed": seal_secret(tenant, purpose=_record(purpose), secret=private + public),
        "expires_at": ends,
        "made_at": clock.now(),
    }
    with transaction.atomic():
        made: NewCertificate
        made, _ = NewCertificate.all_tenants.update_or_create(
            tenant=tenant, purpose=purpose.value, defaults=values
        )
        record_tenant_event(
            "certificate.made",
            tenant=tenant,
            actor=actor,
            details={"purpose": purpose.value, "thumbprint": thumbprint(public)},
        )
    return made


def use_certificate(tenant: Tenant, *, actor: User, purpose: Purpose, client_id: str = "") -> Connection:
    """Sign in with the certificate that was made; the credential before it is forgotten."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    made = new_certificate_of(tenant, purpose)
    if made is None:
        raise NotFound(
            f"No certificate was made for the {purpose.value} of {tenant.slug}.", hint="Make one first."
        )
    pem = unseal_secret(tenant, purpose=_record(purpose), sealed=bytes(made.sealed))
    with transaction.atomic():
        row = update_credential(
            tenant, actor=actor, credential=certificate(pem), purpose=purpose, client_id=client_id
        )
        made.delete()
    return row


def public_certificate(made: NewCertificate) -> bytes:
    """The certificate as the .cer file that Entra takes (DER)."""
    return x509.load_pem_x509_certificate(made.certificate.encode()).public_bytes(Encoding.DER)


def thumbprint(pem: str) -> str:
    """The SHA-1 of the certificate, as Entra lists it."""
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, as Entra shows it


def _record(purpose: Purpose) -> str:
    return f"new {purpose.value}"


def _self_signed(key: rsa.RSAPrivateKey, common_name: str, ends: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])

    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(159) | 1)
        .not_valid_before(clock.now() - _CLOCKS_DIFFER)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
