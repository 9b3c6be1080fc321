"""The Django app of this package."""

from django.apps import AppConfig


class DriftConfig(AppConfig):
    """Registered under the label `drift`."""

    name = "tenantatlas.drift"
    label = "drift"
    default_auto_field = "django.db.models.BigAutoField"
