"""The composition root as a Django app: registers the system checks, installs the clock."""

from django.apps import AppConfig
from django.conf import settings

from tenantatlas.core import clock


class ConfigConfig(AppConfig):
    """Holds no models."""

    name = "tenantatlas.config"
    label = "config"

    def ready(self) -> None:
        """Register the checks of the settings, and run time as they say."""
        from tenantatlas.config import checks  # noqa: F401, PLC0415 - registers; needs loaded settings

        if settings.ATLAS_TIME_SCALE != 1:
            clock.install_clock(clock.SystemClock(settings.ATLAS_TIME_SCALE))
