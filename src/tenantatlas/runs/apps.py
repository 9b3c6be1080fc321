"""The Django app of this package."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Registered under the label `runs`."""

    name = "tenantatlas.runs"
    label = "runs"
    default_auto_field = "django.db.models.BigAutoField"
