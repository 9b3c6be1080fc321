"""The tenant guard: rows of a tenant are seen only inside that tenant's scope.

The scope is entered in three places: web middleware from `/t/<slug>/`, the worker from `run.tenant`, the
command line
from `--tenant`. Code of the platform that looks across tenants says so with `all_tenants`.

The scope lives in a context variable: a new thread starts outside every scope.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db import models

from tenantatlas.core.log import log_fields

if TYPE_CHECKING:
    from .models import Tenant

M = TypeVar("M", bound="TenantOwned")

_tenant_id: ContextVar[int | None] = ContextVar("tenant_id", default=None)


class OutsideScope(RuntimeError):
    """A tenant's rows were asked for outside its scope: a mistake of ours, never a person's."""


@contextlib.contextmanager
def tenant_scope(tenant: Tenant) -> Iterator[Tenant]:
    """Within the block, tenant-owned rows are this tenant's rows."""
    token = _tenant_id.set(tenant.pk)
    try:
        with log_fields(tenant=tenant.slug):
            yield tenant
    finally:
        _tenant_id.reset(token)


def current_tenant_id() -> int | None:
    """The id of the tenant in scope, or None outside."""
    return _tenant_id.get()


class ScopedManager(models.Manager[M]):
    """Sees the rows of the tenant in scope; outside a scope it refuses."""

    def get_queryset(self) -> models.QuerySet[M]:
        """The rows of the tenant in scope."""
        tenant_id = _tenant_id.get()
        if tenant_id is None:
            raise OutsideScope(f"{self.model.__name__} was asked for outside a tenant scope.")
        return super().get_queryset().filter(tenant_id=tenant_id)

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Insert rows into the tenant in scope; rows of another tenant are refused."""
        rows = list(objs)
        for row in rows:
            row.take_tenant()
        return super().bulk_create(rows, *args, **kwargs)


class TenantOwned(models.Model):
    """A row that belongs to one tenant."""

    #: Whether a row tells what was seen of the Microsoft tenant, or is kept for it: then its id is fixed.
    is_seen: ClassVar[bool] = True

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="+")

    objects = ScopedManager()
    all_tenants = models.Manager()  # noqa: DJ012 - ruff takes a second manager for a field

    class Meta:
        abstract = True
        default_manager_name = "objects"
        base_manager_name = "all_tenants"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save into the tenant in scope; a row of another tenant is refused."""
        self.take_tenant()
        super().save(*args, **kwargs)

    def take_tenant(self) -> None:
        """Belong to the tenant in scope unless a tenant was given; both must agree."""
        scope = _tenant_id.get()
        if scope is None:
            return
        given: int | None = self.tenant_id
        if given is None:
            self.tenant_id = scope
        elif given != scope:
            raise OutsideScope(f"{type(self).__name__} of tenant {self.tenant_id} in the scope of {scope}.")
