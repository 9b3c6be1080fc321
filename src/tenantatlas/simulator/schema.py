"""Microsoft's published schema as a check of what is written: properties, types, enum members, nullability.

The file is optional (`Simulator(schema=...)`); without it the collections' own facts are all there is.
Beside it may lie `observed-undeclared.json`: properties that the service carries without declaring them.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tenantatlas.core.json import Json, Number

from .errors import AnswerError, bad_request

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,7})?)?")
_DURATION = re.compile(r"-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Property:
    """One declared property."""

    type: str
    required: bool = False  # null is refused
    read_only: bool = False
    navigation: bool = False

    @property
    def many(self) -> bool:
        """Is it a list?"""
        return self.type.startswith("[")

    @property
    def item(self) -> str:
        """Its type, or that of its elements."""
        return self.type.strip("[]")


def _is_int(value: Json) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, Number) and re.fullmatch(r"-?\d+", value.text) is not None
    )


def _is_number(value: Json) -> bool:
    return _is_int(value) or isinstance(value, float | Number) or value in {"INF", "-INF", "NaN"}


def _is_base64(value: Json) -> bool:
    if not isinstance(value, str):
        return False
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _matches(pattern: re.Pattern[str]) -> Callable[[Json], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_PRIMITIVES: dict[str, Callable[[Json], bool]] = {
    "Edm.String": lambda value: isinstance(value, str),
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Int": _is_int,
    "Edm.Int16": _is_int,
    "Edm.Int32": _is_int,
    "Edm.Int64": _is_int,
    "Edm.Byte": _is_int,
    "Edm.Float": _is_number,
    "Edm.Double": _is_number,
    "Edm.Single": _is_number,
    "Edm.Decimal": _is_number,
    "Edm.DateTimeOffset": _matches(_DATE_TIME),
    "Edm.Date": _matches(_DATE),
    "Edm.TimeOfDay": _matches(_TIME),
    "Edm.Duration": _matches(_DURATION),
    "Edm.Guid": _matches(_GUID),
    "Edm.Binary": _is_base64,
}


class Schema:
    """The types and enums of one schema file."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        model = orjson.loads(path.read_bytes())
        self._versions: dict[str, dict[str, Any]] = {name: model[name] for name in ("beta", "v1.0")}
        self._observed = self._read_observed(path.with_name("observed-undeclared.json"))
        self._declared: dict[tuple[str, str], dict[str, Property]] = {}

    @staticmethod
    def _read_observed(path: Path) -> set[str]:
        if not path.is_file():
            return set()
        return {row["property"] for row in orjson.loads(path.read_bytes()) if row["origin"] == "service"}

    def knows(self, name: str, *, version: str = "beta") -> bool:
        """Is there such a type?"""
        return name in self._versions[version]["types"]

    def is_abstract(self, name: str) -> bool:
        """Must a body say which derived type it is?"""
        return bool(self._versions["beta"]["types"][name].get("abs"))

    def derives(self, name: str, base: str, *, version: str = "beta") -> bool:
        """Is `name` the type `base` or one derived from it?"""
        types = self._versions[version]["types"]
        current: str | None = name
        while current is not None and current != base:
            current = types.get(current, {}).get("b")
        return current == base

    def properties(self, name: str, *, version: str = "beta") -> dict[str, Property]:
        """Every property of a type, inherited ones included."""
        key = (version, name)
        if key not in self._declared:
            declared = self._versions[version]["types"].get(name, {})
            inherited = self.properties(declared["b"], version=version) if declared.get("b") else {}
            own = {prop: self._property(spec) for prop, spec in declared.get("p", {}).items()}
            links = {
                prop: self._property(spec, navigation=True) for prop, spec in declared.get("n", {}).items()
            }
            self._declared[key] = {**inherited, **own, **links}
        return self._declared[key]

    @staticmethod
    def _property(spec: Any, *, navigation: bool = False) -> Property:
        if isinstance(spec, str):
            return Property(spec, navigation=navigation)
        return Property(
            spec["t"],
            required=bool(spec.get("nn")),
            read_only=bool(spec.get("ro") or spec.get("dro")),
            navigation=navigation,
        )

    def check(self, name: str, body: dict[str, Json]) -> None:
        """Refuse a written body that the schema does not allow; the first fault found is the answer."""
        self._check_type(name, body, top=True)

    def _check_type(self, declared: str, body: Json, *, top: bool = False) -> None:
        if not isinstance(body, dict):
            raise bad_request(f"An object of type '{declared}' was expected.", code="ModelValidationFailure")
        name = self._resolve(declared, body)
        known = self.properties(name)
        for key, value in body.items():
            if "@" in key or key.startswith("#"):
                continue
            spec = known.get(key)
            if spec is None:
                self._refuse_unknown(name, key)
            elif not (spec.navigation and top):
                self._check_value(key, spec, value)

    def _resolve(self, declared: str, body: dict[str, Json]) -> str:
        given = body.get("@odata.type")
        if given is None:
            return declared
        name = str(given).removeprefix("#").removeprefix("microsoft.graph.")
        if not self.knows(name):
            raise bad_request(
                f"A type named 'microsoft.graph.{name}' could not be resolved by the model. When a model is "
                "available, each type name must resolve to a valid type.",
                code="ModelValidationFailure",
            )
        if self.knows(declared) and not self.derives(name, declared):
            raise bad_request(
                f"The type 'microsoft.graph.{name}' is not derived from 'microsoft.graph.{declared}'.",
                code="ModelValidationFailure",
            )
        return name

    def _refuse_unknown(self, name: str, key: str) -> None:
        if self._is_observed(name, key):
            return
        raise bad_request(
            f"The property '{key}' does not exist on type 'microsoft.graph.{name}'. Make sure to only use "
            "property names that are defined by the type.",
            code="ModelValidationFailure",
        )

    def _is_observed(self, name: str, key: str) -> bool:
        types = self._versions["beta"]["types"]
        current: str | None = name
        while current is not None:
            if f"{current}/{key}" in self._observed:
                return True
            current = types.get(current, {}).get("b")
        return False

    def _check_value(self, key: str, spec: Property, value: Json) -> None:
        if spec.read_only and key != "id" and not spec.navigation:
            raise bad_request(
                f"Property '{key}' is read-only and cannot be set.", code="ModelValidationFailure"
            )
        if value is None:
            self._check_null(key, spec)
            return
        if not spec.many:
            self._check_single(key, spec.item, value)
            return
        if not isinstance(value, list):
            raise self._mismatch(key)
        for element in value:
            self._check_single(key, spec.item, element)

    def _check_null(self, key: str, spec: Property) -> None:
        if spec.many:
            raise self._mismatch(key)
        if spec.required:
            raise bad_request(
                f"A null value was found for the property named '{key}', which has the expected type "
                f"'{spec.item}[Nullable=False]'. The expected type does not allow null values.",
                code="ModelValidationFailure",
            )

    @staticmethod
    def _mismatch(key: str) -> AnswerError:
        return bad_request(
            f"Property {key} in payload has a value that does not match schema.",
            code="ModelValidationFailure",
        )

    def _check_single(self, key: str, declared: str, value: Json) -> None:
        primitive = _PRIMITIVES.get(declared)
        if primitive is not None:
            if not primitive(value):
                raise bad_request(
                    f"Cannot convert the literal '{str(value)[:60]}' to the expected type '{declared}'.",
                    code="ModelValidationFailure",
                )
        elif declared in self._versions["beta"]["enums"]:
            self._check_enum(declared, value)
        elif self.knows(declared):
            self._check_type(declared, value)
        elif value == "" and isinstance(value, str):
            raise self._mismatch(key)

    def _check_enum(self, declared: str, value: Json) -> None:
        enum = self._versions["beta"]["enums"][declared]
        given = str(value).split(",") if enum.get("f") else [value]
        if not isinstance(value, str) or any(part not in enum["m"] for part in given):
            raise bad_request(
                f"Requested value '{str(value)[:60]}' was not found in enum 'microsoft.graph.{declared}'.",
                code="ModelValidationFailure",
            )
