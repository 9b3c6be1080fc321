"""Which values in a body are secrets, and whether we have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tenantatlas.core.json import Json

from . import paths
from .model import MASKS, PolicyType, Secret, SecretKind
from .paths import Place


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """One secret in one body."""

    secret: Secret
    place: Place

    @property
    def given(self) -> bool:
        """Whether the value is here in a form that may be written."""
        value = self.place.value
        if value is None or (isinstance(value, str) and value in MASKS):
            return False
        return self.secret.given is None or self.secret.given(self.place.owner)

    @property
    def comparable(self) -> bool:
        """Whether the value says something when two bodies are compared."""
        return self.secret.kind is SecretKind.RECOVERABLE and self.given


def secret_places(policy_type: PolicyType, body: Json) -> Iterator[SecretPlace]:
    """Every secret that the type declares and this body has, in the order of the type's rules."""
    for secret in policy_type.secrets:
        for place in paths.find(body, secret.path):
            if place.value is not None if secret.when is None else secret.when(place.owner):
                yield SecretPlace(secret, place)
