"""Bodies that may be shown, and what we know about their secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from tenantatlas.core.json import Json

from . import paths
from .bodies import is_noise
from .canonical import compose
from .document import Document
from .model import MASKS, PolicyType, SecretKind
from .secret_values import SecretPlace, secret_places

REDACTED = "•••"

#: Names that hold secrets wherever they occur, declared or not (unknown types are kept and shown too).
SECRET_NAMES: frozenset[str] = frozenset(
    {"password", "presharedkey", "sharedsecret", "passphrase", "privatekey", "clientsecret", "proxypassword"}
)

_REASONS = {
    SecretKind.RECOVERABLE: "the secret value could not be read when this version was captured",
    SecretKind.NEEDS_INPUT: "Graph does not give this secret value back; it must be entered",
    SecretKind.IMPOSSIBLE: "Graph never gives this secret value back and it cannot be entered here",
}


@dataclass(frozen=True, kw_only=True)
class SecretStatus:
    """One secret of one policy: where it is and whether we have it. Never the value."""

    path: str
    kind: SecretKind
    captured: bool
    reason: str = ""  # why we have not


def redact(policy_type: PolicyType, composed: Json) -> Json:
    """A copy in which every secret that is there reads •••."""
    return with_secrets_replaced(policy_type, composed, lambda _value: REDACTED)


def with_secrets_replaced(policy_type: PolicyType, composed: Json, stand_in: Callable[[Json], Json]) -> Json:
    """A copy with something else in the place of every secret that is there."""
    body = paths.copied(composed)
    places = [found.place for found in secret_places(policy_type, body)]
    declared = {place.where for place in places}
    places += [
        place
        for place in paths.find(body, "**.*")
        if place.where not in declared and _looks_secret(place.key, place.value)
    ]
    for place in places:
        if place.value is not None:
            place.holder[place.key] = stand_in(place.value)
    return body


def _looks_secret(name: str, value: Json) -> bool:
    if not isinstance(value, str):
        return False
    return value in MASKS or (name.lower() in SECRET_NAMES and not is_noise(name))


def secret_status(policy_type: PolicyType, document: Document) -> list[dict[str, Json]]:
    """Every secret of the captured policy, as rows of `path kind captured reason` for storage."""
    found = secret_places(policy_type, compose(policy_type, document))
    return [asdict(_status(each, _said(policy_type, document, each))) for each in found]


def missing_secrets(policy_type: PolicyType, composed: Json) -> tuple[SecretStatus, ...]:
    """The secrets without which the policy cannot be written."""
    return tuple(_status(found, "") for found in secret_places(policy_type, composed) if not found.given)


def _said(policy_type: PolicyType, document: Document, found: SecretPlace) -> str:
    """What Graph said when the value was asked for and did not come."""
    keys = [part.key_for(found.place.owner) for part in policy_type.parts if part.secret]
    return next((document.missing[key] for key in keys if key in document.missing), "")


def _status(found: SecretPlace, said: str) -> SecretStatus:
    kind = found.secret.kind
    reason = "" if found.given else said or found.secret.note or _REASONS[kind]
    return SecretStatus(path=found.place.path, kind=kind, captured=found.given, reason=reason)
