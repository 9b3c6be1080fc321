"""What differs between two states of a policy, one line per property.

Rows of sets are matched by their natural key, so another order is no difference; rows of ordered lists by
position. Values of secrets are never in a difference: only that they changed. The same two states give the
same list.

    path    settings[device_vendor_msft_bitlocker].settingInstance.choiceSettingValue.value
    label   Settings / Bitlocker
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tenantatlas.core import json
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json

from . import paths
from .bodies import same, type_name
from .canonical import canonical_form, unordered
from .model import MASKS, PolicyType
from .paths import EVERY, Tokens
from .redact import REDACTED, with_secrets_replaced


class Kind(StrEnum):
    """What happened to a property."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that differs. `before` and `after` may be shown: secrets in them read •••. `secret` says
    that the property itself is one.
    """

    path: str
    label: str
    kind: Kind
    before: Json = None
    after: Json = None
    secret: bool = False


class _Hidden(str):
    """Stands for a secret: equal where the secret is equal, never shown."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Trail:
    """The way down to a property: as a path, as the steps that rules know, and in words."""

    path: str = ""
    tokens: Tokens = ()
    label: str = ""

    def to_property(self, name: str) -> _Trail:
        path = f"{self.path}.{name}".removeprefix(".")
        return _Trail(path, (*self.tokens, name), self._with("" if name in _STRUCTURE else _words(name)))

    def to_row(self, key: str, label: str) -> _Trail:
        return _Trail(f"{self.path}[{key}]", (*self.tokens, EVERY), self._with(label))

    def _with(self, words: str) -> str:
        return " / ".join(part for part in (self.label, words) if part)


#: Names that only hold other names together; they say nothing to a reader.
_STRUCTURE = frozenset(
    {
        "settingInstance",
        "choiceSettingValue",
        "choiceSettingCollectionValue",
        "simpleSettingValue",
        "simpleSettingCollectionValue",
        "groupSettingValue",
        "groupSettingCollectionValue",
        "children",
        "value",
        "target",
        "@odata.type",
    }
)
_DEFINITION_PREFIX = re.compile(r"^(device_|user_)?(vendor_msft_)?(policy_config_|policy_)?")
_ABSENT = object()
#: Assignments are matched by whom they reach; a changed filter is a change of that assignment.
_ASSIGNMENT_KEY = ("target.@odata.type", "target.groupId", "target.collectionId")
_AUDIENCES = {
    "allDevicesAssignmentTarget": "all devices",
    "allLicensedUsersAssignmentTarget": "all users",
    "exclusionGroupAssignmentTarget": "not group",
    "groupAssignmentTarget": "group",
}


def differences(policy_type: PolicyType, before: Json, after: Json) -> tuple[Difference, ...]:
    """What differs between two composed bodies of this type."""
    comparison = _Comparison({**unordered(policy_type), "assignments": _ASSIGNMENT_KEY})
    one, other = (_comparable(policy_type, body) for body in (before, after))
    return () if same(one, other) else tuple(comparison.of(_Trail(), one, other))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One value that a policy sets. A secret reads •••."""

    path: str
    label: str
    value: Json = None
    secret: bool = False


def settings_of(policy_type: PolicyType, composed: Json) -> tuple[Setting, ...]:
    """Every value of a composed body but its assignments, under the labels that differences have."""
    body = {
        name: value for name, value in _comparable(policy_type, composed).items() if name != "assignments"
    }
    return tuple(_Comparison(unordered(policy_type)).leaves(_Trail(), body))


def _comparable(policy_type: PolicyType, composed: Json) -> Json:
    """The canonical form, with every secret replaced by something that is equal where the secret is."""
    return canonical_form(policy_type, with_secrets_replaced(policy_type, composed, _hidden))


def _hidden(value: Json) -> Json:
    return (
        value if isinstance(value, str) and value in MASKS else _Hidden(sha256_hex(json.dumps_sorted(value)))
    )


class _Comparison:
    """Walks two canonical forms side by side."""

    def __init__(self, keys: Mapping[str, tuple[str, ...]]) -> None:
        self._keys = [(paths.parse(path), key) for path, key in keys.items()]

    def of(self, trail: _Trail, before: Json, after: Json) -> Iterator[Difference]:
        if before is _ABSENT or after is _ABSENT:
            yield _difference(trail, before, after)
        elif isinstance(before, dict) and isinstance(after, dict):
            for name in sorted(before.keys() | after.keys()):
                pair = before.get(name, _ABSENT), after.get(name, _ABSENT)
                yield from self.of(trail.to_property(name), *pair)
        elif isinstance(before, list) and isinstance(after, list):
            yield from self._of_rows(trail, before, after)
        elif not same(before, after):
            yield _difference(trail, before, after)

    def leaves(self, trail: _Trail, value: Json) -> Iterator[Setting]:
        """The values in it that hold no others."""
        if isinstance(value, dict):
            for name in sorted(value):
                yield from self.leaves(trail.to_property(name), value[name])
        elif isinstance(value, list) and any(isinstance(row, dict | list) for row in value):
            key = self._key_at(trail)
            for name, row in _by_name(value, key).items():
                yield from self.leaves(trail.to_row(name, _row_label(row, name, key)), row)
        elif trail.tokens[-1] != "@odata.type":
            yield Setting(
                path=trail.path,
                label=trail.label or trail.path,
                value=_shown(value),
                secret=isinstance(value, _Hidden),
            )

    def _key_at(self, trail: _Trail) -> tuple[str, ...] | None:
        return next((key for tokens, key in self._keys if paths.tokens_match(tokens, trail.tokens)), None)

    def _of_rows(self, trail: _Trail, before: list[Json], after: list[Json]) -> Iterator[Difference]:
        key = self._key_at(trail)
        rows_before, rows_after = _by_name(before, key), _by_name(after, key)
        names = list(dict.fromkeys((*rows_before, *rows_after)))
        for name in names if key is None else sorted(names):
            pair = rows_before.get(name, _ABSENT), rows_after.get(name, _ABSENT)
            row = pair[1] if pair[0] is _ABSENT else pair[0]
            yield from self.of(trail.to_row(name, _row_label(row, name, key)), *pair)


def _by_name(rows: list[Json], key: tuple[str, ...] | None) -> dict[str, Json]:
    """The rows by what identifies them: their key, or their position. Rows with the same key are numbered."""
    if key is None:
        return {str(index): row for index, row in enumerate(rows)}
    result: dict[str, Json] = {}
    for row in rows:
        name, number = _name(row, key), 1
        while (named := name if number == 1 else f"{name}#{number}") in result:
            number += 1
        result[named] = row
    return result


def _name(row: Json, key: tuple[str, ...]) -> str:
    values = [paths.value_at(row, name) if name else row for name in key]
    return ",".join(_spelled(value) for value in values if value is not None)


def _spelled(value: Json) -> str:
    if isinstance(value, str):
        return value.removeprefix("#microsoft.graph.")
    return json.dumps_sorted(value).decode()


def _row_label(row: Json, name: str, key: tuple[str, ...] | None) -> str:
    if key is None:
        return f"{int(name) + 1}"
    if key is _ASSIGNMENT_KEY:
        target = row.get("target")
        audience = _AUDIENCES.get(type_name(target), type_name(target))
        return " ".join(part for part in (audience, target.get("groupId")) if part)
    return _words(name)


def _words(name: str) -> str:
    """`passwordMinimumLength` → Password minimum length."""
    if "_" in name and "/" not in name:
        words = _DEFINITION_PREFIX.sub("", name).replace("_", " ").strip() or name
    else:
        words = re.sub(r"(?<=[a-z0-9])([A-Z])(?=[a-z])", lambda found: f" {found[1].lower()}", name)
    return words[:1].upper() + words[1:]


def _difference(trail: _Trail, before: Json, after: Json) -> Difference:
    kind = Kind.ADDED if before is _ABSENT else Kind.REMOVED if after is _ABSENT else Kind.CHANGED
    return Difference(
        path=trail.path,
        label=trail.label or trail.path,
        kind=kind,
        before=None if before is _ABSENT else _shown(before),
        after=None if after is _ABSENT else _shown(after),
        secret=isinstance(before, _Hidden) or isinstance(after, _Hidden),
    )


def _shown(value: Json) -> Json:
    if isinstance(value, _Hidden):
        return REDACTED
    if isinstance(value, dict):
        return {name: _shown(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_shown(child) for child in value]
    return value
