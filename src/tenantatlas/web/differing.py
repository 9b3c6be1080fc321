"""Differences and settings as people read them: ids by their names, scripts by the lines that differ."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from difflib import SequenceMatcher
from typing import Any

from tenantatlas.core import json
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import group_names
from tenantatlas.inventory.models import Policy
from tenantatlas.policies.diff import Setting

from .assigning import assigned

Names = Mapping[str, str]

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_SCRIPT = re.compile(r"script(content)?$", re.IGNORECASE)
_DEFINITION = re.compile(r"\[([^\[\]]+)\][^\[\]]*$")
#: Of an assignment, what its words tell already.
_TOLD = frozenset({"id", "target", "source", "sourceId", "@odata.type"})


@dataclass(frozen=True, kw_only=True)
class Readable:
    """One difference in words."""

    path: str
    label: str
    kind: str
    before: str
    after: str
    secret: bool


def names_in(differences: Iterable[Any]) -> Names:
    """The names of the groups, filters and policies that these differences hold the ids of. Two queries."""
    found = {each.lower() for one in differences for each in _ID.findall(_text(one))}
    if not found:
        return {}
    policies = Policy.objects.filter(graph_id__in=found).values_list("graph_id", "name")
    return {**group_names(sorted(found)), **dict(policies)}


def readable(differences: Iterable[Any], names: Names) -> list[Readable]:
    """The differences (objects, or as they were stored) in words, with these names for ids."""
    return [_readable(_facts(one), names) for one in differences]


def readable_settings(settings: Iterable[Setting], names: Names) -> list[Readable]:
    """What a policy sets, in words. Which definition a setting is of stands in its label already."""
    return [
        _readable({**asdict(one), "kind": "", "before": None, "after": one.value}, names)
        for one in settings
        if not one.path.endswith("settingDefinitionId")
    ]


def words(path: str, value: Json, names: Names) -> str:
    """One value in words; `path` says of what."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _of_text(path, value, names)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(_of_text(path, each, names) for each in value) or "none"
    if isinstance(value, dict) and isinstance(value.get("target"), dict):
        return _of_assignment(value, names)
    return _named(json.dumps(value).decode("utf-8", "replace"), names)


def _readable(one: Mapping[str, Any], names: Names) -> Readable:
    path, before, after = one["path"], one.get("before"), one.get("after")
    lines = _changed_lines(path, before, after)
    return Readable(
        path=path,
        label=_named(one.get("label") or path, names),
        kind=str(one["kind"]),
        before=lines[0] if lines else words(path, before, names),
        after=lines[1] if lines else words(path, after, names),
        secret=bool(one.get("secret")),
    )


def _facts(one: Any) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = asdict(one) if is_dataclass(one) and not isinstance(one, type) else one
    return facts


def _text(one: Any) -> str:
    facts = _facts(one)
    held = [facts.get(name) for name in ("label", "before", "after", "value")]
    return json.dumps(held).decode("utf-8", "replace")


def _named(text: str, names: Names) -> str:
    return _ID.sub(lambda found: names.get(found.group().lower(), found.group()), text)


def _of_text(path: str, value: str, names: Names) -> str:
    if not value:
        return "empty"
    script = _script(path, value)
    if script is not None:
        return script
    definition = _DEFINITION.search(path)
    option = value.removeprefix(f"{definition.group(1)}_") if definition else value
    return _named(option, names)


def _of_assignment(row: Mapping[str, Json], names: Names) -> str:
    who = assigned(row["target"], names, names)
    said = [f"{'excluded' if who.excluded else 'included'}: {who.name}"]
    if who.filter:
        said.append(f"filter: {who.filter}")
    said += [f"{name}: {words(name, row[name], names)}" for name in sorted(row.keys() - _TOLD) if row[name]]
    return "; ".join(said)


def _script(path: str, value: Json) -> str | None:
    """The text of a script, which Graph keeps as base64; None where it is none."""
    if not isinstance(value, str) or not _SCRIPT.search(path):
        return None
    try:
        return base64.b64decode(value, validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError):
        return None


def _changed_lines(path: str, before: Json, after: Json) -> tuple[str, str] | None:
    """Of a script that changed, the lines that differ, on both sides, with their numbers."""
    one, other = _script(path, before), _script(path, after)
    if one is None or other is None:
        return None
    ours, theirs = one.splitlines(), other.splitlines()
    left: list[str] = []
    right: list[str] = []
    for what, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if what != "equal":
            left += [f"{number + 1}: {ours[number]}" for number in range(a, b)]
            right += [f"{number + 1}: {theirs[number]}" for number in range(c, d)]
    nothing = "(only line ends differ)" if ours == theirs else "(no such lines)"
    return "\n".join(left) or nothing, "\n".join(right) or nothing
