"""The composition root as a Django app: registers the system checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Holds no models."""

    name = "tenantatlas.config"
    label = "config"

    def ready(self) -> None:
        """Register the checks of the settings."""
        from tenantatlas.config import checks  # noqa: F401, PLC0415 - registers; needs loaded settings
