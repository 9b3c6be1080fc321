"""Keeping the record of what was last observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.accounts.models import User
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json, storable_text
from tenantatlas.policies.model import PolicyType
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.queries import require_capability

from .listing import CollectionRead, ListedPolicy, row_evidence
from .models import Policy, Presence, ReadStatus, TypeRead

_LONGEST_REASON = 300
_OBSERVED = (
    "name",
    "odata_type",
    "platform",
    "last_modified",
    "scope_tags",
    "evidence",
    "presence",
    "last_seen",
    "missing_since",
    "last_run_id",
)
_KEY = ("tenant", "type_key", "graph_id")


def record_collection(read: CollectionRead, *, run_id: int) -> None:
    """Store what a list showed, in the tenant in scope: all of it or nothing. Doing it again changes nothing.

    A policy that was not seen is *missing* only where its type was read completely; else it is *unknown*.
    """
    at = clock.now()
    with transaction.atomic():
        observe_policies(read.policies, run_id=run_id, at=at)
        for policy_type in read.types:
            _record_type(read, policy_type, run_id=run_id, at=at)


def observe_policies(listed: Iterable[ListedPolicy], *, run_id: int, at: datetime) -> None:
    """Store these policies as seen now. Facts that the list does not tell stay as they were."""
    groups: dict[tuple[str, ...], list[Policy]] = {}
    for one in sorted(listed, key=lambda found: found.graph_id):
        told = assignment_facts(one.row.body)
        groups.setdefault(tuple(told), []).append(_observed(one, told, run_id=run_id, at=at))
    for told_fields, policies in groups.items():
        Policy.objects.bulk_create(
            policies,
            update_conflicts=True,
            unique_fields=_KEY,
            update_fields=[*_OBSERVED, *told_fields],
        )


def record_assignments(composed: Iterable[tuple[Policy, Json]]) -> None:
    """Store how widely policies are assigned, now that their whole documents have been read."""
    moved = []
    for policy, body in composed:
        told = assignment_facts(body)
        if any(getattr(policy, name) != value for name, value in told.items()):
            for name, value in told.items():
                setattr(policy, name, value)
            moved.append(policy)
    if moved:
        Policy.objects.bulk_update(moved, ["assigned_count", "is_assigned"])


def assignment_facts(body: Json) -> dict[str, bool | int]:
    """What a body tells of its assignments; nothing where it does not tell."""
    rows = body.get("assignments")
    if isinstance(rows, list):
        return {"assigned_count": len(rows), "is_assigned": bool(rows)}
    flag = body.get("isAssigned")
    return {"is_assigned": flag} if isinstance(flag, bool) else {}


def observed_policy(listed: ListedPolicy) -> Policy:
    """What a list row tells of a policy, as a row that is not stored."""
    return _observed(listed, assignment_facts(listed.row.body), run_id=0, at=clock.now())


def _observed(listed: ListedPolicy, told: dict[str, bool | int], *, run_id: int, at: datetime) -> Policy:
    body, policy_type = listed.row.body, listed.policy_type
    tags = body.get(policy_type.scope_tags) if policy_type.scope_tags else None
    modified = body.get("lastModifiedDateTime") or body.get("modifiedDateTime") or ""
    return Policy(
        type_key=policy_type.key,
        graph_id=listed.graph_id,
        name=listed.name[:1000],
        odata_type=storable_text(str(body.get("@odata.type") or policy_type.odata_type))[:200],
        platform=platform_of(policy_type, body),
        last_modified=storable_text(str(modified))[:40],
        scope_tags=[storable_text(str(tag)) for tag in tags] if isinstance(tags, list) else [],
        evidence=row_evidence(listed.row),
        presence=Presence.PRESENT,
        first_seen=at,
        last_seen=at,
        missing_since=None,
        last_run_id=run_id,
        **told,
    )


def platform_of(policy_type: PolicyType, body: Json) -> str:
    """The platform that the object states, else the only one of its type, else nothing."""
    stated = body.get("platforms") or body.get("platform") or ""
    if isinstance(stated, str) and stated and stated != "none":
        return storable_text(stated)[:60]
    odata_type = str(body.get("@odata.type") or "").lower()
    for word, platform in _PLATFORM_WORDS:
        if word in odata_type and (platform in policy_type.platforms or "all" in policy_type.platforms):
            return platform
    return policy_type.platforms[0] if len(policy_type.platforms) == 1 else ""


#: In derived types the platform is a word of the type's name; longer words first.
_PLATFORM_WORDS = (
    ("windows", "windows"),
    ("macos", "macOS"),
    ("ios", "iOS"),
    ("android", "android"),
    ("aosp", "android"),
    ("editionupgrade", "windows"),
    ("sharedpc", "windows"),
)


def _record_type(read: CollectionRead, policy_type: PolicyType, *, run_id: int, at: datetime) -> None:
    TypeRead.objects.bulk_create(
        [
            TypeRead(
                type_key=policy_type.key,
                run_id=run_id,
                status=read.status,
                reason=read.sentence,
                listed=len(read.of_type(policy_type)),
                at=at,
            )
        ],
        update_conflicts=True,
        unique_fields=("tenant", "type_key", "run_id"),
        update_fields=("status", "reason", "listed", "at"),
    )
    unseen = Policy.objects.filter(type_key=policy_type.key).exclude(last_run_id=run_id)
    unseen = unseen.exclude(presence=Presence.IMPORTED)  # never seen here, so it cannot have gone
    if read.status == ReadStatus.COMPLETE:
        gone = unseen.exclude(presence=Presence.MISSING, missing_since__isnull=False)
        gone.filter(missing_since__isnull=True).update(missing_since=at)
        unseen.update(presence=Presence.MISSING)
    else:
        unseen.update(presence=Presence.UNKNOWN)


def ignore_policies(policies: Sequence[Policy], *, tenant: Tenant, actor: User, reason: str) -> None:
    """Leave these policies out of what asks for attention. They are backed up like any other."""
    reason = reason.strip()
    if not reason or len(reason) > _LONGEST_REASON:
        raise InputError(f"Say why, in at most {_LONGEST_REASON} characters.", details={"field": "reason"})
    _mark(policies, tenant=tenant, actor=actor, action="policy.ignore", reason=reason)


def heed_policies(policies: Sequence[Policy], *, tenant: Tenant, actor: User) -> None:
    """These policies ask for attention again."""
    _mark(policies, tenant=tenant, actor=actor, action="policy.heed", reason="")


def _mark(policies: Sequence[Policy], *, tenant: Tenant, actor: User, action: str, reason: str) -> None:
    require_capability(actor, tenant, Capability.BACKUP_RUN)
    with transaction.atomic():
        Policy.objects.filter(pk__in=[policy.pk for policy in policies]).update(
            ignored_at=clock.now() if reason else None, ignored_reason=reason
        )
        for policy in policies:
            record_event(
                tenant_id=tenant.pk,
                actor_id=actor.pk,
                actor_name=actor.email,
                action=action,
                subject=f"policy {policy.pk}",
                details={"name": policy.name, "policy": policy.graph_id, "reason": reason},
            )
