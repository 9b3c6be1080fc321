"""The directory as cached: names and ids, no members."""

from __future__ import annotations

from django.db import models

from tenantatlas.tenants.scope import TenantOwned


class GroupKind(models.TextChoices):
    """What kind of group it is, in the admin center's words."""

    SECURITY = "security", "Security"
    DYNAMIC_SECURITY = "dynamic security", "Security, dynamic"
    M365 = "m365", "Microsoft 365"
    DYNAMIC_M365 = "dynamic m365", "Microsoft 365, dynamic"
    MAIL_SECURITY = "mail-enabled security", "Mail-enabled security"
    DISTRIBUTION = "distribution", "Distribution"


class DirectoryGroup(TenantOwned):
    """One group of the tenant's directory, as the last sync saw it."""

    graph_id = models.CharField(max_length=64)
    name = models.CharField(max_length=1000)
    kind = models.CharField(max_length=24, choices=GroupKind)
    present = models.BooleanField(default=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    last_run_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "graph_id"], name="directory_group_once")]
        indexes = [models.Index(fields=["tenant", "name"], name="directory_group_by_name")]

    def __str__(self) -> str:
        return self.name
