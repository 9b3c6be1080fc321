"""What every worker does for restores now and then."""

from __future__ import annotations

from tenantatlas.runs.upkeep import periodic

from .twins import look_for_late_twins


@periodic("restore.late_twins", every_seconds=60)
def watch_for_late_twins() -> None:
    """Look through the captures that ended since for what lost answers made twice."""
    look_for_late_twins()
