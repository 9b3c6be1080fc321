"""Two requests for the same work have the same key. Pure.

The key is a hash over tenant, operation, target and the effective parameters, never over who asked.
Parameters are written as canonical JSON: keys sorted, lists of plain values sorted and without repetitions
(a scope is a set), so that `--types a,b` and `--types b,a` are one request. A nonce makes a request differ
from all others but itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from tenantatlas.core import ids
from tenantatlas.core.json import Json, dumps_sorted

_VERSION = 1


def canonical_params(value: Json) -> Json:
    """The value with every list of plain values sorted and without repetitions, at any depth."""
    if isinstance(value, Mapping):
        return {str(key): canonical_params(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        inner = [canonical_params(one) for one in value]
        if any(isinstance(one, dict | list) for one in inner):
            return inner
        return [one for _, one in sorted({dumps_sorted(one): one for one in inner}.items())]
    return value


def identity_hash(
    *, tenant_id: int, operation: str, target: str, params: Mapping[str, Json], nonce: str = ""
) -> str:
    """64 hexadecimal digits that are equal exactly when the requests are for the same work."""
    what = [_VERSION, tenant_id, operation, target, canonical_params(params), nonce]
    return ids.sha256_hex(dumps_sorted(what))
