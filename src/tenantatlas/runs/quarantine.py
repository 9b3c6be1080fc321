"""A run whose own bookkeeping breaks is tried three times, then taken out of the way; others go on.

What an operation does wrong ends its run in the executor. This is about what is around it: a claim, a count,
a timeline line, the completion of a domain record. Such a bug would otherwise be met again for ever, since
the keeper brings back whatever is open.
"""

from __future__ import annotations

import logging

from tenantatlas.core import ids
from tenantatlas.core.errors import InternalError
from tenantatlas.core.log import redact_text

from . import endings, journal
from .context import Word
from .registry import Fenced

log = logging.getLogger(__name__)

#: How often a run's bookkeeping may break without an item recorded in between.
MOST_BREAKDOWNS = 3


def contain(run_id: int, *, dispatch: int, error: Exception) -> Word:
    """A part of the work broke outside the operation: the run is put back, or the third time ended."""
    if isinstance(error, Fenced):
        return Word.GONE
    reference = ids.fresh_id()[:8]
    log.error(
        "run_bookkeeping_broke",
        extra={"run": run_id, "reference": reference, "error": redact_text(repr(error))[:500]},
        exc_info=error,
    )
    put_back = note(run_id, dispatch=dispatch, why=f"{type(error).__name__}, reference {reference}")
    return Word.ASIDE if put_back else Word.GONE


def note(run_id: int, *, dispatch: int, why: str) -> bool:
    """Count that the run broke. True when it is queued again, under the next dispatch number."""
    number = journal.note_breakdown(run_id, dispatch=dispatch, why=why)
    if number >= MOST_BREAKDOWNS:
        endings.give_up(run_id, dispatch=dispatch + 1, error=_given_up(why))
    return 0 < number < MOST_BREAKDOWNS


def _given_up(why: str) -> InternalError:
    return InternalError(
        f"This is our fault: keeping the records of this run broke {MOST_BREAKDOWNS} times ({why}).",
        hint="What was done stays done. The log has the details; start it again once they are understood.",
    )
