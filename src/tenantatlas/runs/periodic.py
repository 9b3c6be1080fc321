"""What every worker does for the tenants' connections now and then: `tenants` lies below `runs`."""

from __future__ import annotations

from .expiring import tell_of_ending_credentials
from .upkeep import periodic


@periodic("runs.expiring", every_seconds=300)
def watch_credentials() -> None:
    """Tell of credentials that end soon: by the day, so minutes are soon enough."""
    tell_of_ending_credentials()
