"""The security group that shall hold our service principal: searched in the directory, chosen, kept.

The search is the product's one interactive question to Graph. It is asked with the admin's own token only,
on a click only; its answer is shown and kept nowhere. The token stays on the server, sealed under the
tenant's key and bound to the person, for ten minutes at most.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError, SignInFailed, StorageFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json, dumps, loads
from tenantatlas.core.log import remember_secret
from tenantatlas.graph import delegated
from tenantatlas.graph.delegated import FoundGroup

from .connections import cloud_of, target_of
from .models import Purpose, Tenant
from .queries import require_capability
from .services import keep_rbac_group, record_tenant_event
from .vault import seal, unseal

_FLOW, _TOKEN = "delegated flow", "delegated token"
_SHORTEST, _LONGEST = 2, 100


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A sign-in on its way: where the person goes, and what to keep, sealed, until they are back."""

    address: str
    state: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A sign-in that may search: who, until when, and the sealed token."""

    account: str
    ends_at: float
    sealed: str = field(repr=False)


def begin(tenant: Tenant, *, actor: User, redirect_uri: str) -> Begun:
    """Begin the admin's sign-in at the tenant's own login. Asks the login for its addresses."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    flow = delegated.begin_sign_in(target_of(tenant, Purpose.READER), redirect_uri=redirect_uri)
    return Begun(
        address=str(flow["auth_uri"]),
        state=str(flow["state"]),
        sealed=_sealed(tenant, actor, _FLOW, flow),
    )


def finish(tenant: Tenant, *, actor: User, sealed: str, answer: Mapping[str, str]) -> SignedIn:
    """Exchange what the person came back with for a token that may search."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    flow = _opened(tenant, actor, _FLOW, sealed)
    given = delegated.finish_sign_in(target_of(tenant, Purpose.READER), flow, answer)
    record_tenant_event(
        "delegated.signed_in",
        tenant=tenant,
        actor=actor,
        details={"account": given.account, "account_id": given.account_id},
    )
    token = {"token": given.token, "account_id": given.account_id, "ends_at": given.ends_at}
    return SignedIn(
        account=given.account, ends_at=given.ends_at, sealed=_sealed(tenant, actor, _TOKEN, token)
    )


def search(tenant: Tenant, *, actor: User, signed_in: SignedIn, begins: str) -> tuple[FoundGroup, ...]:
    """Security groups whose name begins with the text. Audited: who, and how long a text; no results."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    text = begins.strip()
    if not _SHORTEST <= len(text) <= _LONGEST:
        raise InputError(
            f"Type {_SHORTEST} to {_LONGEST} characters of the group's name.", details={"field": "q"}
        )
    token = _token(tenant, actor, signed_in)
    record_tenant_event(
        "rbac_group.searched",
        tenant=tenant,
        actor=actor,
        details={"length": len(text), "sha256": sha256_hex(text.encode())[:16], "account": signed_in.account},
    )
    return delegated.search_groups(target_of(tenant, Purpose.READER), token, begins=text)


def choose(tenant: Tenant, *, actor: User, signed_in: SignedIn, group_id: str) -> FoundGroup:
    """Keep the group as the one that shall hold our service principal, by the name it has now."""
    require_capability(actor, tenant, Capability.CONNECTION_MANAGE)
    token = _token(tenant, actor, signed_in)
    found = delegated.find_group(target_of(tenant, Purpose.READER), token, group_id=group_id)
    keep_rbac_group(tenant, actor=actor, group_id=found.id, name=found.name)
    return found


def _token(tenant: Tenant, actor: User, signed_in: SignedIn) -> delegated.Delegated:
    if clock.now().timestamp() >= signed_in.ends_at:
        raise SignInFailed("The sign-in for searching groups has ended.", hint="Sign in again.")
    kept = _opened(tenant, actor, _TOKEN, signed_in.sealed)
    remember_secret(str(kept["token"]))
    return delegated.Delegated(
        token=str(kept["token"]),
        account=signed_in.account,
        account_id=str(kept["account_id"]),
        ends_at=float(kept["ends_at"]),
    )


def _sealed(tenant: Tenant, actor: User, purpose: str, value: Mapping[str, Json]) -> str:
    data = seal(tenant, purpose=purpose, record=_record(tenant, actor), plain=dumps(dict(value)))
    return base64.b64encode(data).decode("ascii")


def _opened(tenant: Tenant, actor: User, purpose: str, sealed: str) -> dict[str, Json]:
    try:
        data = base64.b64decode(sealed, validate=True)
        opened: dict[str, Json] = loads(
            unseal(tenant, purpose=purpose, record=_record(tenant, actor), sealed=data)
        )
    except (ValueError, StorageFailed) as error:
        raise SignInFailed("This is not the sign-in that was begun here.", hint="Sign in again.") from error
    return opened


def _record(tenant: Tenant, actor: User) -> str:
    """Whose it is, and for which addresses: where these are corrected, it can be opened no more."""
    cloud = cloud_of(tenant)
    return f"user {actor.pk} at {cloud.graph_url} and {cloud.login_url}/{tenant.tenant_guid}"
