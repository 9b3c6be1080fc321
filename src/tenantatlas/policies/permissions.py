"""Which application permissions the policy types need, and which of those an app has.

A type asks for one of several permissions to read (`reads`), one of several to write (`writes`), and
sometimes for more besides (`writes_also`). Before a policy is restored, what it names is looked for in the
target by its id; `LOOKUPS` says what that asks for, so that no type has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .model import PolicyType

#: What the directory cache reads, least first.
DIRECTORY_READS: tuple[str, ...] = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All")

#: What looking for one of a kind by its id asks for, any one, least first: the permission tables of Graph's
#: reference for each GET. Empty = no application permission is enough: a person has to be signed in.
LOOKUPS: Mapping[str, tuple[str, ...]] = {
    "groups": DIRECTORY_READS,
    # https://learn.microsoft.com/graph/api/user-get names no User.ReadBasic.All for applications
    "users": ("User.Read.All", "Directory.Read.All", "User.ReadWrite.All"),
    "servicePrincipals": ("Application.Read.All", "Directory.Read.All", "Application.ReadWrite.All"),
    "conditionalAccess.authenticationContexts": (
        "AuthenticationContext.Read.All",
        "Policy.Read.ConditionalAccess",
        "AuthenticationContext.ReadWrite.All",
    ),
    "termsOfUse.agreements": (),
    "mobileApps": ("DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"),
    "derivedCredentials": (
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
    ),
    "groupPolicyDefinitions": (
        "DeviceManagementConfiguration.Read.All",
        "DeviceManagementConfiguration.ReadWrite.All",
    ),
}


def lookups(policy_type: PolicyType) -> tuple[tuple[str, ...], ...]:
    """Sets of permissions, of each of which looking for what such a policy names needs one.

    What it names of our own types is read with their lists, and groups with the directory: those needs are
    others' already.
    """
    kinds = dict.fromkeys(each.kind for each in policy_type.references if each.kind != "groups")
    return tuple(dict.fromkeys(found for kind in kinds if (found := LOOKUPS.get(kind, ()))))


class Purpose(StrEnum):
    """What a permission is needed for."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, kw_only=True)
class Need:
    """One of `any_of` is needed, by these policy types; `held` are those the app has."""

    purpose: Purpose
    any_of: tuple[str, ...]
    type_keys: tuple[str, ...]
    held: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether the app may do it."""
        return bool(self.held)


def asked(policy_type: PolicyType, purpose: Purpose) -> tuple[tuple[str, ...], ...]:
    """Sets of permissions; the app must have one of each."""
    if purpose is Purpose.READ:
        return (policy_type.reads,)
    return (policy_type.writes, *((name,) for name in policy_type.writes_also))


def needs(held: Iterable[str], types: Iterable[PolicyType], purposes: Iterable[Purpose]) -> tuple[Need, ...]:
    """Everything that these types need, types that need the same together, in the order of the types."""
    has, purposes = frozenset(held), tuple(purposes)
    keys: dict[tuple[Purpose, tuple[str, ...]], list[str]] = {}
    for policy_type in types:
        for purpose in purposes:
            for any_of in asked(policy_type, purpose):
                keys.setdefault((purpose, any_of), []).append(policy_type.key)
    return tuple(
        Need(
            purpose=purpose,
            any_of=any_of,
            type_keys=tuple(type_keys),
            held=tuple(name for name in any_of if name in has),
        )
        for (purpose, any_of), type_keys in keys.items()
    )


def missing(held: Iterable[str], policy_type: PolicyType, purpose: Purpose) -> tuple[str, ...]:
    """The least permission of each set of which the app has none; empty = it may."""
    has = frozenset(held)
    return tuple(any_of[0] for any_of in asked(policy_type, purpose) if has.isdisjoint(any_of))


def least(types: Iterable[PolicyType], purposes: Iterable[Purpose]) -> tuple[str, ...]:
    """A smallest sensible list to consent to: the least of each set that nothing already in the list covers.

    Write permissions come first, since many of them may read as well.
    """
    found: dict[str, None] = {}
    ordered = sorted(needs((), types, purposes), key=lambda need: need.purpose is Purpose.READ)
    for need in ordered:
        if not any(name in found for name in need.any_of):
            found[need.any_of[0]] = None
    return tuple(sorted(found))


def superfluous(
    held: Iterable[str], types: Iterable[PolicyType], purposes: Iterable[Purpose]
) -> tuple[str, ...]:
    """What the app has and none of these types (nor the directory) asks for."""
    wanted = {name for need in needs((), types, purposes) for name in need.any_of} | {*DIRECTORY_READS}
    return tuple(sorted(set(held) - wanted))
