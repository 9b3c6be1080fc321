"""What the tenant's apps are allowed, against what the policy types need.

    to read      each type needs one of its `reads`; groups and the organization's name need one of theirs
    to restore   each type needs one of its `writes`, and all of its `writes_also`
    to look up   before that, the reader's app looks for what the policies name, one of each of its `lookups`
    too much     whatever no type needs

One row per permission and purpose. `have` names what covers it where that is another, wider permission.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, SignInFailed
from tenantatlas.core.json import Json, loads
from tenantatlas.graph.client import GraphClient
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.permissions import DIRECTORY_READS, lookups, missing
from tenantatlas.policies.permissions import Purpose as Access
from tenantatlas.policies.registry import all_types

from .connections import client_with, forget_clients
from .models import PermissionReport, Purpose, Tenant
from .queries import connection_of

_FAMILY = "identityAndAccess"
_ORGANIZATION = "/v1.0/organization?$select=id,displayName"
_ROLE_CLAIM = "roles"

#: What reading needs besides the policy types' own permissions; any one of each.
_BESIDES: dict[str, tuple[str, ...]] = {
    "groups": DIRECTORY_READS,
    "organization": ("Organization.Read.All", "Directory.Read.All"),
}


class Need(StrEnum):
    """What a permission is for."""

    READ = "read"
    RESTORE = "restore"
    LOOK_UP = "look up"
    NOTHING = "nothing"


class Held(StrEnum):
    """Whether the app has it."""

    HAVE = "have"
    MISSING = "missing"
    TOO_MUCH = "too much"


@dataclass(frozen=True, kw_only=True)
class PermissionRow:
    """One permission, what for, whether it is there, and which policy types ask for it."""

    permission: str
    need: Need
    held: Held
    by: str = ""
    types: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The row as it is stored and printed."""
        return {
            "permission": self.permission,
            "for": self.need.value,
            "state": self.held.value,
            "by": self.by,
            "types": list(self.types),
        }


def compare_permissions(
    reader: Iterable[str], writer: Iterable[str], types: Sequence[PolicyType]
) -> tuple[PermissionRow, ...]:
    """What the reader's and the writer's app have, need and have too much of, for these types."""
    reads: dict[tuple[str, ...], list[str]] = {any_of: [name] for name, any_of in _BESIDES.items()}
    writes: dict[tuple[str, ...], list[str]] = {}
    looks: dict[tuple[str, ...], list[str]] = {}
    for policy_type in types:
        reads.setdefault(policy_type.reads, []).append(policy_type.key)
        for any_of in (policy_type.writes, *((also,) for also in policy_type.writes_also)):
            if any_of:
                writes.setdefault(any_of, []).append(policy_type.key)
        for any_of in lookups(policy_type):
            looks.setdefault(any_of, []).append(policy_type.key)
    rows = [
        *_needed(reads, set(reader), need=Need.READ),
        *_needed(writes, set(writer), need=Need.RESTORE),
        *_needed(looks, set(reader), need=Need.LOOK_UP),
    ]
    useful = {name for any_of in (*reads, *writes, *looks) for name in any_of}
    too_much = sorted({*reader, *writer} - useful)
    rows += [PermissionRow(permission=name, need=Need.NOTHING, held=Held.TOO_MUCH) for name in too_much]
    return tuple(rows)


def check_sign_in(tenant: Tenant) -> None:
    """Get a new token of every app that the tenant has; it must be for this very tenant.

    A token that is out already would not know what was granted or withdrawn since it was made.
    """
    forget_clients(tenant)
    for client in _clients(tenant).values():
        _roles(client, tenant)


def take_report(tenant: Tenant, *, run_id: int) -> PermissionReport:
    """Compare, and store the result as this run's report. Repeating it replaces the run's report."""
    clients = _clients(tenant)
    roles = {purpose: _roles(client, tenant) for purpose, client in clients.items()}
    rows = compare_permissions(
        roles[Purpose.READER], roles.get(Purpose.WRITER, roles[Purpose.READER]), all_types()
    )
    values = {
        "taken_at": clock.now(),
        "organization": _organization_name(clients[Purpose.READER]),
        "rows": [row.as_json() for row in rows],
    }
    report: PermissionReport
    report, _ = PermissionReport.all_tenants.update_or_create(tenant=tenant, run_id=run_id, defaults=values)
    return report


def missing_to_write(tenant: Tenant, types: Iterable[PolicyType]) -> dict[str, tuple[str, ...]]:
    """Policy type → the permissions that the app which writes lacks for it, asked of its token now.

    A token that is out already does not know what was granted since: before anything is called missing, a new
    one is asked for. Of a token that says nothing of roles nothing is missing: Graph decides.
    """
    wanted = tuple(types)
    found = _lacking(tenant, wanted)
    if not found:
        return {}
    forget_clients(tenant)
    return _lacking(tenant, wanted)


def _lacking(tenant: Tenant, types: Iterable[PolicyType]) -> dict[str, tuple[str, ...]]:
    purpose = Purpose.WRITER if connection_of(tenant, Purpose.WRITER) else Purpose.READER
    client = client_with(tenant, purpose)
    roles = _roles(client, tenant)
    if _ROLE_CLAIM not in client.token_claims():
        return {}
    lacking = {each.key: missing(roles, each, Access.WRITE) for each in types if each.writes}
    return {key: names for key, names in lacking.items() if names}


def only_backs_up(report: PermissionReport, *, has_writer: bool) -> bool:
    """Whether the reader's app is alone and may write nothing: restoring is then to be added, no fault."""
    rows = [row for row in report.rows if row["for"] == Need.RESTORE.value]
    lacks = any(row["state"] == Held.MISSING.value for row in rows)
    return lacks and not has_writer and not any(".ReadWrite." in row["by"] for row in rows)


def lacking_now(report: PermissionReport, *, has_writer: bool) -> tuple[str, ...]:
    """The permissions that are missing for what the tenant is connected for."""
    if only_backs_up(report, has_writer=has_writer):
        return missing_in(report, Need.READ)
    return missing_in(report, Need.READ, Need.RESTORE, Need.LOOK_UP)


def missing_in(report: PermissionReport, *needs: Need) -> tuple[str, ...]:
    """The permissions that the report says are missing for this, once each."""
    wanted = {need.value for need in needs}
    lacking = (
        row["permission"]
        for row in report.rows
        if row["for"] in wanted and row["state"] == Held.MISSING.value
    )
    return tuple(dict.fromkeys(lacking))


def _needed(needs: dict[tuple[str, ...], list[str]], roles: set[str], *, need: Need) -> list[PermissionRow]:
    by_row: dict[tuple[str, str], set[str]] = {}
    for any_of, types in needs.items():
        by = next((name for name in any_of if name in roles), "")
        by_row.setdefault((any_of[0], by), set()).update(types)
    return [
        PermissionRow(
            permission=permission,
            need=need,
            held=Held.HAVE if by else Held.MISSING,
            by=by,
            types=tuple(sorted(types)),
        )
        for (permission, by), types in sorted(by_row.items())
    ]


def _clients(tenant: Tenant) -> dict[Purpose, GraphClient]:
    return {
        purpose: client_with(tenant, purpose)
        for purpose in Purpose
        if purpose is Purpose.READER or connection_of(tenant, purpose)
    }


def _roles(client: GraphClient, tenant: Tenant) -> set[str]:
    claims = client.token_claims()
    if str(claims.get("tid", "")).lower() != tenant.tenant_guid:
        raise SignInFailed(
            f"The token is for another tenant than {tenant.slug}.",
            hint="Correct the tenant id, or connect the other tenant under its own slug.",
        )
    return {str(role) for role in claims.get(_ROLE_CLAIM) or ()}


def _organization_name(client: GraphClient) -> str:
    """The name that the tenant gives itself; empty where the app may not read it, which the report says."""
    try:
        rows = loads(client.get(_ORGANIZATION, family=_FAMILY).body).get("value", [])
    except AtlasError as error:
        if error.retry or error.stops_run:
            raise
        return ""
    return str(rows[0].get("displayName") or "")[:300] if rows else ""
