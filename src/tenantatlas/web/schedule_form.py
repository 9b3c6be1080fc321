"""The form of a schedule: what a person typed, as it is shown again, and as it is understood."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from tenantatlas.core.errors import AtlasError, InputError
from tenantatlas.core.json import Json
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.registry import Operation, get_operation, params_from_text, params_to_json
from tenantatlas.schedules.due import (
    WEEKDAYS,
    Cadence,
    CadenceKind,
    Slot,
    describe,
    describe_clock_changes,
    next_slots,
)
from tenantatlas.schedules.models import Missed, Tell
from tenantatlas.schedules.queries import CAPTURE
from tenantatlas.schedules.services import Wanted, read_cadence

from .picking import Picker, picked, read_picker
from .problems import Problem

NEXT_SHOWN = 5
_PARAM = "param-"
_POLICIES = f"{_PARAM}policies"
_DAYS = tuple(range(1, 8))
_WORDS = {
    "types": ("Policy types", "None ticked means all."),
    "policies": ("Policies", "None chosen means all, or all of the types ticked."),
    "name": ("Name of each backup set", "Empty means the date."),
    "set": ("Backup set", "Its number."),
}


@dataclass(frozen=True, kw_only=True)
class ParamField:
    """One parameter of the operation as a field: kind is types, policies, flag or text."""

    name: str
    label: str
    hint: str
    kind: str
    value: Json
    choices: tuple[tuple[str, str, bool], ...] = ()
    picker: Picker | None = None

    @property
    def id(self) -> str:
        """The id of its control, which errors lead to."""
        return f"{_PARAM}{self.name}"


@dataclass(frozen=True, kw_only=True)
class Times:
    """What a cadence comes to: in words, the next times, the clock changes; or why it cannot be used."""

    sentence: str = ""
    zone: str = ""
    following: tuple[Slot, ...] = ()
    changes: tuple[str, ...] = ()
    problem: Problem | None = None


def given_by(wanted: Wanted) -> QueryDict:
    """The form as it is filled in for a schedule that there is."""
    data = QueryDict(mutable=True)
    cadence = wanted.cadence
    data.update(
        {
            "name": wanted.name,
            "kind": cadence.kind.value,
            "at": f"{cadence.at:%H:%M}",
            "cron": cadence.cron,
            "zone": cadence.zone,
            "missed": wanted.missed.value,
            "told": wanted.owner_told.value,
            "keep_last": "" if wanted.keep_last is None else str(wanted.keep_last),
        }
    )
    data.setlist("weekday", [str(day) for day in cadence.weekdays])
    for name, value in wanted.params.items():
        shown = list(value) if isinstance(value, list | tuple) else [_text(value)]
        data.setlist(f"{_PARAM}{name}", shown if name == "types" else [",".join(map(str, shown))])
    return data


def sent(data: QueryDict) -> QueryDict:
    """The form as it was sent, with the policies chosen that are ticked in it."""
    filled = data.copy()
    filled[_POLICIES] = ",".join(picked(_policies(data), data))
    return filled


def _policies(data: QueryDict) -> list[str]:
    ids = ",".join(data.getlist(_POLICIES)).split(",")
    return [each.strip() for each in ids if each.strip()]


def _text(value: Json) -> str:
    return "yes" if value is True else "" if value is None or value is False else str(value)


def nightly_address(slug: str) -> str:
    """The form of a new schedule, filled in for a backup every night."""
    query = urlencode({"operation": CAPTURE, "name": "Nightly backup"})
    return f"{reverse('schedule_new', kwargs={'slug': slug})}?{query}"


def blank(zone: str, *, name: str = "") -> QueryDict:
    """The form before anything is decided, in the person's own zone; a name may be proposed."""
    data = QueryDict(mutable=True)
    data.update(
        {
            "name": name,
            "kind": CadenceKind.DAILY.value,
            "at": "02:00",
            "zone": zone,
            "missed": Missed.RUN_ONCE.value,
            "told": Tell.ALWAYS.value,
        }
    )
    return data


def read_times(data: QueryDict, *, after: datetime) -> Times:
    """What the cadence typed so far comes to."""
    try:
        cadence = _cadence(data)
    except InputError as error:
        return Times(problem=_problem(error))
    return times_of(cadence, after=after)


def times_of(cadence: Cadence, *, after: datetime) -> Times:
    """What the cadence comes to."""
    return Times(
        sentence=describe(cadence),
        zone=cadence.zone,
        following=tuple(next_slots(cadence, after=after, number=NEXT_SHOWN)),
        changes=tuple(describe_clock_changes(cadence, after=after)),
    )


def read_wanted(data: QueryDict, operation: str) -> tuple[Wanted | None, list[Problem]]:
    """What the person decided, or everything that stands against it, each with its field."""
    problems: list[Problem] = []
    cadence = _try(problems, lambda: _cadence(data))
    params = _try(problems, lambda: _params(data, get_operation(operation)), prefix=_PARAM)
    keep_last = _try(problems, lambda: _keep_last(data))
    if not data.get("name", "").strip():
        problems.insert(0, Problem(field="name", message="Give the schedule a name."))
    if problems:
        return None, problems
    return (
        Wanted(
            name=str(data["name"]),
            operation=operation,
            cadence=cadence,
            params=params,
            missed=_choice(Missed, data.get("missed", "")) or Missed.RUN_ONCE,
            owner_told=_choice(Tell, data.get("told", "")) or Tell.ALWAYS,
            keep_last=keep_last,
        ),
        [],
    )


def problem_of(error: AtlasError, operation: str) -> Problem:
    """An error that the service raised, with the field it is about: of the operation, or of the schedule."""
    field = error.details.get("field")
    params = {each.name for each in dataclasses.fields(get_operation(operation).params_type)}
    own = params - {"name"}  # the schedule has a name of its own, which the service speaks of
    return _problem(error, prefix=_PARAM if field in own else "")


def _try(problems: list[Problem], read: Any, *, prefix: str = "") -> Any:
    try:
        return read()
    except InputError as error:
        problems.append(_problem(error, prefix=prefix))
        return None


def _problem(error: AtlasError, *, prefix: str = "") -> Problem:
    field = str(error.details.get("field", "name"))
    return Problem(field=prefix + field, message=error.message, hint=error.hint)


def _cadence(data: QueryDict) -> Cadence:
    kind = _choice(CadenceKind, data.get("kind", "")) or CadenceKind.DAILY
    days = tuple(int(day) for day in data.getlist("weekday") if day in map(str, _DAYS))
    return read_cadence(
        kind=kind,
        zone=data.get("zone", "").strip(),
        at=data.get("at", ""),
        weekdays=days,
        cron=data.get("cron", ""),
    )


def _choice(words: Any, value: str) -> Any:
    return words(value) if value in {each.value for each in words} else None


def _keep_last(data: QueryDict) -> int | None:
    text = data.get("keep_last", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):  # noqa: PLR2004 - digits
        raise InputError("Give a number of sets, or nothing to keep all.", details={"field": "keep_last"})
    return int(text)


def _params(data: QueryDict, op: Operation[Any]) -> dict[str, Json]:
    texts = {}
    for field in dataclasses.fields(op.params_type):
        given = ",".join(data.getlist(f"{_PARAM}{field.name}")).strip()
        if _is_flag(field):
            texts[field.name] = "yes" if given else "no"
        elif given:
            texts[field.name] = given
    return params_to_json(params_from_text(op, texts))


def param_fields(data: QueryDict, operation: str) -> list[ParamField]:
    """A field for each parameter of the operation, as it was filled in."""
    return [_param_field(data, field) for field in dataclasses.fields(get_operation(operation).params_type)]


def _param_field(data: QueryDict, field: dataclasses.Field[Any]) -> ParamField:
    label, hint = _WORDS.get(field.name, (field.name.replace("_", " ").capitalize(), ""))
    given = data.getlist(f"{_PARAM}{field.name}")
    if field.name == "types":
        choices = tuple((each.key, each.label, each.key in given) for each in _types_by_label())
        return ParamField(
            name=field.name, label=label, hint=hint, kind="types", value=len(given), choices=choices
        )
    if field.name == "policies":
        ids = _policies(data)
        return ParamField(
            name=field.name,
            label=label,
            hint=hint,
            kind="policies",
            value=",".join(ids),
            picker=read_picker(ids, data),
        )
    kind = "flag" if _is_flag(field) else "text"
    return ParamField(name=field.name, label=label, hint=hint, kind=kind, value=",".join(given))


def _is_flag(field: dataclasses.Field[Any]) -> bool:
    return str(field.type) == "bool"


def _types_by_label() -> list[Any]:
    return sorted(all_types(), key=lambda each: each.label.lower())


def weekday_choices(data: QueryDict) -> list[tuple[int, str, bool]]:
    """Number, name and whether it is ticked, for each weekday."""
    chosen = data.getlist("weekday")
    return [(day, WEEKDAYS[day - 1], str(day) in chosen) for day in _DAYS]
