"""Connected tenants, who may work on them, and how we sign in to them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenantatlas.accounts.capabilities import Role

from .scope import TenantOwned


class Environment(models.TextChoices):
    """What a tenant is for; shown wherever the tenant is named."""

    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    DEVELOPMENT = "development", "Development"
    TEST = "test", "Test"


class Purpose(models.TextChoices):
    """What an app registration is for. Without a writer, the reader's app writes."""

    READER = "reader", "Reader"
    WRITER = "writer", "Writer"


class CredentialKind(models.TextChoices):
    """How an app proves who it is."""

    SECRET = "secret", "Client secret"
    CERTIFICATE = "certificate", "Certificate"


class Tenant(models.Model):
    """A connected Microsoft tenant.

    `writer_run` is the run that may write to it now. `writes_held` is set when our own store was restored
    from a backup: nothing is written until a person confirms. A removed tenant keeps its rows and loses its
    credentials.
    """

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)
    environment = models.CharField(max_length=20, choices=Environment.choices, default=Environment.PRODUCTION)
    tenant_guid = models.CharField(max_length=36)
    cloud = models.CharField(max_length=20, default="global")
    graph_url = models.CharField(max_length=300, blank=True)
    login_url = models.CharField(max_length=300, blank=True)
    ca_pem = models.TextField(blank=True)
    allow_deletes = models.BooleanField(default=False)
    #: whether a restore is executed only once a second person approved its plan
    require_approval = models.BooleanField(default=False)
    wrapped_key = models.BinaryField(default=b"")
    writes_held = models.BooleanField(default=False)
    #: The security group that is to hold the apps' service principals, as an admin chose it.
    rbac_group_id = models.CharField(max_length=36, blank=True)
    rbac_group_name = models.CharField(max_length=300, blank=True)
    writer_run = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Connection(TenantOwned):
    """An app registration. `sealed` holds its secret or certificate, readable only with the key file."""

    is_seen = False

    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.READER)
    client_id = models.CharField(max_length=36)
    kind = models.CharField(max_length=12, choices=CredentialKind.choices)
    sealed = models.BinaryField()
    expires_at = models.DateTimeField(null=True, blank=True)
    #: since when the newest warning of its end holds that the owners were told
    ending_told = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["tenant", "purpose"], name="tenants_connection_one_per_purpose")
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.client_id}"


class NewCertificate(TenantOwned):
    """A key pair made here for an app that does not use it yet. `certificate` is its public half, PEM."""

    is_seen = False

    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    certificate = models.TextField()
    sealed = models.BinaryField()
    expires_at = models.DateTimeField()
    made_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["tenant", "purpose"], name="tenants_new_certificate_once")
        ]

    def __str__(self) -> str:
        return f"new certificate of the {self.purpose}"


class Membership(models.Model):
    """What a person may do in a tenant: a role, and capabilities granted besides."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role.value, role.value.title()) for role in Role])
    grants = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_unique"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in Role]), name="tenants_membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.tenant_id}"


class PermissionReport(TenantOwned):
    """What the app was allowed when it was last checked: one row per permission."""

    run_id = models.BigIntegerField(null=True)
    taken_at = models.DateTimeField()
    organization = models.CharField(max_length=300, blank=True)
    rows = models.JSONField(default=list)

    class Meta(TenantOwned.Meta):
        abstract = False
        indexes = [models.Index(fields=["tenant", "-taken_at"], name="tenants_report_newest")]

    def __str__(self) -> str:
        return f"permissions at {self.taken_at:%Y-%m-%d %H:%M}"


class BudgetRow(models.Model):
    """A Graph budget shared by all workers: one row per app, tenant, family and direction.

    Both times are seconds of the database's clock, times ATLAS_TIME_SCALE. See `budgets`.
    """

    bucket = models.CharField(max_length=200, unique=True)
    next_at = models.FloatField(default=0.0)
    paused_until = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return self.bucket
