"""Permissions refused in a row: after the third, the same kind of request is not sent for a while."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, ConsentMissing

from .errors import path_template

_IN_A_ROW = 3
_HALT_SECONDS = 60.0


@dataclass
class _Count:
    in_a_row: int = 0
    until: float = 0.0
    error: ConsentMissing | None = None


class Refusals:
    """Counts answers 403 by family and path template.

    Not by family alone: several permissions lie in one family, and what one type may not read another may.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], _Count] = {}

    def check(self, family: str, method: str, paths: Iterable[str]) -> None:
        """Raise the last refusal again where all these kinds of request are halted."""
        errors = [self._halt(family, method, path) for path in paths]
        if errors and None not in errors and (error := errors[0]):
            raise ConsentMissing(error.message, hint=error.hint, details={**error.details, "halted": True})

    def _halt(self, family: str, method: str, path: str) -> ConsentMissing | None:
        count = self._counts.get((family, method, path_template(path)))
        return count.error if count is not None and clock.monotonic() < count.until else None

    def note(self, family: str, method: str, path: str, error: AtlasError | None) -> None:
        """How a request of this kind ended."""
        key = (family, method, path_template(path))
        if not isinstance(error, ConsentMissing):
            self._counts.pop(key, None)
            return
        count = self._counts.setdefault(key, _Count())
        count.in_a_row += 1
        if count.in_a_row >= _IN_A_ROW:
            count.until = clock.monotonic() + _HALT_SECONDS
            count.error = error

    def in_a_row(self, family: str) -> int:
        """The longest row of refusals in a family now."""
        return max((count.in_a_row for key, count in self._counts.items() if key[0] == family), default=0)
