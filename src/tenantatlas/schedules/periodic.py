"""What every worker does for schedules now and then."""

from __future__ import annotations

from tenantatlas.runs.upkeep import periodic

from .promises import tell_of_late_backups
from .slots import start_due_slots


@periodic("schedules.slots", every_seconds=5)
def start_what_is_due() -> None:
    """Start the slots that are due; to the minute, so every few seconds."""
    start_due_slots()


@periodic("schedules.promises", every_seconds=60)
def watch_promises() -> None:
    """Tell of backups that are overdue."""
    tell_of_late_backups()
