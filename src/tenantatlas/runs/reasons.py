"""What a failure's code amounts to: an error's own code, or one that only items of runs end with. Pure.

The one place that gives such a code its meaning, and with it the exit code of a command that waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tenantatlas.core import errors
from tenantatlas.core.errors import AtlasError

#: The codes that no error has, and the error that each amounts to.
AMOUNTS_TO: Mapping[str, type[AtlasError]] = {
    # The tenant or the plan is not as it has to be: a person looks, then begins again.
    "changed_since_preview": errors.Conflict,
    "changed_during_capture": errors.Conflict,
    "vanished": errors.Conflict,
    "ambiguous": errors.Conflict,
    "mapping": errors.Conflict,
    "approval": errors.Conflict,
    "unsettled": errors.Conflict,
    "stays": errors.Conflict,
    "not_there": errors.NotFound,
    # Microsoft Graph did something else than asked, or nobody knows what it did.
    "differs": errors.UpstreamError,
    "still_there": errors.UpstreamError,
    "unverified": errors.UpstreamError,
    "no_answer": errors.UpstreamError,
    "late_twin": errors.UpstreamError,
    "not_swept": errors.UpstreamError,
    "not_known": errors.UpstreamError,
    "unreadable_rows": errors.UpstreamError,
    "not_read": errors.UpstreamError,
    "not_checked_again": errors.UpstreamError,
    # These follow from what else went wrong.
    "needs_failed": errors.Incomplete,
    "interrupted": errors.Incomplete,
    "stopped": errors.Cancelled,
    # An item that says nothing of why.
    "failed": errors.InternalError,
}


def error_of(code: str) -> type[AtlasError] | None:
    """The error that a failure's code amounts to; none for a code that nobody knows."""
    if code in AMOUNTS_TO:
        return AMOUNTS_TO[code]
    return next((leaf for leaf in _leaves(AtlasError) if leaf.code == code), None)


def follows_from_others(code: str) -> bool:
    """Whether the code only says that something else went wrong."""
    return error_of(code) is errors.Incomplete


def exit_code_of_failures(codes: Iterable[str]) -> int:
    """The exit code of the first failure that is a cause, else of the first; our fault without any."""
    given = list(codes)
    code = next((code for code in given if not follows_from_others(code)), next(iter(given), ""))
    error = error_of(code)
    return error.exit_code if error else errors.InternalError.exit_code


def _leaves(error: type[AtlasError]) -> Iterator[type[AtlasError]]:
    for below in error.__subclasses__():
        yield below
        yield from _leaves(below)
