"""Audit entries: written once, chained per tenant."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

_NEVER = "Audit entries are never changed or deleted."


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Reads; refuses to change or delete."""

    def update(self, **_kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError(_NEVER)

    def delete(self) -> NoReturn:
        """Refused."""
        raise TypeError(_NEVER)


class AuditEntry(models.Model):
    """One thing that somebody did. `tenant_id` is null for what concerns the install.

    `digest` is the SHA-256 of the canonical bytes of all other columns and of the previous entry's digest.
    """

    tenant_id = models.BigIntegerField(null=True)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=254)
    action = models.CharField(max_length=80)
    subject = models.CharField(max_length=300)
    details = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "sequence"], name="audit_sequence_unique"),
            models.UniqueConstraint(
                fields=["sequence"], condition=models.Q(tenant_id=None), name="audit_install_sequence_unique"
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "-at"], name="audit_tenant_at")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert once; saving again is refused."""
        if not self._state.adding:
            raise TypeError(_NEVER)
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused."""
        raise TypeError(_NEVER)


class ChainHead(models.Model):
    """The end of a tenant's chain. Locked while an entry is appended, so that sequence numbers have no gaps.

    `chain` is the tenant's id, 0 for the install's own chain.
    """

    chain = models.BigIntegerField(unique=True)
    sequence = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="", blank=True)

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.sequence}"
