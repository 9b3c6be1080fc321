"""The one reader of the environment. Every setting a person can make is asked for here, with its sentence.

A value that cannot be read stops the program with the name of the variable, what was expected and an example;
nothing
falls back in silence. What was asked is kept in `Env.known`, from which the reference page is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenantatlas.core.errors import InputError

_YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"0", "no", "false", "off", ""})


@dataclass(frozen=True, kw_only=True)
class Known:
    """A setting as it was asked for."""

    name: str
    kind: str
    default: str
    sentence: str


class Env:
    """Reads typed values from a mapping, usually `os.environ`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.known: list[Known] = []

    def text(self, name: str, *, default: str = "", sentence: str) -> str:
        """The value as written, without surrounding space."""
        return self._take(name, kind="text", default=default, sentence=sentence)

    def words(self, name: str, *, default: str = "", sentence: str) -> list[str]:
        """A list of words separated by commas."""
        value = self._take(name, kind="list", default=default, sentence=sentence)
        return [word.strip() for word in value.split(",") if word.strip()]

    def path(self, name: str, *, default: Path, sentence: str) -> Path:
        """An absolute path; `~` is the home folder."""
        value = self._take(name, kind="path", default=str(default), sentence=sentence)
        return Path(value).expanduser().absolute()

    def optional_path(self, name: str, *, sentence: str) -> Path | None:
        """An absolute path to a file that must exist, or nothing."""
        value = self._take(name, kind="path", default="", sentence=sentence)
        if not value:
            return None
        path = Path(value).expanduser().absolute()
        if not path.is_file():
            raise InputError(f"{name} names {path}, which is not a file.", hint=f"Correct or unset {name}.")
        return path

    def flag(self, name: str, *, sentence: str) -> bool:
        """Yes or no; no unless said."""
        value = self._take(name, kind="yes or no", default="no", sentence=sentence).lower()
        if value not in _YES | _NO:
            raise InputError(f"{name} is {value!r}, not yes or no.", hint=f"Set {name}=yes or unset it.")
        return value in _YES

    def number(
        self, name: str, *, default: float, sentence: str, least: float = 0.0, most: float = 1e9
    ) -> float:
        """A number between two bounds, both allowed."""
        value = self._take(name, kind="number", default=f"{default:g}", sentence=sentence)
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise InputError(
                f"{name} is {value!r}, not a number from {least:g} to {most:g}.",
                hint=f"Set {name}={default:g} or unset it.",
            )
        return number

    def _take(self, name: str, *, kind: str, default: str, sentence: str) -> str:
        self.known.append(Known(name=name, kind=kind, default=default, sentence=sentence))
        value = self._values.get(name, "").strip()
        return value or default
