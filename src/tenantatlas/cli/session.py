"""Who acts, and in which tenant: `--as EMAIL`, else ATLAS_USER, else the only owner; `--tenant SLUG`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer
from django.conf import settings

from tenantatlas.accounts.models import User
from tenantatlas.accounts.queries import only_owner, user_by_email
from tenantatlas.core.errors import InputError, NotFound
from tenantatlas.tenants.install import require_ready
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import tenant_for
from tenantatlas.tenants.scope import TenantOwned, tenant_scope

from .output import acting_as, named_tenant

M = TypeVar("M", bound=TenantOwned)

#: Which command lists what is asked for by its number.
_LISTS = {
    "run": "runs list",
    "restore": "restore list",
    "finding": "drift findings",
    "backup set": "backups list",
    "schedule": "schedules list",
}

TenantOption = Annotated[str, typer.Option("--tenant", "-t", metavar="SLUG", help="The tenant.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when the run has ended; work it here if need be.")
]


@dataclass(frozen=True, kw_only=True)
class Session:
    """Who acts in which tenant."""

    user: User
    tenant: Tenant


def acting_user() -> User:
    """The person that this command acts as."""
    require_ready()
    email = acting_as() or settings.ATLAS_USER
    return user_by_email(email) if email else only_owner()


@contextlib.contextmanager
def in_tenant(slug: str) -> Iterator[Session]:
    """Act in the tenant, within its scope; a stranger's tenant is not found."""
    user = acting_user()
    tenant = tenant_for(user, slug)
    with tenant_scope(tenant):
        yield Session(user=user, tenant=tenant)


def _hint(noun: str) -> str:
    command = _LISTS.get(noun)
    if command is None:
        return f"List them to see each {noun}'s number."
    return f"`tenantatlas {command} -t SLUG` shows each {noun}'s number."


@contextlib.contextmanager
def in_tenant_of(model: type[M], key: str, *, noun: str) -> Iterator[tuple[Session, M]]:
    """Act in the tenant that the row belongs to. To a stranger the row never existed.

    Nor did it, where the command names another tenant.
    """
    user = acting_user()
    if not (key.isascii() and key.isdigit() and len(key) <= 18):  # noqa: PLR2004 - digits of a 64-bit integer
        raise InputError(f"{key[:60]!r} is not the number of a {noun}.", hint=f"Give the {noun}'s number.")
    rows = model.all_tenants.filter(pk=int(key), tenant__memberships__user=user, tenant__removed_at=None)
    if named_tenant():
        rows = rows.filter(tenant=tenant_for(user, named_tenant()))
    row: M | None = rows.select_related("tenant").first()
    if row is None:
        raise NotFound(f"There is no {noun} {key} here.", hint=_hint(noun))
    with tenant_scope(row.tenant):
        yield Session(user=user, tenant=row.tenant), row
