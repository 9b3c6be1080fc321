"""Why a policy can be kept but not restored: everything about it that we do not know, or do not have.

What is here is stored byte for byte all the same. Nothing is guessed and nothing is left out of a write to
make the rest fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.core.json import Json

from .bodies import is_noise, type_name
from .model import COMMON_VOLATILE, PolicyType, RestoreMode
from .paths import name_matches
from .redact import missing_secrets

UNKNOWN_MEMBER = "unknownFutureValue"


class Cause(StrEnum):
    """What kind of reason it is."""

    TYPE = "type"
    PROPERTY = "property"
    VALUE = "value"
    SECRET = "secret"  # noqa: S105 - a word, not a password
    MODE = "mode"


@dataclass(frozen=True, kw_only=True)
class BackupOnly:
    """One reason why a policy stays a backup. `path` is where, "" for the whole policy."""

    cause: Cause
    path: str
    message: str


def reasons(policy_type: PolicyType, composed: Json) -> tuple[str, ...]:
    """The reasons as sentences for admins. Empty = it may be restored."""
    return tuple(found.message for found in explain(policy_type, composed))


def explain(policy_type: PolicyType, composed: Json) -> tuple[BackupOnly, ...]:
    """The reasons, each with its cause and place."""
    return (
        *_mode(policy_type),
        *_unknown_type(policy_type, composed),
        *_unknown_properties(policy_type, composed),
        *_unknown_members(composed, ""),
        *_missing_secrets(policy_type, composed),
    )


def _mode(policy_type: PolicyType) -> Iterator[BackupOnly]:
    if policy_type.restore.mode is RestoreMode.BACKUP_ONLY:
        message = policy_type.restore.reason or f"{policy_type.label} are backed up and never written."
        yield BackupOnly(cause=Cause.MODE, path="", message=message)


def _unknown_type(policy_type: PolicyType, body: Json) -> Iterator[BackupOnly]:
    if policy_type.odata_types and body.get("@odata.type") not in policy_type.odata_types:
        name = type_name(body) or "without a type"
        message = f"Its kind ({name}) is not known to this version of TenantAtlas."
        yield BackupOnly(cause=Cause.TYPE, path="@odata.type", message=message)


def _unknown_properties(policy_type: PolicyType, body: Json) -> Iterator[BackupOnly]:
    if not policy_type.properties:
        return
    embedded = {part.into for part in policy_type.parts} | {"assignments", "@odata.type"}
    known = policy_type.properties | embedded
    for name in sorted(body):
        common = is_noise(name) or any(name_matches(pattern, name) for pattern in COMMON_VOLATILE)
        if name not in known and not common and body[name] is not None:
            message = f"Its property {name} is not known to this version of TenantAtlas."
            yield BackupOnly(cause=Cause.PROPERTY, path=name, message=message)


def _unknown_members(value: Json, path: str) -> Iterator[BackupOnly]:
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _unknown_members(child, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _unknown_members(child, f"{path}[{index}]")
    elif value == UNKNOWN_MEMBER:
        message = f"The value of {path} is newer than what Graph tells this application."
        yield BackupOnly(cause=Cause.VALUE, path=path, message=message)


def _missing_secrets(policy_type: PolicyType, body: Json) -> Iterator[BackupOnly]:
    for secret in missing_secrets(policy_type, body):
        message = f"The secret {secret.path} is not in the backup: {secret.reason}"
        yield BackupOnly(cause=Cause.SECRET, path=secret.path, message=message)
